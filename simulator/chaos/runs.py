"""Many campaigns, in turn or in several processes, until the budget is spent or a campaign fails."""

import signal
from collections import Counter
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from itertools import count, islice
from time import monotonic

from simulator.chaos.breaks import NOTHING, PLANTED
from simulator.chaos.campaign import LENGTH, Campaign
from simulator.chaos.summary import Figures, Result
from simulator.chaos.weather import WEATHERS, Weather
from simulator.chaos.world import World
from simulator.happenings import Entry, Happening


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The description of one campaign: the same trial always goes the same way."""

    weather: str
    seed: int
    planted: str | None = None
    without: tuple[str, ...] = ()  # kinds of trouble that are left out of the weather
    length: timedelta = LENGTH


def weather_of(trial: Trial) -> Weather:
    """The weather of a trial."""
    return WEATHERS[trial.weather].without(trial.without)


def campaign_of(trial: Trial) -> Campaign:
    """Ready to go."""
    planted = PLANTED[trial.planted] if trial.planted is not None else NOTHING
    return Campaign(weather_of(trial), trial.seed, planted=planted, length=trial.length)


def run(trial: Trial) -> Result:
    """Run a trial until all has settled, or something went wrong."""
    campaign = campaign_of(trial)
    did: Counter[str] = Counter()

    def count(happening: Happening) -> None:
        if isinstance(happening, Entry):
            did[happening.did] += 1

    campaign.world.hearers.append(count)
    campaign.go()
    after, amiss = campaign.settle() if not campaign.world.wrongs else (timedelta(0), ())
    return Result(
        weather=trial.weather,
        seed=trial.seed,
        figures=_figures(campaign.world, did),
        settled_after=after,
        wrongs=tuple(campaign.world.wrongs),
        amiss=amiss if not campaign.world.wrongs else (),
    )


def _figures(world: World, did: Counter[str]) -> Figures:
    struck = (Counter({fault.value: times for fault, times in each.struck.items()}) for each in world.azures.values())
    return Figures(
        campaigns=1,
        ticks=sum(host.ticks for host in world.hosts),
        effects=sum(host.effects.count for host in world.hosts),
        lived=timedelta(seconds=world.clock.monotonic()),
        faults=sum(struck, Counter()),
        accidents=Counter(world.counts),
        edges=Counter(world.edges),
        did=did,
    )


def trials(weathers: tuple[str, ...], first: int = 0, planted: str | None = None) -> Iterator[Trial]:
    """Endless trials: seed after seed, each seed in the next weather."""
    for seed in count(first):
        yield Trial(weather=weathers[(seed - first) % len(weathers)], seed=seed, planted=planted)


def within(endless: Iterator[Trial], seeds: int | None = None, seconds: float | None = None) -> Iterator[Trial]:
    """Trials within these limits (None: no limit); the time is checked before each trial."""
    until = monotonic() + seconds if seconds is not None else None
    for trial in islice(endless, seeds):
        if until is not None and monotonic() >= until:
            return
        yield trial


def results(some: Iterator[Trial], jobs: int) -> Generator[Result]:
    """Results in the order in which campaigns end."""
    if jobs == 1:
        yield from map(run, some)
        return
    with ProcessPoolExecutor(max_workers=jobs, initializer=_leave_interrupts_to_the_parent) as pool:
        under_way: set[Future[Result]] = set()
        try:
            for trial in some:
                under_way.add(pool.submit(run, trial))
                if len(under_way) >= 2 * jobs:
                    done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    yield from (each.result() for each in done)
            while under_way:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                yield from (each.result() for each in done)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _leave_interrupts_to_the_parent() -> None:
    """Ignore SIGINT in a child: a Ctrl-C goes to all processes of a terminal, and the parent ends all in good order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
