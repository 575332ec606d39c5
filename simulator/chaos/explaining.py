"""The report of a failure: the wrong, the command to replay, the smallest trial that fails, and a machine's story."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from time import monotonic

from simulator.chaos.runs import Trial, campaign_of, run, weather_of
from simulator.chaos.story import story_of
from simulator.chaos.summary import Result
from simulator.summary import in_words


def explained(trial: Trial, failure: Result, *, seconds: float) -> Iterator[str]:
    """The lines of the report. `seconds`: how long a smaller trial is sought."""
    yield f"FAILED: seed {trial.seed} in {trial.weather!r}"
    yield f"again:  python -m simulator chaos --seed {trial.seed} --weather {trial.weather!r}"
    until = monotonic() + seconds
    smallest, result = shrunk(trial, failure, lambda: monotonic() > until)
    yield _of_its_size(trial, smallest)
    yield from map(in_words, result.wrongs)
    yield from (f"NOT SETTLED: {each}" for each in result.amiss)
    yield ""
    yield from _story(smallest, result)
    yield ""


def _of_its_size(trial: Trial, smallest: Trial) -> str:
    if smallest == trial:
        return "no smaller one was found to fail"
    minutes = smallest.length.total_seconds() / 60
    left_out = f", without {', '.join(smallest.without)}" if smallest.without else ""
    return f"the smallest that was found to fail: {minutes:.1f} minutes long{left_out}"


def _story(trial: Trial, result: Result) -> Iterator[str]:
    """Run the trial again, and write the story down."""
    campaign = campaign_of(trial)
    story = story_of(campaign.world)
    campaign.go()
    if not campaign.world.wrongs:
        campaign.settle()
    if result.wrongs:
        wrong = result.wrongs[0]
        yield from story.of(wrong.vm_id, wrong.session)
        return
    named = next((vm_id for each in result.amiss for vm_id in story.machines if vm_id in each), None)
    yield from story.of(named, None)


_SHORTEST = timedelta(minutes=1)


def shrunk(trial: Trial, found: Result, enough: Callable[[], bool]) -> tuple[Trial, Result]:
    """The smallest trial found before `enough` that fails in the same way, and the result."""
    best, result = trial, found
    tried: set[Trial] = set()
    progress = True
    while progress:
        progress = False
        for smaller in _smaller(best):
            if enough():
                return best, result
            if smaller in tried:
                continue
            tried.add(smaller)
            came_to = run(smaller)
            if _alike(came_to, found):
                best, result, progress = smaller, came_to, True
                break
    return best, result


def _smaller(trial: Trial) -> Iterator[Trial]:
    """Half the time first: every further attempt is then quicker."""
    if trial.length >= 2 * _SHORTEST:
        yield replace(trial, length=trial.length / 2)
    for trouble in weather_of(trial).troubles:
        yield replace(trial, without=(*trial.without, trouble))
    if trial.length * 0.8 >= _SHORTEST:
        yield replace(trial, length=trial.length * 0.8)


def _alike(one: Result, other: Result) -> bool:
    if bool(one.wrongs) != bool(other.wrongs):
        return False
    if not one.wrongs:
        return bool(one.amiss) and bool(other.amiss)
    return one.wrongs[0].kind is other.wrongs[0].kind
