"""A busy scale set for disasters: hundreds of visitors in session, four controllers at their pace, and their log."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from clock import ManualClock

from emulator.behaviour import Behaviour, Latencies
from emulator.history import Event, What
from emulator.in_process import InProcessScaleSet
from emulator.redis.memory import MemoryRegistry
from emulator.scale_set import EmulatedScaleSet
from scaler.actuate import Ports
from scaler.errors import ScalerError
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.instance import PowerState, ScaleSetName, SessionId, VmId
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Status
from scaler.observe import Listings
from scaler.registry.reservations import Reservations, Stage
from scaler.telemetry import Telemetry, read
from scaler.tick import Tick
from simulator.chaos.doors import Door, Gate

SCALE_SET = ScaleSetName("vmss-pixels")
_S, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
_EVERY = {Actor.PROVISIONER: 60 * _S, Actor.RECONCILER: 30 * _S, Actor.STARTER: 10 * _S, Actor.CLEANER: 15 * _S}
_HURTS = {What.STOP_ORDERED, What.DEALLOCATE_ORDERED, What.DELETE_ORDERED}

PROMPT = Behaviour(latencies=replace(Latencies(), accept=(0.0, 0.0)))  # answers take no time: hundreds are asked for

type Guard = Callable[[str], ScalerError | None]


def lets_pass(_call: str) -> ScalerError | None:
    """The guard of a door on a good day."""
    return None


@dataclass(slots=True)
class Guarded(Gate):
    """A gate whose guard may answer a call with an error before it gets there."""

    guard: Callable[[], Guard]

    def before(self, call: str) -> None:
        """Ask the guard of this moment."""
        refusal = self.guard()(call)
        if refusal is not None:
            raise refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the log, and when it was written."""

    at: datetime
    level: int
    event: str
    controller: str
    why: str
    error: str
    edge: str
    order: str
    result: str


class Log(logging.Handler):
    """Keeps every line."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__(logging.INFO)
        self.lines: list[Line] = []
        self._now = now

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        sentence, facts = read(record.getMessage())
        names = ("event", "controller", "error", "edge", "order", "result")
        said = {name: str(facts.get(name, "")) for name in names}
        why = str(facts.get("why", sentence))
        self.lines.append(Line(at=self._now(), level=record.levelno, why=why, **said))


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """One session that was let in."""

    session: SessionId
    vm_id: VmId
    since: datetime


@dataclass(kw_only=True)
class House:
    """Everything on one clock. `wrongs` says whose session the scaler cut short."""

    policy: Policy
    clock: ManualClock = field(default_factory=ManualClock)
    inside: dict[VmId, Visitor] = field(default_factory=dict)
    waiting: set[SessionId] = field(default_factory=set)
    refused: set[SessionId] = field(default_factory=set)
    wrongs: list[str] = field(default_factory=list)
    azure_guard: Guard = lets_pass
    redis_guard: Guard = lets_pass

    def __post_init__(self) -> None:
        self.azure = EmulatedScaleSet(self.clock.now, name=SCALE_SET, seed=1, behaviour=PROMPT)
        self.registry = MemoryRegistry(self.clock.now)
        self.reservations = Reservations(self.registry.client, self.registry.keys)
        self.log = Log(self.clock.now)
        self.telemetry = {name: Telemetry(name) for name in CONTROLLERS}
        self._sessions = 0
        self._judged = 0
        self._due = dict.fromkeys(CONTROLLERS, self.clock.now())
        self.configure(self.azure)

    def configure(self, azure: EmulatedScaleSet, *, face: type[InProcessScaleSet] = InProcessScaleSet) -> None:
        """The function app starts anew: this scale set is what it finds behind the name, and so it is shown."""
        process = Listings()  # four controllers, one process
        self.ticks = {
            name: Tick(name, self._ports(name, azure, face), self.policy, listings=process) for name in CONTROLLERS
        }

    def _ports(self, name: Actor, azure: EmulatedScaleSet, face: type[InProcessScaleSet]) -> Ports:
        registry: Any = None if name is Actor.PROVISIONER else Door(self.registry, [Guarded(lambda: self.redis_guard)])
        shown: Any = Door(face(azure, self.clock, caller=f"scaler-{name}"), [Guarded(lambda: self.azure_guard)])
        return Ports(registry=registry, scale_sets={SCALE_SET: shown}, clock=self.clock)

    @classmethod
    def full_of(cls, sessions: int, ready: int, policy: Policy) -> "House":
        """So many in session and so many ready: filled by a policy in a hurry, then run by this one."""
        wanted = {SCALE_SET: Capacity(desired=sessions + ready)}
        hurry = replace(policy, capacity=wanted, max_surge=2000, max_marks=2000, max_gets=2000, max_start_looks=2000)
        house = cls(policy=hurry)
        house.run(12 * MINUTE, pace=3)
        house.arrive(sessions)
        house.run(4 * MINUTE, pace=3)
        assert (len(house.inside), house.amiss()) == (sessions, [])
        house.policy = replace(policy, capacity=wanted)
        house.configure(house.azure)
        return house

    # -- time

    def run(self, duration: timedelta, *, pace: float = 1) -> None:
        """All four at their timers, or at so many times longer intervals where nothing hangs on them."""
        ends = self.clock.now() + duration
        while (name := min(CONTROLLERS, key=self._due.__getitem__)) and self._due[name] <= ends:
            self.clock.advance(max(self._due[name] - self.clock.now(), timedelta(0)))
            self._due[name] = self.clock.now() + _EVERY[name] * pace
            self._tick(name)
        self.clock.advance(max(ends - self.clock.now(), timedelta(0)))
        self._judge()

    def until_well(self, within: timedelta, *, pace: float = 1) -> timedelta:
        """How long it takes until nothing is amiss."""
        began = self.clock.now()
        while self.amiss():
            assert self.clock.now() - began < within, self.amiss()[:10]
            self.run(MINUTE, pace=pace)
        return self.clock.now() - began

    def _tick(self, name: Actor) -> None:
        with self._logged():
            try:
                self.telemetry[name].report(self.ticks[name].run())
            except ScalerError as error:
                self.telemetry[name].failed(error)
        if name is Actor.STARTER:
            self._look_in()
        self._judge()

    @contextmanager
    def _logged(self) -> Iterator[None]:
        logger = logging.getLogger("scaler")
        level = logger.level
        logger.setLevel(logging.INFO)
        logger.addHandler(self.log)
        logger.propagate = False  # a hundred thousand lines: nobody else wants to keep them
        try:
            yield
        finally:
            logger.removeHandler(self.log)
            logger.propagate = True
            logger.setLevel(level)  # later tests of this process count on it

    # -- visitors

    def arrive(self, number: int) -> int:
        """So many want a machine; how many were promised one."""
        promised = 0
        for _ in range(number):
            self._sessions += 1
            session = SessionId(f"session-{self._sessions}")
            if self.reservations.reserve(session) is not None:
                self.waiting.add(session)
                promised += 1
        return promised

    def leave(self, number: int) -> None:
        """So many go, and their queue manager says so."""
        for vm_id in sorted(self.inside)[:number]:
            self.reservations.release(self.inside.pop(vm_id).session, vm_id)

    def _look_in(self) -> None:
        for session in sorted(self.waiting):
            sight = self.reservations.look(session)
            if sight.stage is Stage.OPEN and sight.reservation is not None:
                vm_id = sight.reservation.vm_id
                self.inside[vm_id] = Visitor(session=session, vm_id=vm_id, since=self.clock.now())
                self.waiting.discard(session)
            elif sight.stage in {Stage.REFUSED, Stage.ENDED}:
                self.refused.add(session)
                self.waiting.discard(session)

    # -- what came of it

    def _judge(self) -> None:
        events = self.azure.history.events
        self._judge_all(events[self._judged :])
        self._judged = len(events)

    def _judge_all(self, events: Sequence[Event]) -> None:
        for event in events:
            visitor = self.inside.get(VmId(event.vm_id or ""))
            if visitor is None or event.what not in _HURTS or not event.by.startswith("scaler"):
                continue
            if event.at - visitor.since < self.policy.session_limit:
                self.wrongs.append(f"{event.by}: {event.what} {visitor.session} after {event.at - visitor.since}")

    def deleted_since(self, moment: datetime) -> int:
        """How many machines the scaler has ordered to be deleted."""
        return sum(
            event.what is What.DELETE_ORDERED and event.by.startswith("scaler") and event.at >= moment
            for event in self.azure.history.events
        )

    def amiss(self) -> list[str]:
        """What is not as it should be: each machine is fresh and offered, or somebody's; and there are enough."""
        rows, found = self.registry.read().rows, list[str]()
        for vm in self.azure.vms:
            row = rows.get(VmId(vm.vm_id))
            status = row.status if row is not None else None
            runs = vm.power is PowerState.RUNNING
            occupied = status is Status.UNAVAILABLE and runs and row is not None and not row.readable.used  # type: ignore[union-attr]
            if not (occupied or (status is Status.AVAILABLE and not runs)):
                found.append(f"{vm.instance_id} is {status} and {vm.power}")
        found += [f"no machine behind {vm_id}" for vm_id in self.strays()]
        found += [f"{vm_id} is not where its record says" for vm_id, row in rows.items() if row.index != {row.status}]
        wanted = self.policy.capacity[SCALE_SET].desired
        return found if len(self.azure.vms) == wanted else [*found, f"{len(self.azure.vms)} instead of {wanted}"]

    def strays(self) -> list[VmId]:
        """Whom the index names, and who is no machine of this scale set."""
        living = {vm.vm_id for vm in self.azure.vms}
        return [vm_id for vm_id in self.registry.read().rows if vm_id not in living]

    def stages(self) -> Counter[Stage]:
        """Where the registry says that the sessions of those inside are."""
        return Counter(self.reservations.look(each.session).stage for each in self.inside.values())

    def said(self, why: str, *, since: datetime | None = None) -> list[Line]:
        """The lines of the log with that reason."""
        return [each for each in self.log.lines if each.why == why and (since is None or each.at >= since)]

    def failed(self, *, since: datetime) -> list[Line]:
        """The ticks that could not be done."""
        return [each for each in self.log.lines if each.event == "tick_failed" and each.at > since]
