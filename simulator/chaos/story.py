"""What a story tells of a world in virtual time: happenings, and what the controllers saw and did."""

from collections.abc import Callable, Iterable

from scaler.model.edges import Actor
from scaler.model.instance import Instance
from scaler.model.plan import Order, SetCapacity, Step
from scaler.model.sighting import Answer, Pages
from scaler.report import Report
from simulator.chaos.hosts import Host
from simulator.chaos.world import World
from simulator.story import Line, Story


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
            self._see_all(who, answer.scale_set, answer.instances)
        elif isinstance(answer, Answer):
            vm_id = answer.found.ref.vm_id if answer.found is not None else answer.asked.vm_id
            words = _seen_in_words(answer.found)
            if self._last.get((f"{who} asks", vm_id)) != words:
                self._last[(f"{who} asks", vm_id)] = words
                self._see(who, vm_id, words, "asks for it")

    def _see_all(self, who: str, scale_set: str, instances: Iterable[Instance]) -> None:
        listed: dict[str, Instance] = {each.ref.vm_id: each for each in instances}
        missing = [vm_id for whose, vm_id in self._last if whose == f"{who} {scale_set}" and vm_id not in listed]
        for vm_id in [*listed, *missing]:
            words = _seen_in_words(listed.get(vm_id))
            if self._last.get((f"{who} {scale_set}", vm_id)) != words:
                self._last[(f"{who} {scale_set}", vm_id)] = words
                self._see(who, vm_id, words, "lists")

    def _see(self, who: str, vm_id: str, words: str, how: str) -> None:
        self._note(who, f"{how}, and sees it {words}", vm_id)


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
