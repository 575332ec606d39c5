"""What a tick of each controller asks of Azure and of Redis, counted.

The real controllers, the real SDK over the emulator's wire, one Uniform scale set, a redis-server.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
from azure.core.credentials import AccessToken

from benchmarks.at_rest import offered
from benchmarks.rows import Bound
from benchmarks.rows import Row as Figure
from benchmarks.slow import Slow
from emulator.behaviour import Behaviour, Latencies
from emulator.scale_set import EmulatedScaleSet
from emulator.wire.server import serve
from emulator.wire.site import Site
from scaler.actuate import Ports
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.instance import SessionId
from scaler.model.policy import Capacity, Policy
from scaler.registry.keys import Keys
from scaler.registry.redis import RedisRegistry
from scaler.registry.reservations import Reservations
from scaler.tick import Tick
from scaler.vmss.client import connect
from scaler.vmss.gates import Budget, Gates, Kind
from scaler.vmss.scale_set import ArmScaleSet
from simulator.clock import VirtualClock
from simulator.parts.redis_server import redis_server

FEW, MANY = 100, 1_000  # a scale set has no more
READS = frozenset({Kind.LIST, Kind.VIEW, Kind.GET, Kind.NETWORK})
A_WHILE = timedelta(minutes=5)  # longer than anything takes in the emulated Azure


class CountingConnection(redis.Connection):
    """A connection that counts its packets: each is a round trip to Redis."""

    packets = 0

    def send_packed_command(self, command: Any, check_health: bool = True) -> Any:
        """One more."""
        CountingConnection.packets += 1
        return super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]


class Token:
    """A credential that costs nothing."""

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        return AccessToken("a-token", 4_000_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The scaler's doors, and the machines behind them."""

    machines: int
    scale_set: ArmScaleSet
    registry: RedisRegistry
    clock: VirtualClock

    def tick(self, name: Actor) -> tuple[Counter[Kind], int]:
        """The requests of one tick to Azure, and its round trips to Redis."""
        registry = None if name is Actor.PROVISIONER else self.registry
        ports = Ports(registry=registry, scale_sets={self.scale_set.name: self.scale_set}, clock=self.clock)
        capacity = {self.scale_set.name: Capacity(desired=self.machines)}
        policy = Policy(capacity=capacity, first_look_cold=timedelta(0))  # Redis' clock is real
        asked, packets = Counter(self.scale_set.gates.asked), CountingConnection.packets
        report = Tick(name, ports, policy).run()
        failed = [*report.errors, *(each.error for each in report.outcomes if each.error is not None)]
        if failed:
            raise failed[0]
        return Counter(self.scale_set.gates.asked) - asked, CountingConnection.packets - packets

    def later(self) -> None:
        """Let Azure finish what is under way."""
        self.clock.advance(A_WHILE)


@contextmanager
def house(machines: int, page_size: int, url: str) -> Iterator[House]:
    """So many machines, all of them known, at rest and offered."""
    clock = VirtualClock(datetime.now(UTC))
    azure = EmulatedScaleSet(clock.now, name="vmss-1", behaviour=Behaviour(latencies=Latencies().exact()))
    site = Site(page_size=page_size)
    with ExitStack() as stack:
        server = stack.enter_context(serve([azure], site=site))
        client = connect(site.place.subscription, Token(), endpoint=server.url)
        stack.callback(client.close)
        pool = redis.ConnectionPool.from_url(url, connection_class=CountingConnection)
        store = stack.enter_context(redis.Redis.from_pool(pool))
        store.flushall()
        gates = Gates(clock, replace(Budget(), pages_a_minute=1e6))  # the count is what matters here, not the pace
        found = House(
            machines=machines,
            scale_set=ArmScaleSet(client, site.place.resource_group, azure.name, clock=clock, gates=gates),
            registry=RedisRegistry(store, Keys()),
            clock=clock,
        )
        found.registry.apply(offered(azure, machines, found.later))
        found.registry.read()  # sends the scripts that this server has not seen yet
        yield found


def figures(slow: Slow) -> Iterator[Figure]:
    """Requests of ticks in which nothing is to be done, and of one that opens a machine."""
    with redis_server() as server:
        with house(FEW, slow.page_size, server.url) as found:
            few = [_beyond_pages(found, name, slow) for name in CONTROLLERS]
        with house(MANY, slow.page_size, server.url) as found:
            many = [_beyond_pages(found, name, slow) for name in CONTROLLERS]
            Reservations(found.registry.client, Keys()).reserve(SessionId("visitor"))
            found.tick(Actor.STARTER)
            found.later()
            opening, _ = found.tick(Actor.STARTER)
    name = f"ARM reads of the four ticks beyond pages, N={MANY:,}"
    ours, goal = (sum(reads for reads, _ in each) for each in (many, few))
    yield Figure(name=name, unit="calls", ours=ours, goal=goal, bound=Bound.MOST)
    name = f"round trips to Redis of the costliest tick, N={MANY:,}"
    yield Figure(name=name, unit="trips", ours=max(trips for _, trips in many), goal=4, bound=Bound.MOST)
    name = f"addresses of one of {MANY:,} machines"
    yield Figure(name=name, unit="calls", ours=opening[Kind.NETWORK], goal=3, bound=Bound.MOST)


def _beyond_pages(house: House, name: Actor, slow: Slow) -> tuple[int, int]:
    house.later()  # the budget of listings is full again
    asked, trips = house.tick(name)
    pages = -(-house.machines // slow.page_size) if asked[Kind.LIST] else 0
    return sum(number for kind, number in asked.items() if kind in READS) - pages, trips
