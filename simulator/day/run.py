"""One day under one policy, from the settings to the figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic

from emulator.behaviour import Behaviour
from emulator.switches import Switches
from simulator.clock import BEGINNING
from simulator.day.demand import DAYS, HOUR, Arrival, arrivals
from simulator.day.figures import PLAIN, DayResult, Sample, clairvoyant_hours
from simulator.day.host import VirtualHost
from simulator.day.machines import Machines
from simulator.day.policies import DayPolicy
from simulator.day.visitors import Visitors

WARM_UP = 1.0
"""Hours before the day in which visitors come and nothing is counted: machines are made, and a history grows."""
_SAMPLED = timedelta(minutes=1)

type Progress = Callable[[float], None]
"""Told of each hour of the day that is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The description of a day: the same trial always goes the same way."""

    day: str = "taxi"
    peak: float = 200.0  # visitors an hour
    seed: int = 1
    hours: float = 24.0
    page_size: int = 100  # machines on a page of a listing
    marks_per_machine: bool = True  # whose request budget a mark is charged to; else the scale set's
    settings: Mapping[str, str] = field(default_factory=dict)  # besides those of the policy

    def arrivals(self) -> list[Arrival]:
        """The visitors of the warm-up and of the day."""
        return arrivals(DAYS[self.day], self.peak, self.seed, WARM_UP + self.hours, begins=-WARM_UP)


def run(trial: Trial, policy: DayPolicy, progress: Progress = lambda _: None) -> DayResult:
    """Run a day. Raises InvalidSettings."""
    policy = policy.on(DAYS[trial.day], trial.peak)
    began, settings = monotonic(), policy.load(trial.settings)
    behaviour = Behaviour(metered=True, switches=Switches(mark_bucket_per_vm=trial.marks_per_machine))
    host = VirtualHost(
        settings.policy,
        watches=settings.watches,
        behaviour=behaviour,
        page_size=trial.page_size,
        seed=trial.seed,
        start=BEGINNING - timedelta(hours=WARM_UP),
    )
    machines, coming = Machines(host.clock.now), trial.arrivals()
    host.azure.history.listeners.append(machines.hear)
    host.readers.append(machines.opened)
    visitors = Visitors(host, coming, settings.policy)
    host.begin()
    host.run(timedelta(hours=WARM_UP))
    machines.count_anew()
    before, cut_before = len(visitors.visits), len(visitors.cut)
    samples, most = _samples(host, machines, visitors, trial.hours, progress)
    hours, made = machines.hours(), machines.made
    counted = visitors.visits[before:]
    host.run(timedelta(hours=1))  # until the last are in; the hours are counted no more
    ends = host.clock.now()
    (price,) = (capacity.price or PLAIN for capacity in settings.policy.capacity.values())
    ideal = clairvoyant_hours(coming, behaviour.latencies, WARM_UP * HOUR, (WARM_UP + trial.hours) * HOUR)
    return DayResult(
        policy=policy.name,
        settings=policy.settings,
        price=price,
        visitors=len(counted),
        at_once=sum(visit.at_once for visit in counted),
        waits=[((visit.entered or ends) - visit.arrived).total_seconds() for visit in counted],
        hours=hours,
        clairvoyant=ideal * price.running,
        creates=made,
        cut=len(visitors.cut) - cut_before,
        refused=sum(visit.refused for visit in counted),
        arm_calls_per_minute_most=most,
        samples=samples,
        seconds=monotonic() - began,
    )


def _samples(
    host: VirtualHost, machines: Machines, visitors: Visitors, hours: float, progress: Progress
) -> tuple[Sequence[Sample], int]:
    """Let the day pass minute by minute. Returns a sample of each, and the most requests to ARM in any."""
    samples, asked, most = list[Sample](), host.asked.total(), 0
    for minute in range(1, round(hours * 60) + 1):
        host.run(_SAMPLED)
        now = host.asked.total()
        most, asked = max(most, now - asked), now
        samples.append(Sample(hour=minute / 60, machines=machines.counts(), present=visitors.present))
        if minute % 60 == 0:
            progress(minute / 60)
    return samples, most
