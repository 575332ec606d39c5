"""A functions host under the production schedules, in virtual time: real controllers, real gates, ARM's budgets.

And what that shows: from the creation of a machine until it is offered, and what an idle scaler asks of ARM.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count
from os import cpu_count
from random import Random
from statistics import median

from benchmarks.at_rest import offered
from benchmarks.rows import Bound, Row
from benchmarks.slow import Slow, duration
from emulator.behaviour import Behaviour, Latencies, Span
from emulator.functions_host import ncrontab
from emulator.history import Event, What
from emulator.in_process import InProcessScaleSet
from emulator.redis.memory import MemoryRegistry
from emulator.scale_set import EmulatedScaleSet
from emulator.switches import Switches
from scaler.actuate import Ports
from scaler.errors import ScalerError, Throttled
from scaler.model.edges import CONTROLLERS, Actor, Edge
from scaler.model.instance import ScaleSetName, SessionId, VmId
from scaler.model.policy import Capacity, Policy
from scaler.observe import Listings
from scaler.registry.reservations import Reservations, Stage
from scaler.report import Report
from scaler.settings.table import SETTINGS
from scaler.tick import Hints, Tick
from scaler.vmss.gates import Budget, Gates, Kind
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
MADE = (1_000, 100, 10)  # machines; the one that takes longest first
SETTLES, COUNTED = timedelta(minutes=15), timedelta(minutes=30)
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

    pool: list[int] = field(default_factory=list)  # machines in existence, every ten seconds
    reserved: int = 0
    served: int = 0
    turned_away: int = 0
    made: list[timedelta] = field(default_factory=list)  # from the creation of a machine until it was offered
    of_azure: list[timedelta] = field(default_factory=list)  # what Azure took of that: to create and to stop it
    asked: Counter[Kind] = field(default_factory=Counter)  # all requests to ARM
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


class ConcurrentClock(VirtualClock):
    """A virtual clock on which several requests may be under way at the same time."""

    _sleeper: timedelta | None = None  # until when the request has slept that is made now, one of several

    def sleep(self, duration: timedelta) -> None:
        """Let time pass: of several requests only as much as the requests before this one have not waited for."""
        if self._sleeper is not None:
            self._sleeper += duration
            duration = max(self._sleeper - self._passed, timedelta(0))
        super().sleep(duration)

    def together(self, requests: Sequence[Callable[[], object]]) -> Sequence[object]:
        """Implements scaler.ports.Together: the requests take as long as the slowest of them."""
        began, results = self._passed, []
        for request in requests:
            self._sleeper = began
            results.append(request())
        self._sleeper = None
        return results


class Production:
    """One scale set with a full pool, and its visitors."""

    def __init__(
        self,
        *,
        machines: int,
        page_size: int,
        crowd: Crowd,
        latencies: Latencies | None = None,
    ) -> None:
        self.clock = ConcurrentClock()
        # each mark charged to its VM: with the scale set's own bucket no more than four machines a minute could be
        # offered, and the visitors beyond that, who are turned away, would need no machine
        switches = Switches(mark_bucket_per_vm=True)
        behaviour = Behaviour(switches=switches, metered=True, latencies=latencies or Latencies())
        self.azure = EmulatedScaleSet(self.clock.now, name=NAME, behaviour=behaviour)
        self.policy = Policy(capacity={NAME: Capacity(desired=machines)})
        self.counts = Counts()
        self._before = Counter[Kind]()
        self._watches = default_watches()
        self._crowd = iter(crowd)
        self._registry = MemoryRegistry(self.clock.now)
        self._reservations = Reservations(self._registry.client, self._registry.keys)
        self._new: dict[VmId, dict[What, datetime]] = {}  # what happened first to machines that were not offered yet
        self._registry.apply(offered(self.azure, machines, partial(self.clock.advance, _A_WHILE)))
        self.azure.history.listeners.append(self._hear)
        self._gates = Gates(self.clock)
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
        self.counts = Counts()
        self._before = Counter(self._gates.asked)

    @property
    def counted(self) -> Counts:
        """What was counted since."""
        return replace(self.counts, asked=Counter(self._gates.asked) - self._before)

    # -- the functions host

    def _controllers(self, page_size: int) -> Mapping[Actor, list[Tick]]:
        listings = Listings()
        door = InProcessScaleSet(self.azure, self.clock, page_size=page_size, gates=self._gates)
        ticks = {}
        for name in CONTROLLERS:
            registry = None if name is Actor.PROVISIONER else self._registry
            scale_sets, together = {NAME: door.for_controller(name)}, self.clock.together
            ports = Ports(registry=registry, scale_sets=scale_sets, clock=self.clock, together=together)
            hints = Hints()
            parts = DECIDING.get(name, (name,))
            ticks[name] = [Tick(each, ports, self.policy, None, hints, listings) for each in parts]
        return ticks

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
        try:
            report = tick.run()
        except ScalerError as error:
            return error.retry_after if isinstance(error, Throttled) else SECOND
        if name is Actor.RECONCILER:
            self._admitted(report)
        self.counts.alarms.update(each.why for each in report.plan.refusals if each.alarm)
        return report.look_again

    def _admitted(self, report: Report) -> None:
        for outcome in report.outcomes:
            vm_id = outcome.step.vm_id
            if outcome.step.edge == Edge.ADMIT.name and outcome.error is None and vm_id in self._new:
                first = self._new.pop(vm_id)
                self.counts.made.append(self.clock.now() - first[What.CREATED])
                stop = first[What.DEALLOCATED] - first[What.DEALLOCATE_ORDERED]
                self.counts.of_azure.append(first[What.RUNNING] - first[What.CREATED] + stop)

    def _hear(self, event: Event) -> None:
        vm_id = VmId((event.vm_id or "").lower())
        if event.what is What.CREATED:
            self._new[vm_id] = {}
        if vm_id in self._new:
            self._new[vm_id].setdefault(event.what, event.at)

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


def life(slow: Slow, machines: int) -> tuple[float, float, float]:
    """Seconds from the creation of a machine until it is offered, while visitors use machines up.

    Median, worst, and what the median of the same machines takes at least.
    """
    page_size = slow.page or machines
    crowd = Crowd(a_minute=min(0.06 * machines, 3))
    production = Production(machines=machines, page_size=page_size, crowd=crowd, latencies=slow.latencies)
    production.run(SETTLES)
    production.count_anew()
    production.run(COUNTED)
    counted = production.counted
    made, of_azure = ([each.total_seconds() for each in spans] for spans in (counted.made, counted.of_azure))
    return median(made), max(made), at_least(slow, machines, median(of_azure))


def at_least(slow: Slow, machines: int, of_azure: float) -> float:
    """Seconds of create and stop, and of the two listings that must show it, where their budget is short of pages."""
    pages = -(-machines // (slow.page or machines))
    wait = (pages - 1) / Budget().pages_a_minute * 60 / 2  # on average, for a listing that shows what is so now
    return of_azure + 2 * wait + 2 * (slow.arm or timedelta()).total_seconds()


def idle_calls(slow: Slow) -> float:
    """Requests to ARM in a minute without visitors."""
    production = Production(machines=20, page_size=20, crowd=Crowd(a_minute=1e-6), latencies=slow.latencies)
    production.run(SETTLES)
    production.count_anew()
    production.run(COUNTED)
    return production.counted.asked.total() / (COUNTED / timedelta(minutes=1))


def figures(slow: Slow) -> Iterator[Row]:
    """All of them, on as many cores as there are."""
    with ProcessPoolExecutor(cpu_count()) as pool:
        calls = pool.submit(idle_calls, slow)
        lives = list(pool.map(partial(life, slow), MADE))
        for machines, (middle, worst, floor) in zip(MADE, lives, strict=True):
            for word, ours, goal in (("median", middle, 1.25), ("worst", worst, 1.5)):
                name = f"created → available, {word}, N={machines:,}"
                yield Row(name=name, unit="s", ours=ours, floor=floor, goal=goal)
        yield Row(name="ARM calls a minute, idle, N=20", unit="calls", ours=calls.result(), goal=6, bound=Bound.MOST)
