"""The lifecycle: a table of steps, drawn by the docs, obeyed by scripts and controllers, read by the tests."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from scaler.model.edges import Actor, Edge
from scaler.model.instance import VmId
from scaler.model.row import Notes, Record, Row, Status, amended


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row of the table. A status of None is "no record"."""

    sources: tuple[Status | None, ...]
    target: Status | None
    used: bool = False  # whether the record says used afterwards
    owners: tuple[Actor, ...]
    takes: bool = False  # succeeds only if it removes the key from `available` itself: the lock against SPOP
    partner: Edge | None = None  # the step of a second machine, in the same write or not at all
    when: str


_A, _R, _U = Status.AVAILABLE, Status.RESERVED, Status.UNAVAILABLE

LIFECYCLE: Mapping[Edge, Rule] = {
    Edge.ADMIT: Rule(
        sources=(None, _A),  # from Available: its notes were lost, or its mark had to be set again
        target=_A,
        owners=(Actor.RECONCILER,),
        when="at rest, marked by us and still marked, and every order that could hurt the machine is dead",
    ),
    Edge.CONDEMN: Rule(
        sources=(None, _A, _U),  # from Unavailable: the record says used, the notes do not yet
        target=_U,
        used=True,
        owners=(Actor.RECONCILER, Actor.OPERATOR),
        when="marked and unknown or its record lost, at rest; failed or unfinished past its hold; mark refused; "
        "adopted, and its record says used; distrusted by the operator",
    ),
    Edge.PRESUME: Rule(
        sources=(None, _A, _U),  # from Unavailable: its notes were lost
        target=_U,
        owners=(Actor.RECONCILER, Actor.OPERATOR),
        when="marked, it runs, and the notes do not say why; adopted, and nothing says for whom it runs",
    ),
    Edge.RESERVE: Rule(sources=(_A,), target=_R, owners=(Actor.VISITOR,), takes=True, when="a session asks"),
    Edge.CANCEL: Rule(
        sources=(_R,), target=_A, owners=(Actor.VISITOR,), when="the session gave up before any start was ordered"
    ),
    Edge.ABANDON: Rule(
        sources=(_R,),
        target=_U,
        used=True,
        owners=(Actor.VISITOR, Actor.STARTER),
        when="the session gave up after a start was ordered, or the record of a reserved machine says used",
    ),
    Edge.OPEN: Rule(
        sources=(_R,),
        target=_U,
        owners=(Actor.STARTER,),
        when="it runs, with a start note for this very session; goes before MOVE and REFUSE, however late",
    ),
    Edge.MOVE: Rule(
        sources=(_R,),
        target=_U,
        used=True,
        owners=(Actor.STARTER,),
        partner=Edge.RESERVE,
        when="it cannot start, is gone or is tainted, and its session goes on with another one that is Available",
    ),
    Edge.SWAP: Rule(
        sources=(_R,),
        target=_A,
        owners=(Actor.STARTER,),
        partner=Edge.RESERVE,
        when="it was heated, no replica answers, and its session goes on with another one before any start is noted",
    ),
    Edge.REFUSE: Rule(
        sources=(_R,),
        target=_U,
        used=True,
        owners=(Actor.STARTER,),
        when="as MOVE, and there was no other until the reservation timeout; at once if nobody would follow a MOVE",
    ),
    Edge.RELEASE: Rule(sources=(_U,), target=_U, used=True, owners=(Actor.VISITOR,), when="the session ended"),
    Edge.EXPIRE: Rule(
        sources=(_U,),
        target=_U,
        used=True,
        owners=(Actor.CLEANER,),
        when="the session's or the presumed limit is over, or it was seen at rest twice, or (SCALER_END_WHEN) unhealthy"
        " twice",
    ),
    Edge.SPEND: Rule(
        sources=(_A,),
        target=_U,
        used=True,
        owners=(Actor.CLEANER,),
        takes=True,
        when="at rest, and more machines than wanted for so long, or too old, outdated, or to be replaced by an"
        " operator's word; those that must stay are Available in the same moment",
    ),
    Edge.FORGET: Rule(sources=(_A,), target=None, owners=(Actor.RECONCILER,), when="gone (two witnesses)"),
    Edge.RETIRE: Rule(
        sources=(_U,),
        target=None,
        owners=(Actor.CLEANER,),
        when="gone (two witnesses); a refusal is kept for its reader first",
    ),
}


class Keep(Enum):
    """Keep the stored value (whose bytes are compared all the same)."""

    KEEP = "keep"


KEEP = Keep.KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One compare-and-set of record, notes and index of one machine. Built by the functions below, never by hand.

    None deletes a value; an index of None takes the key out of all three sets.
    """

    row: Row  # as it was when the change was decided; all that is decided on must still be there
    edge: Edge | None  # None: bookkeeping that is no step of the lifecycle
    record: Record | Keep | None = KEEP
    notes: Notes | Keep | None = KEEP
    index: Status | Keep | None = KEEP
    takes: bool = False
    beside: tuple[VmId, ...] = ()  # machines whose keys must be in `available`, too, in the moment of the write
    partner: "Change | None" = None  # another machine's, written in the same moment: both win their race, or neither

    @property
    def together(self) -> "tuple[Change, ...]":
        """The change, and the partner's change, if any."""
        return (self,) if self.partner is None else (self, self.partner)


class IllegalStep(AssertionError):
    """A step outside the table: a bug of the scaler, never the fault of an input."""


def step(edge: Edge, owner: Actor, row: Row, record: Record | None, notes: Notes | None, now: datetime) -> Change:
    """Make the change of an edge. Status, `used` and index come from the table, not from `record`.

    An unreadable record counts as absent and is left to the byte; notes and index then carry the step alone.
    """
    if owner not in LIFECYCLE[edge].owners or row.status not in LIFECYCLE[edge].sources:
        raise IllegalStep(f"{owner} may not {edge.name} a machine that is {row.status or 'unrecorded'}")
    return _taken(edge, row, record, notes, now)


def joined(first: Change, row: Row, record: Record, notes: Notes, now: datetime) -> Change:
    """Join `first`, a step whose rule has a partner, with the second machine's half."""
    partner = LIFECYCLE[first.edge].partner if first.edge is not None else None
    if partner is None or row.status not in LIFECYCLE[partner].sources or row.vm_id == first.row.vm_id:
        raise IllegalStep(f"{first.edge} has no second machine that is {row.status or 'unrecorded'}")
    return replace(first, partner=replace(_taken(partner, row, record, notes, now), edge=first.edge))


def _taken(edge: Edge, row: Row, record: Record | None, notes: Notes | None, now: datetime) -> Change:
    rule, after = LIFECYCLE[edge], None
    if rule.target is not None and record is not None:
        after = _timely(replace(record, status=rule.target, used=rule.used, updated_at=now))
    record_after = KEEP if row.is_unreadable else after
    return Change(row=row, edge=edge, record=record_after, notes=notes, index=rule.target, takes=rule.takes)


def _timely(record: Record) -> Record:
    """The record without an expected time, unless a session waits; hot only while Available or Reserved."""
    if record.status is Status.RESERVED:
        return record
    waits = record.status is Status.AVAILABLE
    return amended(record, expected_ready_at=None, hot_since=record.hot_since if waits else None)


def claim(row: Row, notes: Notes) -> Change:
    """Take an Available machine's key, so that no visitor gets the machine during an operation that the notes name."""
    return Change(row=row, edge=None, notes=notes, index=Status.UNAVAILABLE, takes=True)


def note(row: Row, notes: Notes | Keep = KEEP, index: Status | Keep | None = KEEP) -> Change:
    """Bookkeeping: new notes, and if asked another place in the index; the record stays.

    Without news it is accepted only while the facts behind an order are still stored.
    """
    return Change(row=row, edge=None, notes=notes, index=index)


def note_expecting(row: Row, notes: Notes, expected: datetime | None) -> Change:
    """Bookkeeping, and in the same write the record's expected time; None leaves the record."""
    if row.readable is None or expected is None:
        return note(row, notes)
    return Change(row=row, edge=None, notes=notes, record=replace(row.readable, expected_ready_at=expected))


def place(row: Row, index: Status | None) -> Change:
    """Index repair: the key into this set and out of the others; record and notes stay."""
    return Change(row=row, edge=None, index=index)


def restore(row: Row, record: Record, index: Status, notes: Notes | Keep = KEEP) -> Change:
    """Restore the record of the notes over a late write of a queue manager."""
    return Change(row=row, edge=None, record=_timely(record), notes=notes, index=index)
