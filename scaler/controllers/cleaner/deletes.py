"""A used machine without a visitor is deleted until gone; RETIRE follows when the machine is surely gone."""

from dataclasses import replace
from datetime import datetime

from scaler.controllers.cleaner.sessions import ended, get, limit_over, on_its_way_out, with_delete
from scaler.model.clocks import is_ahead
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.lifecycle import Change, note, step
from scaler.model.machine import Machine, SeenMachine, awaits_its_last_word, awaits_its_time, erasable, missed
from scaler.model.plan import Decision, Lacks, Refusal, Step, Why
from scaler.model.policy import Policy
from scaler.model.row import Notes, Row, SpentNote
from scaler.model.sighting import Sighting
from scaler.model.standing import is_used, may_run_unused, ripe


def used(machine: SeenMachine, policy: Policy) -> Decision:
    """Acknowledge a release, then delete. A machine being deleted already is a success."""
    notes = machine.notes_now
    if notes.spent is None:
        return _acknowledge(machine, policy)
    if on_its_way_out(notes, machine, policy) or not may_be_deletable(machine, notes, policy):
        return None
    if not machine.is_asked_for:
        return Lacks(ask=get(machine, machine.instance.ref))
    if with_delete(machine, notes, policy) is None:
        return None
    return ended(machine, None, notes, Why.RIPE if notes.delete is None else Why.DELETE_OVERDUE, policy)


def may_be_deletable(machine: Machine, notes: Notes, policy: Policy) -> bool:
    """Whether a targeted GET may allow the delete now: no visitor by the last look, or no look yet."""
    instance, clocks = machine.instance, machine.clocks
    free = may_run_unused(notes, instance, clocks, policy) or (instance is not None and not instance.runs)
    return free and _is_due(notes, machine.now, policy) and ripe(notes, clocks, policy)


def _acknowledge(machine: SeenMachine, policy: Policy) -> Step | Lacks:
    """Note a naive queue manager's release (`used` in the record). The ended session decides what a delete needs."""
    record, notes = machine.stored.readable, machine.notes_now
    session = record.session if record is not None else None
    if session is None or session != notes.session:  # somebody else's word: it counts as presumed while it runs
        spent = SpentNote(why=Edge.CONDEMN, at=machine.now, seen_at=machine.at)
        return ended(machine, None, replace(notes, spent=spent), Why.USED_ELSEWHERE, policy)
    released = {**notes.ended, session: notes.ended.get(session, Edge.RELEASE)}
    spent = SpentNote(why=Edge.RELEASE, at=machine.now)
    return ended(machine, None, replace(notes, ended=released, spent=spent), Why.ENDED, policy)


def _is_due(notes: Notes, now: datetime, policy: Policy) -> bool:
    """Whether a delete is due: never ordered, or the last order is older than 2, 4, 8 … 60 minutes."""
    if notes.delete is None or is_ahead(notes.delete.at, now):
        return True
    doublings = max(0, min(notes.delete.attempts - 1, 16))
    patience = min(policy.delete_retry * (1 << doublings), policy.delete_retry_most)
    return now - notes.delete.at >= patience


def undeletable(machine: SeenMachine, policy: Policy) -> Refusal | None:
    """The alarm for a machine that Azure does not delete, time after time."""
    delete = machine.notes_now.delete
    if delete is None or delete.attempts < policy.delete_attempts:
        return None
    return Refusal(why=Why.UNDELETABLE, vm_id=machine.vm_id, alarm=True, facts={"attempts": delete.attempts})


_READ = {Edge.REFUSE, Edge.MOVE}  # by the visitor who was refused; by the queue manager that follows


def unseen(machine: Machine, fleet: Fleet, policy: Policy) -> Decision:
    """RETIRE on the second witness; a refusal, or a move, stays a while for the reader."""
    row, absent, ref = machine.stored, machine.absence, fleet.address(machine.stored)
    if absent is None:
        asks = ref is not None and _is_worth_asking(machine, fleet.cloud.listings.get(ref.scale_set), policy)
        return Lacks(ask=get(machine, ref)) if ref is not None and asks else None
    if awaits_its_last_word(machine, absent, policy) and ref is not None:
        return Lacks(ask=get(machine, ref))
    if not absent.plausible:
        return Refusal(why=Why.LISTING_TOO_SHORT, vm_id=row.vm_id)
    first = missed(machine, absent)
    if first is not None:
        return Step(why=Why.MISSED, vm_id=row.vm_id, change=note(row, first))
    spent = row.notes.spent if row.notes is not None else None
    unread = spent is not None and spent.why in _READ and fleet.now - spent.at < policy.refusal_kept
    if unread or not erasable(machine, absent, policy):
        return None
    return Step(why=Why.GONE, vm_id=row.vm_id, change=_retired(machine, fleet))


def _is_worth_asking(machine: Machine, listing: Sighting | None, policy: Policy) -> bool:
    """Whether a targeted GET may prove more than the listing; without a listing, whether a step would follow."""
    row, notes = machine.stored, machine.stored.notes
    if listing is not None:
        return not awaits_its_time(machine, listing, policy)
    if notes is None or not is_used(row):
        return notes is not None and limit_over(notes, machine.clocks, policy) is not None
    return notes.spent is None or may_be_deletable(machine, notes, policy)


def _retired(machine: Machine, fleet: Fleet) -> Change:
    """Record, notes and index entry go together; an unreadable record is left alone without them."""
    row: Row = machine.stored
    if row.readable is None:
        return Change(row=row, edge=None, notes=None, index=None)
    return step(Edge.RETIRE, Actor.CLEANER, row, None, None, fleet.now)
