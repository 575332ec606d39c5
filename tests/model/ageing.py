"""Time: everything grows older together, by one horizon or by hours."""

from functools import cache

from model.state import CLAIM_OVER, CONNECTED, LONG, Age, Held, Machine, Notes, Power, Row, Stalled, Visitor


def _older(age: Age | None, most: Age = LONG) -> Age | None:
    return None if age is None else min(age + 1, most)


@cache
def _notes(notes: Notes | None) -> Notes | None:
    if notes is None:
        return None
    return notes._replace(
        asked=_older(notes.asked),
        seen=_older(notes.seen),
        unmarked=_older(notes.unmarked),
        started=_older(notes.started),
        spent=notes.spent and notes.spent._replace(age=min(notes.spent.age + 1, LONG)),
        claim=_older(notes.claim, CLAIM_OVER),
        closing=_older(notes.closing),
        deleted=_older(notes.deleted),
        missed=_older(notes.missed),
        rests=_older(notes.rests),
        unhealthy=_older(notes.unhealthy),
        let_in=_older(notes.let_in, CONNECTED),
        unindexed=_older(notes.unindexed),
    )


def _row(row: Row) -> Row:
    return row._replace(notes=_notes(row.notes))


def _held(held: Held) -> Held:
    record, noted = held.before
    step = held.step._replace(notes=_notes(held.step.notes))
    return Held((record, _notes(noted)), step, min(held.age + 1, LONG))


def _stalled(stalled: Stalled) -> Stalled:
    record, noted = stalled.before
    return Stalled(stalled.read, (record, _notes(noted)), min(stalled.age + 1, LONG))


@cache
def machine_older(machine: Machine) -> Machine:
    """A horizon later. An order is dead when its look is surely older than the horizon."""
    return machine._replace(
        row=_row(machine.row),
        orders=tuple(each._replace(age=each.age + 1) for each in machine.orders if each.age + 1 < LONG),
        held=machine.held and _held(machine.held),
        stalled=machine.stalled and _stalled(machine.stalled),
        listed=machine.listed and machine.listed._replace(age=min(machine.listed.age + 1, LONG)),
        kept=machine.kept and _row(machine.kept),
        entered=_older(machine.entered, CONNECTED),
    )


@cache
def machine_hours_older(machine: Machine) -> Machine:
    """Every horizon and every session's limit is over; notes whose machine and record are gone have expired."""
    for _ in range(CLAIM_OVER):
        machine = machine_older(machine)
    row = machine.row
    if row.notes is not None and (row.notes.opened or row.notes.presumed or row.notes.spent):
        row = row._replace(notes=row.notes._replace(over=True))
    if machine.power is Power.GONE and row.record is None:
        row = row._replace(notes=None)
    return machine._replace(row=row, inside=None, entered=None, kept=None)


def visitor_older(visitor: Visitor) -> Visitor:
    """How long ago a naive one took its key."""
    return visitor._replace(age=min(visitor.age + 1, LONG))
