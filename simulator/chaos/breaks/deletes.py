"""Planted in the cleaner: ended too early, deleted too early, forgotten too early."""

from dataclasses import dataclass, fields, replace
from datetime import timedelta

from scaler.model.capacity import Use
from scaler.model.edges import Actor
from scaler.model.fleet import Fleet
from scaler.model.lifecycle import Change
from scaler.model.machine import Machine
from scaler.model.plan import Delete, Step, Why
from scaler.model.row import Notes
from simulator.chaos.breaks.planted import Planted, notes_shown, planned, shown, unplanned

_DAY = timedelta(days=1)


def _forgotten_first(wanted: Step, _: Fleet) -> Step:
    """Record, notes and index entry go when the delete is ordered."""
    if not isinstance(wanted.order, Delete) or wanted.change is None:
        return wanted
    return replace(wanted, change=Change(row=wanted.change.row, edge=None, record=None, notes=None, index=None))


def _presumed_long_ago(notes: Notes, _: Machine) -> Notes:
    since = notes.presumed_at
    return notes if since is None else replace(notes, presumed_at=since - _DAY, presumed_seen_at=None)


def _since_reserved(notes: Notes, _: Machine) -> Notes:
    """In session since the reservation, or the start: whichever is known to be earlier."""
    opened = notes.opened
    if opened is None:
        return notes
    known = [note.at for note in (notes.reserved, notes.start) if note is not None]
    return replace(notes, opened=replace(opened, at=min([opened.at, *known]), seen_at=None))


@dataclass(frozen=True, slots=True, kw_only=True)
class _CountsKeys(Fleet):
    """The size that the breakers take their share of."""

    @property
    def size(self) -> int:
        return len(self.rows)


def _as_many_as_keys(fleet: Fleet) -> Fleet:
    return _CountsKeys(**{each.name: getattr(fleet, each.name) for each in fields(fleet) if each.init})


def _outdated_alone(fleet: Fleet) -> Fleet:
    """What is ready is outdated, if a GET says that it is not of the latest model."""
    demand = {
        name: replace(each, outdated=frozenset(vm_id for vm_id, use in each.uses.items() if use is Use.READY))
        for name, each in fleet.cloud.demand.items()
    }
    return replace(fleet, cloud=replace(fleet.cloud, demand=demand))


def _spent_long_ago(notes: Notes, _: Machine) -> Notes:
    """Used is used: whoever may be on it has had their time."""
    return notes if notes.spent is None else replace(notes, presumed_at=notes.spent.at - _DAY, presumed_seen_at=None)


DELETES = {
    "record-before-machine": Planted(
        what="the record is deleted together with the order to delete its machine, before that is gone",
        weathers=("dying processes", "a moody ARM"),
        decide=planned(_forgotten_first, Actor.CLEANER),
    ),
    "unripe-deletes": Planted(
        what="a machine that was refused, moved away from or spent is deleted at once, without ripening",
        weathers=("a failover after a delete",),
        policy=lambda policy: replace(policy, ripening=timedelta(0)),
    ),
    "delete-presumed": Planted(
        what="a machine that runs and nobody knows for whom is deleted at once",
        weathers=("a flush",),
        decide=notes_shown(_presumed_long_ago, Actor.CLEANER),
    ),
    "age-from-reservation": Planted(
        what="a session's time runs from its reservation instead of its opening",
        weathers=("visitors who stay",),
        decide=notes_shown(_since_reserved, Actor.CLEANER),
    ),
    "outdated-by-the-flag-alone": Planted(
        what="a machine that is not of the latest model is replaced although no other one is: the mark may say that",
        weathers=("a new model appears, and machines are replaced",),
        decide=shown(_outdated_alone, Actor.CLEANER),
    ),
    "deletion-trusted": Planted(
        what="a machine that somebody else ordered to be deleted is waited for, however long Azure takes",
        weathers=("a deletion by somebody else that hangs",),
        decide=unplanned(Actor.RECONCILER, Why.DELETION_HANGS),
    ),
    "any-key-is-a-machine": Planted(
        what="the breakers count every key of the index as a machine, whoever wrote it, and allow their share of these",
        weathers=("an index full of foreign keys",),
        decide=shown(_as_many_as_keys),
    ),
    "delete-running": Planted(
        what="a used machine is deleted although somebody else's session may be on it",
        weathers=("a failover that no replica was ready for, and visitors who stay",),
        decide=notes_shown(_spent_long_ago, Actor.CLEANER),
    ),
}
