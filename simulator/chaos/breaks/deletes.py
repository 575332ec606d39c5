"""Planted in the cleaner: ended too early, deleted too early, forgotten too early."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import timedelta

from scaler.model.edges import Actor
from scaler.model.fleet import Fleet
from scaler.model.lifecycle import Change
from scaler.model.machine import Machine
from scaler.model.plan import Delete, Step, Why
from scaler.model.policy import Policy
from scaler.model.row import Notes, Row
from simulator.chaos.breaks.planted import Planted
from simulator.chaos.breaks.wrappers import planned, shown, with_rows


def _forgotten_first(each: Step, _: Fleet) -> Step:
    """Record, notes and index entry go when the delete is ordered."""
    if not isinstance(each.order, Delete) or each.change is None:
        return each
    return replace(each, change=Change(row=each.change.row, edge=None, record=None, notes=None, index=None))


def _noted(notes_as: Callable[[Notes, Machine], Notes]) -> Callable[[Fleet, Policy], Fleet]:
    def row_as(machine: Machine) -> Row:
        notes = machine.stored.notes
        return machine.stored if notes is None else replace(machine.stored, notes=notes_as(notes, machine))

    return lambda fleet, _: with_rows(fleet, row_as)


def _presumed_long_ago(notes: Notes, _: Machine) -> Notes:
    since = notes.presumed_at
    return notes if since is None else replace(notes, presumed_at=since - timedelta(days=1), presumed_seen_at=None)


def _since_reserved(notes: Notes, _: Machine) -> Notes:
    """In session since the reservation, or the start: whichever is known to be earlier."""
    opened = notes.opened
    known = [each.at for each in (notes.reserved, notes.start) if each is not None and opened is not None]
    return (
        notes if opened is None else replace(notes, opened=replace(opened, at=min([opened.at, *known]), seen_at=None))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _CountsKeys(Fleet):
    """The size that the breakers take their share of."""

    @property
    def size(self) -> int:
        return len(self.rows)


def _as_many_as_keys(fleet: Fleet) -> Fleet:
    return _CountsKeys(**{each.name: getattr(fleet, each.name) for each in fields(fleet) if each.init})


def _spent_long_ago(notes: Notes, _: Machine) -> Notes:
    """Used is used: whoever may be on it has had their time."""
    if notes.spent is None:
        return notes
    return replace(notes, presumed_at=notes.spent.at - timedelta(days=1), presumed_seen_at=None)


DELETES = (
    Planted(
        name="record-before-machine",
        what="the record is deleted together with the order to delete its machine, before that is gone",
        weathers=(
            "dying processes",
            "a moody ARM",
        ),
        decide=planned(_forgotten_first, Actor.CLEANER),
    ),
    Planted(
        name="unripe-deletes",
        what="a machine that was refused, moved away from or spent is deleted at once, without ripening",
        weathers=("a failover after a delete",),
        policy=lambda policy: replace(policy, ripening=timedelta(0)),
    ),
    Planted(
        name="delete-presumed",
        what="a machine that runs and nobody knows for whom is deleted at once",
        weathers=("a flush",),
        decide=shown(_noted(_presumed_long_ago), Actor.CLEANER),
    ),
    Planted(
        name="age-from-reservation",
        what="a session's time runs from its reservation instead of its opening",
        weathers=("visitors who stay",),
        decide=shown(_noted(_since_reserved), Actor.CLEANER),
    ),
    Planted(
        name="deletion-trusted",
        what="a machine that somebody else ordered to be deleted is waited for, however long Azure takes",
        weathers=("a deletion by somebody else that hangs",),
        decide=planned(lambda each, _: None if each.why is Why.DELETION_HANGS else each, Actor.RECONCILER),
    ),
    Planted(
        name="any-key-is-a-machine",
        what="the breakers count every key of the index as a machine, whoever wrote it, and allow their share of these",
        weathers=("an index full of foreign keys",),
        decide=shown(lambda fleet, _: _as_many_as_keys(fleet)),
    ),
    Planted(
        name="delete-running",
        what="a used machine is deleted although somebody else's session may be on it",
        weathers=("a failover that no replica was ready for, and visitors who stay",),
        decide=shown(_noted(_spent_long_ago), Actor.CLEANER),
    ),
)
