"""A failure, told: what it is, how to see it again, the smallest that still fails, and the story of its machine."""

from collections.abc import Iterator

from simulator.chaos.figures import Result
from simulator.chaos.runs import Trial, campaign_of
from simulator.chaos.shrinking import shrunk
from simulator.chaos.story import story_of
from simulator.summary import in_words


def explained(trial: Trial, failure: Result, *, seconds: float) -> Iterator[str]:
    """Line by line. `seconds`: how long it may take to make it small."""
    yield f"FAILED: seed {trial.seed} in {trial.weather!r}"
    yield f"again:  python -m simulator chaos --seed {trial.seed} --weather {trial.weather!r}"
    smallest, result = shrunk(trial, failure, seconds)
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
    """The same again, with somebody who writes it down."""
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
