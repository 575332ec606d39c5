"""A functions host under the production schedules, in virtual time: real controllers, real gates, ARM's budgets."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count
from random import Random

from benchmarks.slow import duration
from emulator.behaviour import Behaviour, Latencies, Span
from emulator.functions_host import ncrontab
from emulator.in_process import InProcessScaleSet
from emulator.orders import OrderKind, Protection, Scale
from emulator.redis.memory import MemoryRegistry
from emulator.scale_set import EmulatedScaleSet
from emulator.switches import Switches
from emulator.vm import VmState
from scaler.actuate import Ports
from scaler.errors import ScalerError, Throttled
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.fleet import Fleet
from scaler.model.instance import InstanceId, ScaleSetName, SessionId, VmId
from scaler.model.lifecycle import Change
from scaler.model.plan import Plan
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Notes, Record, Row, Status
from scaler.observe import Listings
from scaler.registry.reservations import Reservations, Stage
from scaler.settings.table import SETTINGS
from scaler.tick import Decide, Hints, Tick
from scaler.vmss.gates import Gates, Kind
from simulator.chaos.hosts import DECIDING
from simulator.clock import VirtualClock

SECOND = timedelta(seconds=1)
NAME = ScaleSetName("vmss-pixels")
SCHEDULES: Mapping[Actor, str] = {
    Actor.PROVISIONER: "2 * * * * *",
    Actor.RECONCILER: "5,35 * * * * *",
    Actor.STARTER: "*/10 * * * * *",
    Actor.CLEANER: "8,23,38,53 * * * * *",
}
"""The README's, in UTC."""
_PROBED = 0.125 * SECOND  # the starter's watch sees a reservation after half its interval, on average
_POLLS = 5 * SECOND  # how often a visitor's page asks whether the machine runs
_SAMPLE = 10 * SECOND
_A_WHILE = timedelta(minutes=10)  # longer than anything takes in the emulated Azure


def default_watches() -> Mapping[str, timedelta]:
    """The defaults of the settings `SCALER_…_WATCH`."""
    texts = {each.name: each.default for each in SETTINGS}
    return {name: duration(texts[f"SCALER_{name.upper()}_WATCH"] or "0s") for name in CONTROLLERS}


@dataclass(slots=True, kw_only=True)
class Counts:
    """What was counted since the last `count_anew`."""

    wanted: Counter[Actor] = field(default_factory=Counter)  # listings that a controller asked for
    got: Counter[Actor] = field(default_factory=Counter)  # and had: a new one, or another controller's
    pages: int = 0  # that ARM was asked for, all controllers together
    pool: list[int] = field(default_factory=list)  # machines in existence, every ten seconds
    reserved: int = 0
    served: int = 0
    turned_away: int = 0
    alarms: Counter[str] = field(default_factory=Counter)

    @property
    def mean_pool(self) -> float:
        """The mean of the samples."""
        return sum(self.pool) / max(len(self.pool), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Visitors who come at random, the same in each run of the same seed."""

    a_minute: float
    stay: Span = (120.0, 240.0)  # seconds from the moment a visitor is let in
    seed: int = 0

    def __iter__(self) -> Iterator[tuple[float, float]]:
        """Seconds until the next visitor comes, and how long the visitor will stay."""
        dice = Random(f"{self.a_minute} {self.seed}")
        while True:
            yield dice.expovariate(self.a_minute / 60), dice.uniform(*self.stay)


class Production:
    """One scale set with a full pool, and its visitors. `watches`: the settings' `…_WATCH`."""

    def __init__(
        self,
        *,
        machines: int,
        page_size: int,
        crowd: Crowd,
        watches: Mapping[str, timedelta] | None = None,
        latencies: Latencies | None = None,
    ) -> None:
        self.clock = VirtualClock()
        # each mark charged to its VM: with the scale set's own bucket no more than four machines a minute could be
        # offered, and the visitors beyond that, who are turned away, would need no machine
        switches = Switches(mark_bucket_per_vm=True)
        behaviour = Behaviour(switches=switches, metered=True, latencies=latencies or Latencies())
        self.azure = EmulatedScaleSet(self.clock.now, name=NAME, behaviour=behaviour)
        self.policy = Policy(capacity={NAME: Capacity(desired=machines)})
        self.counts = Counts()
        self._watches = watches or default_watches()
        self._crowd = iter(crowd)
        self._registry = MemoryRegistry(self.clock.now)
        self._reservations = Reservations(self._registry.client, self._registry.keys)
        self._fill(machines)
        self._gates = Gates(self.clock)
        self._listed: set[Actor] = set()  # whose tick under way has had a listing
        self._ticks = self._controllers(page_size)
        self._schedules = {name: ncrontab.parse(text, setting=name) for name, text in SCHEDULES.items()}
        self._agenda: list[tuple[datetime, int, Callable[[], object]]] = []
        self._numbers = count()
        self._ends = dict.fromkeys(CONTROLLERS, self.clock.now())  # of each one's latest invocation
        self._due: dict[Actor, datetime] = {}  # its next tick
        for name in CONTROLLERS:
            self._at(self._schedules[name].next_after(self.clock.now()), self._invoke(name))
        self._expect()
        self._at(self.clock.now(), self._sample)

    def run(self, duration: timedelta) -> None:
        """Let so much time pass."""
        ends = self.clock.now() + duration
        while self._agenda and self._agenda[0][0] <= ends:
            due, _, act = heappop(self._agenda)
            if due > self.clock.now():
                self.clock.advance(due - self.clock.now())
            act()

    def count_anew(self) -> None:
        """From now on."""
        self.counts = Counts(pages=-self._pages)

    @property
    def counted(self) -> Counts:
        """What was counted since."""
        return replace(self.counts, pages=self.counts.pages + self._pages)

    @property
    def until_next_listing(self) -> timedelta:
        """How long the budget of list pages would hold a listing back now."""
        try:
            self._gates.admit(Kind.LIST)
        except Throttled as held:
            return held.retry_after
        return timedelta(0)

    @property
    def _pages(self) -> int:
        return self._gates.asked[Kind.LIST]

    # -- the beginning

    def _fill(self, machines: int) -> None:
        """Machines at rest, marked, and offered."""
        self.azure.scale(Scale(capacity=machines), by="operator")
        self.clock.advance(_A_WHILE)
        self.azure.order(OrderKind.DEALLOCATE, ["*"], by="operator")
        self.clock.advance(_A_WHILE)
        for vm in self.azure.vms:
            self.azure.protect(vm.instance_id, Protection(from_scale_in=True), by="operator")
        self.clock.advance(_A_WHILE)
        self._registry.apply([self._admission(vm) for vm in self.azure.vms])

    def _admission(self, vm: VmState) -> Change:
        now, address = self.clock.now(), InstanceId(vm.instance_id)
        notes = Notes(
            scale_set=NAME,
            unique_id=self.azure.set_state.unique_id,
            instance_id=address,
            mark_asked_at=now,
            mark_seen_at=now,
            admitted_at=now,
        )
        record = Record(vm_id=VmId(vm.vm_id), instance_id=address, status=Status.AVAILABLE, created_at=now)
        return Change(row=Row(vm_id=VmId(vm.vm_id)), edge=None, record=record, notes=notes, index=Status.AVAILABLE)

    # -- the functions host

    def _controllers(self, page_size: int) -> Mapping[Actor, list[Tick]]:
        listings = Listings()
        door = InProcessScaleSet(self.azure, self.clock, page_size=page_size, gates=self._gates)
        ticks = {}
        for name in CONTROLLERS:
            registry = None if name is Actor.PROVISIONER else self._registry
            ports = Ports(registry=registry, scale_sets={NAME: door.for_controller(name)}, clock=self.clock)
            hints = Hints()
            parts = [self._counted(name, each) for each in DECIDING[name]] if name in DECIDING else [name]
            ticks[name] = [Tick(each, ports, self.policy, None, hints, listings) for each in parts]
        return ticks

    def _counted(self, name: Actor, decide: Decide) -> Decide:
        def counted(fleet: Fleet, policy: Policy) -> Plan:
            if fleet.cloud.listings:
                self._listed.add(name)
            return decide(fleet, policy)

        return counted

    def _invoke(self, name: Actor) -> Callable[[], None]:
        def fire() -> None:
            began = self.clock.now()
            self._ends[name] = began + self._watches[name]
            self._tick(name)
            self._at(self._schedules[name].next_after(began), fire)

        return fire

    def _tick(self, name: Actor) -> None:
        """One tick of the whole controller, and the next one of the same invocation when it is due."""
        self._due.pop(name, None)
        if name is Actor.STARTER and not self._registry.reserved():
            return  # nobody waits: it would ask nothing of Azure
        for tick in self._ticks[name]:
            self._run(name, tick)

    def _run(self, name: Actor, tick: Tick) -> None:
        again = self._look_of(name, tick)
        if again is not None:
            self._tick_at(name, self.clock.now() + max(again, 0.05 * SECOND))

    def _tick_at(self, name: Actor, moment: datetime) -> None:
        if moment > self._ends[name] or self._due.get(name, moment) < moment:
            return
        self._due[name] = moment

        def due() -> None:
            if self._due.get(name) == moment:
                del self._due[name]
                self._run(name, self._ticks[name][-1])  # the starter's other part starts what is new, at once

        self._at(moment, due)

    def _start_at(self, moment: datetime) -> None:
        """The starter's probe has seen a reservation."""
        if moment <= self._ends[Actor.STARTER]:
            self._at(moment, lambda: self._run(Actor.STARTER, self._ticks[Actor.STARTER][0]))

    def _look_of(self, name: Actor, tick: Tick) -> timedelta | None:
        self._listed.discard(name)
        try:
            report = tick.run()
        except ScalerError as error:
            self.counts.wanted[name] += isinstance(error, Throttled)
            return error.retry_after if isinstance(error, Throttled) else SECOND
        held_back = any(isinstance(error, Throttled) for error in report.errors)
        got = name in self._listed or (name is Actor.PROVISIONER and not report.errors)
        self.counts.wanted[name] += got or held_back
        self.counts.got[name] += got
        self.counts.alarms.update(each.why for each in report.plan.refusals if each.alarm)
        return report.look_again

    # -- the visitors

    def _expect(self) -> None:
        """The next visitor."""
        wait, stay = next(self._crowd)
        self._at(self.clock.now() + wait * SECOND, partial(self._arrive, stay * SECOND))

    def _arrive(self, stay: timedelta) -> None:
        self._expect()
        session = SessionId(f"visitor-{next(self._numbers)}")
        if self._reservations.reserve(session) is None:
            self.counts.turned_away += 1
            return
        self.counts.reserved += 1
        self._start_at(self.clock.now() + _PROBED)
        self._at(self.clock.now() + _POLLS, lambda: self._poll(session, stay))

    def _poll(self, session: SessionId, stay: timedelta) -> None:
        stage = self._reservations.look(session).stage
        if stage is Stage.RESERVED:
            self._at(self.clock.now() + _POLLS, lambda: self._poll(session, stay))
        elif stage is Stage.OPEN:
            self.counts.served += 1
            self._at(self.clock.now() + stay, partial(self._reservations.release, session))

    def _sample(self) -> None:
        self.counts.pool.append(len(self.azure.vms))
        self._at(self.clock.now() + _SAMPLE, self._sample)

    def _at(self, moment: datetime, act: Callable[[], object]) -> None:
        heappush(self._agenda, (moment, next(self._numbers), act))
