"""Redis: every step is taken from the lifecycle table, and written as one compare-and-set."""

from collections.abc import Mapping

from model.rules import Rule, Rules
from model.state import Kind, Notes, Place, Record, Row, Session, Step

from scaler.model.edges import Actor, Edge
from scaler.model.lifecycle import LIFECYCLE, IllegalStep
from scaler.model.row import Status

_PLACES: Mapping[Status | None, Place] = {
    Status.AVAILABLE: Place.AVAILABLE,
    Status.RESERVED: Place.RESERVED,
    Status.UNAVAILABLE: Place.ELSEWHERE,
    None: Place.ELSEWHERE,
}


def step(edge: Edge, owner: Actor, row: Row, session: Session | None, notes: Notes | None, why: str = "") -> Step:
    """A step of the table. Status, `used`, the key's place and the lock follow from it."""
    rule = LIFECYCLE[edge]
    if owner not in rule.owners or row.status not in rule.sources:
        raise IllegalStep(f"{owner} may not {edge.name} a machine that is {row.status or 'unrecorded'}")
    record = Record(rule.target, rule.used, session) if rule.target is not None else None
    name = f"{owner}: {edge.name}{f' ({why})' if why else ''}"
    return Step(name, record, notes, _PLACES[rule.target], rule.takes)


def edge_of(step: Step) -> Edge | None:
    """The step of the table that this one is, None for bookkeeping."""
    words = step.name.replace("(", " ").split()
    return next((edge for edge in Edge if edge.name in words), None)


def joined(row: Row, session: Session, notes: Notes) -> Step:
    """What MOVE does to the machine that a session goes on with."""
    rule = LIFECYCLE[LIFECYCLE[Edge.MOVE].partner or Edge.MOVE]
    if rule.target is None or row.status not in rule.sources:
        raise IllegalStep(f"nothing moves to a machine that is {row.status or 'unrecorded'}")
    return Step("MOVE", Record(rule.target, False, session), notes, _PLACES[rule.target], rule.takes)


def note(name: str, row: Row, notes: Notes | None, place: Place | None = None, order: Kind | None = None) -> Step:
    """Bookkeeping: the record stays."""
    return Step(name, row.record, notes, place, order=order)


def written(row: Row, step: Step, before: tuple[Record | None, Notes | None], rules: Rules) -> Row | None:
    """The row afterwards, None if the race was lost."""
    if Rule.COMPARE_AND_SET in rules and (row.record, row.notes) != before:
        return None
    if step.takes and not row.offered:
        return None
    offered = row.offered and not step.takes if step.place is None else step.place is Place.AVAILABLE
    waiting = row.waiting if step.place is None else step.place is Place.RESERVED
    return row._replace(record=step.record, notes=step.notes, offered=offered, waiting=waiting)
