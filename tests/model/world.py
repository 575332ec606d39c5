"""Every next state of a world: what happens to one machine, to two at once, to a visitor, to Redis, and time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from model import starter
from model.ageing import machine_hours_older, machine_older, visitor_older
from model.local import Accident, Event, done, events
from model.registry import written
from model.rules import ALL, Rule, Rules
from model.state import LONG, NAMES, Machine, Row, Stage, Step, View, Visitor, World
from model.visitors import Queue, replaced, unpointed

from scaler.model.row import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A small world, and what may go wrong in it."""

    name: str
    about: str
    machines: tuple[Machine, ...]
    visitors: tuple[Visitor, ...]
    accidents: Mapping[Accident, int] = field(default_factory=dict)
    late: bool = False  # naive queue managers may take as long as they like
    without: Rules = frozenset()  # what the world does not grant
    to_the_end: bool = True  # or only until nobody waits and nobody is inside: what follows is a smaller world's

    @property
    def start(self) -> World:
        """The first state."""
        left = tuple(self.accidents.get(each, 0) for each in Accident)
        return World(machines=self.machines, visitors=self.visitors, left=left)


class Next:
    """The successors under these rules."""

    def __init__(self, scenario: Scenario, rules: Rules = ALL) -> None:
        self._scenario, self._rules = scenario, rules

    def of(self, world: World) -> Iterator[tuple[str, World]]:
        """Each with the name of what happened."""
        if not self._scenario.to_the_end and _everybody_left(world):
            return
        for at, machine in enumerate(world.machines):
            for event in events(machine, self._rules):
                if self._is_possible(world, event):
                    yield f"{NAMES[at]} {event.name}", self._happened(world, at, event)
            yield from self._stranded(world, at, machine)
        for which, visitor in enumerate(world.visitors):
            if not _has_a_twin_before(world, which, visitor):
                yield from Queue(world, which, self._rules, self._scenario.late).moves()
        yield from self._redis(world)
        yield from self._time(world)

    def _is_possible(self, world: World, event: Event) -> bool:
        if event.confirmed and world.replica is not None and Rule.CONFIRMED not in self._rules:
            return False
        return event.accident is None or _is_left(world, event.accident)

    def _happened(self, world: World, at: int, event: Event) -> World:
        if event.confirmed and world.replica is not None:
            world = self._confirmed(world)
            event = event._replace(after=event.after._replace(kept=world.machines[at].kept))
        after = world._replace(machines=replaced(world.machines, at, event.after))
        if event.accident is not None:
            after = spent(after, event.accident)
        if event.accident in {Accident.LOSE_NOTES, Accident.LOSE_RECORD}:
            after = after._replace(forgot=True)
        return self._confirmed(after) if event.confirms and world.replica is not None else after

    def _confirmed(self, world: World) -> World:
        """The replica has everything up to now."""
        if Rule.CONFIRMED not in self._rules or Rule.NOTE_BEFORE_START not in self._rules:
            return world
        return world._replace(machines=tuple(each._replace(kept=each.row) for each in world.machines), replica=0)

    # -- MOVE and REFUSE

    def _stranded(self, world: World, at: int, machine: Machine) -> Iterator[tuple[str, World]]:
        for view in machine.views:
            yield from self._stranded_by(world, at, machine, view)

    def _stranded_by(self, world: World, at: int, machine: Machine, view: View) -> Iterator[tuple[str, World]]:
        for failing in (False, True):
            why = starter.strand(machine.row, view, self._rules, failing)
            if why is None or (failing and not _is_left(world, Accident.FAIL)):
                continue
            before = spent(world, Accident.FAIL) if failing else world
            stays = starter.stays(machine.row, view, self._rules, why)
            follows = starter.would_follow(machine.row, self._rules) and not stays
            if follows:
                yield from self._moved(before, at, machine, view, why)
            if failing or not follows:
                yield self._alone(before, at, machine, starter.refuse(machine.row, view, self._rules, why))
            if not failing:
                return

    def _alone(self, world: World, at: int, machine: Machine, step: Step) -> tuple[str, World]:
        after = done(machine, step, self._rules, (machine.row.record, machine.row.notes))
        return f"{NAMES[at]} {step.name}", world._replace(machines=replaced(world.machines, at, after or machine))

    def _moved(self, world: World, at: int, machine: Machine, view: View, why: str) -> Iterator[tuple[str, World]]:
        for to, other in enumerate(world.machines):
            if to == at or not starter.is_spare(other.row, why):
                continue
            leaves, arrives = starter.move(machine.row, view, self._rules, other.row, why)
            if Rule.TAKES_AT_MOVE not in self._rules:
                arrives = arrives._replace(takes=False)
            session = machine.row.record and machine.row.record.session
            left, arrived = self._written(machine.row, leaves), self._written(other.row, arrives)
            if left is None or arrived is None or session is None:
                continue
            if Rule.MOVE_IN_ONE_WRITE not in self._rules:
                half = machine._replace(row=left)
                yield (
                    f"{NAMES[at]} {leaves.name}, and dies",
                    world._replace(machines=replaced(world.machines, at, half)),
                )
            machines = replaced(world.machines, at, unpointed(machine._replace(row=left), session))
            after = other._replace(row=arrived._replace(pointer=session))
            yield f"{NAMES[at]} {leaves.name} to {NAMES[to]}", world._replace(machines=replaced(machines, to, after))

    def _written(self, row: Row, step: Step) -> Row | None:
        return written(row, step, (row.record, row.notes), self._rules)

    # -- Redis

    def _redis(self, world: World) -> Iterator[tuple[str, World]]:
        if world.replica is not None:
            back = tuple(self._failed_over(each) for each in world.machines)
            yield "Redis fails over", world._replace(machines=back, replica=None, forgot=True)
        elif _is_left(world, Accident.FAILOVER):
            kept = tuple(each._replace(kept=each.row) for each in world.machines)
            yield "the replica falls behind", spent(world._replace(machines=kept, replica=0), Accident.FAILOVER)
        if _is_left(world, Accident.FLUSH):
            empty = tuple(each._replace(row=Row(), kept=None) for each in world.machines)
            flushed = world._replace(machines=empty, replica=None, forgot=True)
            yield "Redis is flushed", spent(flushed, Accident.FLUSH)

    def _failed_over(self, machine: Machine) -> Machine:
        """The replica's row; what ticks of before would write, is written to nobody any more."""
        back = machine._replace(row=machine.kept or Row(), kept=None)
        if back.gated and back.row.notes is not None and back.row.notes.start is not None:
            back = back._replace(row=back.row._replace(notes=back.row.notes._replace(elsewhere=True)))
        return back._replace(held=None, stalled=None) if Rule.SAME_SERVER in self._rules else back

    # -- time

    def _time(self, world: World) -> Iterator[tuple[str, World]]:
        replica = None if world.replica is None or world.replica + 1 >= LONG else world.replica + 1
        machines = tuple(machine_older(each) for each in world.machines)
        if replica is None:
            machines = tuple(each._replace(kept=None) for each in machines)
        visitors = tuple(visitor_older(each) if _counts(each) else each for each in world.visitors)
        yield "a horizon passes", world._replace(machines=machines, visitors=visitors, replica=replica)
        if _is_left(world, Accident.HOURS):
            yield "hours pass", spent(hours_older(world), Accident.HOURS)


def hours_older(world: World) -> World:
    """Every limit is over."""
    return world._replace(
        machines=tuple(machine_hours_older(each) for each in world.machines),
        visitors=tuple(each._replace(age=LONG) if _counts(each) else each for each in world.visitors),
        replica=None,
    )


def spent(world: World, accident: Accident) -> World:
    """One accident of this kind fewer to come."""
    return world._replace(left=replaced(world.left, accident, world.left[accident] - 1))


def _is_left(world: World, accident: Accident) -> bool:
    return world.left[accident] > 0


def _everybody_left(world: World) -> bool:
    reserved = any(each.row.status is Status.RESERVED for each in world.machines)
    return not reserved and all(each.stage is Stage.OVER for each in world.visitors)


def _has_a_twin_before(world: World, which: int, visitor: Visitor) -> bool:
    """Of visitors that do not differ the first comes first."""
    return any(
        visitor.stage is Stage.NEW and each == visitor._replace(session=each.session) for each in world.visitors[:which]
    )


def _counts(visitor: Visitor) -> bool:
    return visitor.stage in {Stage.POPPED, Stage.READ}
