"""What a tick of each controller asks of Azure and of Redis: 1,000 machines in one scale set, two, and a Flexible one.

python -m benchmarks.calls: the real controllers, the real SDK over the emulator's wire, a redis-server; as a table.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
from azure.core.credentials import AccessToken

from benchmarks.rows import Row as Figure
from emulator import region
from emulator.behaviour import Behaviour, Latencies
from emulator.orders import OrderKind, Protection, Scale
from emulator.region import Profile
from emulator.scale_set import EmulatedScaleSet
from emulator.wire.server import serve
from emulator.wire.site import Site
from scaler.actuate import Ports
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.instance import InstanceId, Orchestration, ScaleSetName, SessionId, VmId
from scaler.model.lifecycle import Change
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Notes, Record, Row, Status
from scaler.registry.keys import Keys
from scaler.registry.redis import RedisRegistry
from scaler.registry.reservations import Reservations
from scaler.tick import Tick
from scaler.vmss.client import connect
from scaler.vmss.flexible import FlexibleScaleSet
from scaler.vmss.gates import Budget, Gates, Kind
from scaler.vmss.scale_set import ArmScaleSet
from simulator.parts.redis_server import redis_server

SIZE = 1000
PAGE = 100  # rows of a listing; Azure's number is not known
VISITORS = 10
A_WHILE = timedelta(minutes=5)  # longer than anything takes in the emulated Azure
READS = {"list": (Kind.LIST, Kind.LIST_VMS), "view": (Kind.VIEW,), "GET": (Kind.GET,), "network": (Kind.NETWORK,)}
DOORS: Mapping[Orchestration, type[ArmScaleSet]] = {
    Orchestration.UNIFORM: ArmScaleSet,
    Orchestration.FLEXIBLE: FlexibleScaleSet,
}


class CountingConnection(redis.Connection):
    """One packet is one round trip."""

    packets = 0

    def send_packed_command(self, command: Any, check_health: bool = True) -> Any:
        """One more."""
        CountingConnection.packets += 1
        return super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]


class HandClock:
    """Azure's time, and this process's: it passes when told to."""

    def __init__(self) -> None:
        self.passed = timedelta()

    def now(self) -> datetime:
        """The time of day."""
        return datetime(2026, 1, 1, tzinfo=UTC) + self.passed

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self.passed.total_seconds()

    def sleep(self, duration: timedelta) -> None:
        """Let time pass."""
        self.passed += duration


class Token:
    """A credential that costs nothing."""

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        return AccessToken("a-token", 4_000_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The scaler's doors, and what is behind them."""

    azure: Sequence[EmulatedScaleSet]
    scale_sets: Sequence[ArmScaleSet]
    registry: RedisRegistry
    visitors: Reservations
    clock: HandClock

    def tick(self, name: Actor) -> str:
        """One tick of a controller: what it cost, as a row of the table."""
        capacity = {it.name: Capacity(desired=SIZE // len(self.azure)) for it in self.scale_sets}
        registry = None if name is Actor.PROVISIONER else self.registry
        ports = Ports(registry=registry, scale_sets={it.name: it for it in self.scale_sets}, clock=self.clock)
        policy = Policy(capacity=capacity, max_marks=VISITORS, first_look_cold=timedelta(0))  # Redis' clock is real
        tick = Tick(name, ports, policy)
        asked, packets = self.asked(), CountingConnection.packets
        report = tick.run()
        failed = [each.error for each in report.outcomes if each.error is not None]
        assert not failed, failed[0]
        spent = self.asked() - asked
        reads = {name: sum(spent.pop(kind, 0) for kind in kinds) for name, kinds in READS.items()}
        told = ", ".join(f"{number} {kind}" for kind, number in sorted(spent.items())) or "–"
        counts = "".join(f"{number:>9}" for number in reads.values())
        return f"{counts}{CountingConnection.packets - packets:>9}  {len(report.outcomes):>5}  {told}"

    def later(self) -> None:
        """Let Azure finish what is under way."""
        self.clock.sleep(A_WHILE)

    def asked(self) -> Counter[Kind]:
        """All requests so far."""
        return sum((Counter(it.gates.asked) for it in self.scale_sets), Counter())


@contextmanager
def house(scale_sets: int, orchestration: Orchestration, url: str) -> Iterator[House]:
    """So many scale sets with 1,000 machines together, all of them known and at rest."""
    clock = HandClock()
    how: dict[str, Any] = {
        "behaviour": Behaviour(latencies=Latencies().exact()),
        "profile": Profile(orchestration=region.Orchestration(orchestration)),
    }
    azure = [EmulatedScaleSet(clock.now, name=f"vmss-{n}", seed=n, **how) for n in range(scale_sets)]
    site = Site(page_size=PAGE)
    with ExitStack() as stack:
        server = stack.enter_context(serve(azure, site=site))
        client = connect(site.place.subscription, Token(), endpoint=server.url)
        stack.callback(client.sdk.close)
        pool = redis.ConnectionPool.from_url(url, connection_class=CountingConnection)
        store = stack.enter_context(redis.Redis.from_pool(pool))
        store.flushall()
        generous = replace(Budget(), pages_a_minute=1e6)  # the count is what matters here, not the pace
        doors = [
            DOORS[orchestration](client, site.place.resource_group, it.name, clock=clock, gates=Gates(clock, generous))
            for it in azure
        ]
        found = House(
            azure=azure,
            scale_sets=doors,
            registry=RedisRegistry(store, Keys()),
            visitors=Reservations(store, Keys()),
            clock=clock,
        )
        _settle(found)
        yield found


def _settle(house: House) -> None:
    """Machines at rest, marked, and in the registry as Available."""
    for azure in house.azure:
        azure.scale(Scale(capacity=SIZE // len(house.azure)), by="operator")
        house.later()
        for each in azure.vms:
            azure.order(OrderKind.DEALLOCATE, [each.instance_id], by="operator", single=True)
        house.later()
        for each in azure.vms:
            azure.protect(each.instance_id, Protection(from_scale_in=True), by="operator")
        house.later()
        house.registry.apply([_admission(house, azure, each.instance_id, each.vm_id) for each in azure.vms])

    house.registry.read()  # sends the scripts that this server has not seen yet


def _admission(house: House, azure: EmulatedScaleSet, instance_id: str, vm_id: str) -> Change:
    now, address = house.clock.now(), InstanceId(instance_id)
    notes = Notes(
        scale_set=ScaleSetName(azure.name),
        unique_id=azure.set_state.unique_id,
        instance_id=address,
        mark_asked_at=now,
        mark_seen_at=now,
        admitted_at=now,
    )
    record = Record(vm_id=VmId(vm_id), instance_id=address, status=Status.AVAILABLE)
    return Change(row=Row(vm_id=VmId(vm_id)), edge=None, record=record, notes=notes, index=Status.AVAILABLE)


def rows(house: House) -> Iterator[tuple[Actor, str, str]]:
    """Controller, situation and cost, through one round of visits."""
    yield from ((name, "nothing to do", house.tick(name)) for name in CONTROLLERS)
    for count in (3, VISITORS - 3):
        for n in range(count):
            house.visitors.reserve(SessionId(f"visitor-{count}-{n}"))
        yield Actor.STARTER, f"{count} reserved", house.tick(Actor.STARTER)
        house.later()
        yield Actor.STARTER, f"{count} started, and run", house.tick(Actor.STARTER)
        for n in range(count):
            house.visitors.release(SessionId(f"visitor-{count}-{n}"))
    yield Actor.CLEANER, f"{VISITORS} released", house.tick(Actor.CLEANER)
    house.later()
    yield Actor.CLEANER, f"{VISITORS} gone", house.tick(Actor.CLEANER)
    yield Actor.PROVISIONER, f"{VISITORS} too few", house.tick(Actor.PROVISIONER)
    house.later()
    yield Actor.PROVISIONER, f"{VISITORS} new, and run", house.tick(Actor.PROVISIONER)
    house.later()
    yield Actor.RECONCILER, f"{VISITORS} new, at rest", house.tick(Actor.RECONCILER)


def figures() -> Iterator[Figure]:
    """The requests of a tick that opens one machine, for that machine's addresses."""
    with redis_server() as server, house(1, Orchestration.UNIFORM, server.url) as found:
        found.visitors.reserve(SessionId("visitor"))
        found.tick(Actor.STARTER)
        found.later()
        before = found.asked()
        found.tick(Actor.STARTER)
        asked = (found.asked() - before)[Kind.NETWORK]
    yield Figure(name=f"addresses of one of {SIZE:,} machines", unit="ARM calls", ours=asked, goal=3)


def main() -> None:
    """Each house in turn, a table each."""
    houses = ((1, Orchestration.UNIFORM), (2, Orchestration.UNIFORM), (1, Orchestration.FLEXIBLE))
    with redis_server() as server:
        for scale_sets, orchestration in houses:
            print(f"\n{scale_sets} × {SIZE // scale_sets} machines, {orchestration}, {PAGE} to a page, {server.name}")
            heads = "".join(f"{each:>9}" for each in (*READS, "Redis"))
            print(f"{'tick':<12}{'situation':<22}{heads}  steps  orders to Azure")
            with house(scale_sets, orchestration, server.url) as found:
                for name, situation, cost in rows(found):
                    print(f"{name:<12}{situation:<22}{cost}")


if __name__ == "__main__":
    main()
