"""How long a reservation waits until Azure has accepted the order to start its machine, and what an idle host costs.

In real time: function_app.py on the stand-in for the Functions host, with all four controllers, the schedules and
watches of the README, a redis-server, and the emulated Azure over HTTP with its latencies and request budgets. All rows
run beside each other, each with a scaler, a Redis and a scale set of its own. The machines are made before.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isnan, nan
from pathlib import Path
from random import Random
from threading import Event as Flag
from time import monotonic, sleep

import redis

from benchmarks.at_rest import offered
from benchmarks.rows import Bound, percentile
from benchmarks.rows import Row as Figure
from benchmarks.slow import Slow, wire
from emulator.behaviour import Behaviour
from emulator.history import Event, What
from emulator.scale_set import EmulatedScaleSet
from emulator.wire.server import RunningServer, serve
from emulator.wire.site import Place, Site
from scaler.cli.checks.settings import SCHEDULES
from scaler.model.instance import SessionId
from scaler.registry.keys import Keys
from scaler.registry.redis import RedisRegistry
from scaler.registry.reservations import Reservations
from scaler.settings.table import SETTINGS
from simulator.parts import child
from simulator.parts.environment import assemble
from simulator.parts.functions_host import FunctionsHost
from simulator.parts.redis_server import redis_server

LASTS = 75.0  # seconds: fewer than a cold start takes, so that the last visitors find everybody still starting
LAST_ANSWERS = 10.0  # seconds after the last visitor
STARTED = 15.0  # seconds until the starter's timer has fired, and a host has done what is done once
SETUP_BEGINS = timedelta(days=30)  # ago, by the emulated Azure's clock
A_WHILE = timedelta(minutes=5)  # longer than any operation of the emulated Azure takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Who comes, and to how many machines."""

    name: str
    machines: int
    every: float = 0.0  # seconds, on average, between two arrivals; 0: nobody comes
    at_once: int = 1  # how many come with each

    @property
    def arrivals(self) -> Iterator[float]:
        """Seconds from the beginning, irregular, but the same in every run."""
        dice, at = Random(self.name), 0.0
        while self.every and (at := at + self.every * dice.uniform(0.6, 1.4)) < LASTS:
            yield at


class Lagging:
    """Azure's clock. It is behind while the machines are made, and then the time of day."""

    def __init__(self) -> None:
        self.lag = SETUP_BEGINS

    def now(self) -> datetime:
        """The time of day, as Azure has it."""
        return datetime.now(UTC) - self.lag

    def later(self) -> None:
        """Let Azure finish what is under way."""
        self.lag -= A_WHILE


class Stage:
    """A crowd, and the scaler before its scale set."""

    def __init__(self, crowd: Crowd, slow: Slow, clock: Lagging, stack: ExitStack) -> None:
        self.crowd = crowd
        self.waits: list[float] = []
        self.processor = nan  # share of a core
        self._reserved: dict[str, float] = {}
        behaviour = Behaviour(metered=True, latencies=slow.latencies)
        slug = "".join(each if each.isalnum() else "-" for each in crowd.name.lower())
        self.azure = EmulatedScaleSet(
            clock.now, name=f"vmss-{slug}", behaviour=behaviour, tags={"scaler:managed": "true"}
        )
        server = stack.enter_context(redis_server())
        changes = offered(self.azure, crowd.machines, clock.later)
        RedisRegistry(redis.Redis(port=server.port), Keys()).apply(changes)
        self.azure.history.listeners.append(self._hear)
        self._port = stack.enter_context(wire(server.port, slow.rtt))
        self._visitors = Reservations(redis.Redis(port=self._port), Keys())

    def host(self, server: RunningServer) -> FunctionsHost:
        """The scaler, started."""
        ours = {
            **os.environ,
            **{f"{name.upper()}_SCHEDULE": schedule for name, schedule in SCHEDULES.items()},
            **{each.name: each.default or "0s" for each in SETTINGS if each.name.endswith("_WATCH")},
            "SCALER_POOL_CAPACITY": str(self.crowd.machines),
            "SCALER_WARMPOOL_SIZE": "0",
        }
        environment = assemble(ours, speed=1)
        found = environment.at(redis_url=f"redis://127.0.0.1:{self._port}", azure_url=server.url)
        return FunctionsHost({**found, "AZURE_VMSS_NAME": self.azure.name}, lambda _: None)

    def play(self, host: FunctionsHost) -> None:
        """Everybody comes, when the host watches. Raises SystemExit if the host died, or an order was late."""
        sleep(STARTED)
        before, began = _processor(host), monotonic()
        for number, at in enumerate(self.crowd.arrivals):
            sleep(max(0.0, began + at - monotonic()))
            for each in range(self.crowd.at_once):
                self._arrive(SessionId(f"visitor-{number}-{each}"))
        sleep(LAST_ANSWERS if self.crowd.every else LASTS)
        self.processor = (_processor(host) - before) / (monotonic() - began)
        if host.failure is not None:
            raise SystemExit(host.failure)
        if self._reserved:
            raise SystemExit(f"{self.crowd.name}: {len(self._reserved)} starts were not accepted in {LAST_ANSWERS:g} s")

    def _arrive(self, session: SessionId) -> None:
        began = monotonic()
        reservation = self._visitors.reserve(session)
        if reservation is None:
            raise SystemExit(f"{self.crowd.name}: no machine is free for {session}")
        self._reserved[reservation.vm_id.lower()] = began

    def _hear(self, event: Event) -> None:
        """An order that Azure accepted."""
        if event.what is What.START_ORDERED and event.vm_id is not None:
            reserved = self._reserved.pop(event.vm_id.lower(), None)
            if reserved is not None:
                self.waits.append(monotonic() - reserved)


def _processor(host: FunctionsHost) -> float:
    """Seconds of a core that the host has used; NaN where the system has no /proc."""
    with suppress(FileNotFoundError):
        fields = Path(f"/proc/{host.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return nan


def played(crowds: Sequence[Crowd], slow: Slow) -> list[Stage]:
    """All crowds at the same time, in one Azure."""
    with ExitStack() as stack:
        clock = Lagging()
        stages = [Stage(each, slow, clock, stack) for each in crowds]
        clock.lag = timedelta(0)
        example = assemble(os.environ, speed=1)
        place = Place(subscription=example.settings.subscription, resource_group=example.settings.resource_group)
        secret = example.variables["IDENTITY_HEADER"]
        site = Site(place=place, identity_secret=secret, page_size=slow.page_size)
        server = stack.enter_context(serve([stage.azure for stage in stages], site=site))
        hosts = [stage.host(server) for stage in stages]
        for host in hosts:
            stack.callback(child.end, host.process, within=5)
            host.await_ready(Flag())
        with ThreadPoolExecutor(len(stages)) as pool:
            list(pool.map(Stage.play, stages, hosts))
        return stages


def figures(slow: Slow) -> Iterator[Figure]:
    """One visitor after the other in a large pool, fifty at once, and nobody."""
    steady, burst, idle = played(
        (
            Crowd(name="N=1,000", machines=1_000, every=1),
            Crowd(name="50 at once, N=230", machines=230, every=20, at_once=50),
            Crowd(name="idle, N=20", machines=20),
        ),
        slow,
    )
    floor, most = slow.round_trip + slow.rtt.total_seconds(), slow.latencies.accept[1]
    for stage, share, least, goal in (
        (steady, 50, floor, slow.round_trip + 0.3),
        (steady, 99, most, 1.5),
        (burst, 99, most, 2.5),
    ):
        name = f"reservation → start accepted, p{share}, {stage.crowd.name}"
        ours = percentile(stage.waits, share)
        yield Figure(name=name, unit="s", ours=ours, floor=least, goal=goal, bound=Bound.MOST)
    if not isnan(idle.processor):
        name = f"a host that is idle, N={idle.crowd.machines}"
        yield Figure(name=name, unit="% core", ours=idle.processor * 100, goal=0.2, bound=Bound.MOST)
