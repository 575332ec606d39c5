"""A scale set with a full pool and its visitors on a virtual functions host.

And what that shows: from the creation of a machine until it is offered, and what an idle scaler asks of ARM.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from os import cpu_count
from random import Random
from statistics import median

from benchmarks.at_rest import offered
from benchmarks.rows import Bound, Row
from benchmarks.slow import Slow, duration
from emulator.behaviour import Behaviour, Latencies, Span
from emulator.history import Event, What
from emulator.switches import Switches
from scaler.model.edges import CONTROLLERS, Actor, Edge
from scaler.model.instance import ScaleSetName, SessionId, VmId
from scaler.model.policy import Capacity, Policy
from scaler.registry.reservations import Stage
from scaler.report import Report
from scaler.settings.table import SETTINGS
from scaler.vmss.gates import Budget, Kind
from simulator.day.host import VirtualHost

SECOND = timedelta(seconds=1)
NAME = ScaleSetName("vmss-pixels")
MADE = (1_000, 100, 10)  # machines; the one that takes longest first
SETTLES, COUNTED = timedelta(minutes=15), timedelta(minutes=30)
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
        # each mark charged to its VM: with the scale set's own bucket no more than four machines a minute could be
        # offered, and the visitors beyond that, who are turned away, would need no machine
        switches = Switches(mark_bucket_per_vm=True)
        behaviour = Behaviour(switches=switches, metered=True, latencies=latencies or Latencies())
        policy = Policy(capacity={NAME: Capacity(desired=machines)})
        self.counts = Counts()
        self._host = VirtualHost(policy, watches=default_watches(), behaviour=behaviour, page_size=page_size)
        self._before = Counter[Kind]()
        self._crowd = iter(crowd)
        self._numbers = count()
        self._new: dict[VmId, dict[What, datetime]] = {}  # what happened first to machines that were not offered yet
        host = self._host
        host.registry.apply(offered(host.azure, machines, partial(host.clock.advance, _A_WHILE)))
        host.azure.history.listeners.append(self._hear)
        host.readers.append(self._read)
        host.begin()
        self._expect()
        self._sample()

    def run(self, duration: timedelta) -> None:
        """Let so much time pass."""
        self._host.run(duration)

    def count_anew(self) -> None:
        """From now on."""
        self.counts = Counts()
        self._before = self._host.asked

    @property
    def counted(self) -> Counts:
        """What was counted since."""
        return replace(self.counts, asked=self._host.asked - self._before)

    # -- the controllers

    def _read(self, name: Actor, report: Report) -> None:
        if name is Actor.RECONCILER:
            self._admitted(report)
        self.counts.alarms.update(each.why for each in report.plan.refusals if each.alarm)

    def _admitted(self, report: Report) -> None:
        for outcome in report.outcomes:
            vm_id = outcome.step.vm_id
            if outcome.step.edge == Edge.ADMIT.name and outcome.error is None and vm_id in self._new:
                first = self._new.pop(vm_id)
                self.counts.made.append(self._host.clock.now() - first[What.CREATED])
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
        self._host.after(wait * SECOND, partial(self._arrive, stay * SECOND))

    def _arrive(self, stay: timedelta) -> None:
        self._expect()
        session = SessionId(f"visitor-{next(self._numbers)}")
        if self._host.reservations.reserve(session) is None:
            self.counts.turned_away += 1
            return
        self.counts.reserved += 1
        self._host.reserved()
        self._host.after(_POLLS, lambda: self._poll(session, stay))

    def _poll(self, session: SessionId, stay: timedelta) -> None:
        stage = self._host.reservations.look(session).stage
        if stage is Stage.RESERVED:
            self._host.after(_POLLS, lambda: self._poll(session, stay))
        elif stage is Stage.OPEN:
            self.counts.served += 1
            self._host.after(stay, partial(self._host.reservations.release, session))

    def _sample(self) -> None:
        self.counts.pool.append(len(self._host.azure.vms))
        self._host.after(_SAMPLE, self._sample)


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
