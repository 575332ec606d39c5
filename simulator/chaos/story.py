"""What is told of a failure: the wrong, the command to replay it, the smallest trial that fails, a machine's story."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from time import monotonic

from scaler.model.edges import Actor
from scaler.model.instance import Instance
from scaler.model.plan import Order, SetCapacity, Step
from scaler.model.sighting import Answer, Pages
from scaler.report import Report
from simulator.chaos.hosts import Host
from simulator.chaos.runs import Trial, campaign_of, run, weather_of
from simulator.chaos.summary import Result
from simulator.chaos.world import World
from simulator.figures import in_words
from simulator.story import Line, Story

_SHORTEST = timedelta(minutes=1)


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
    first, second = ([wrong.kind for wrong in each.wrongs[:1]] for each in (one, other))
    return one.failed and other.failed and first == second


# -- the story of a world in virtual time


def story_of(world: World) -> Story:
    """The story of a world, from the beginning."""
    story = Story(world.clock.now)
    sighted = Sighted(story.note)

    def read(host: Host, name: Actor, report: Report) -> None:
        for outcome in report.outcomes:
            step = outcome.step
            moved = step.change.partner.row.vm_id if step.change and step.change.partner else None
            error = f" ({outcome.error})" if outcome.error is not None else ""
            session = step.facts.get("session")
            line = Line(
                at=world.clock.now(),
                who=f"{name} of {host.name}",
                what=f"{_of_step(step)}: {outcome.result}{error}",
                rests_on=f", by a look of {step.order.rests_on.at:%H:%M:%S}" if step.order is not None else "",
                vm_ids=frozenset(each for each in (step.vm_id, moved) if each is not None),
                sessions=frozenset({str(session)} if session is not None else ()),
            )
            story.add(line)

    world.hearers.append(story.hear)
    world.readers.append(read)
    for host in world.hosts:
        host.sightings.append(sighted.see)
    return story


class Sighted:
    """The sightings of all controllers."""

    def __init__(self, note: Callable[..., None]) -> None:
        self._note = note
        self._last: dict[tuple[str, str], str] = {}  # who, vm id -> what they saw last

    def see(self, who: str, answer: object) -> None:
        """Note an answer that a controller got."""
        if isinstance(answer, Pages):
            whose = f"{who} {answer.scale_set}"
            listed: dict[str, Instance] = {each.ref.vm_id: each for each in answer.instances}
            missing = [vm_id for asked, vm_id in self._last if asked == whose and vm_id not in listed]
            for vm_id in [*listed, *missing]:
                self._see(who, "lists", (whose, vm_id), listed.get(vm_id))
        elif isinstance(answer, Answer):
            vm_id = answer.found.ref.vm_id if answer.found is not None else answer.asked.vm_id
            self._see(who, "asks for it", (f"{who} asks", vm_id), answer.found)

    def _see(self, who: str, how: str, what: tuple[str, str], found: Instance | None) -> None:
        words = _seen_in_words(found)
        if self._last.get(what) != words:
            self._last[what] = words
            self._note(who, f"{how}, and sees it {words}", what[1])


def _seen_in_words(instance: Instance | None) -> str:
    if instance is None:
        return "nowhere"
    return f"{instance.power}, {instance.provisioning}, {'marked' if instance.marked else 'unmarked'}"


def _of_step(step: Step) -> str:
    edge = step.change.edge if step.change is not None else None
    parts = [edge.name if edge is not None else "notes" if step.change is not None else "", _of_order(step.order)]
    return f"{' and '.join(each for each in parts if each) or 'nothing'}, since {step.why}"


def _of_order(order: Order | None) -> str:
    if order is None:
        return ""
    if isinstance(order, SetCapacity):
        return f"capacity {order.capacity}"
    return f"{type(order).__name__} ordered"
