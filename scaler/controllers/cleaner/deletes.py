"""Used: deleted once nobody can be on it, and the delete repeated until it is gone."""

from dataclasses import replace
from datetime import datetime

from scaler.controllers.cleaner.ending import ended, get, on_its_way_out, with_delete
from scaler.model.clocks import is_ahead
from scaler.model.edges import Edge
from scaler.model.machine import Machine, SeenMachine
from scaler.model.notes import Notes, SpentNote
from scaler.model.plan import Decision, Lacks, Refusal, Step, Why
from scaler.model.policy import Policy
from scaler.model.standing import may_run_unused, ripe


def used(machine: SeenMachine, policy: Policy) -> Decision:
    """Acknowledge who said so, then delete. Already on its way out is success."""
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
    """Whether a targeted GET may show that it can be deleted now: by what was seen nobody is on it, if it was seen."""
    instance, clocks = machine.instance, machine.clocks
    free = may_run_unused(notes, instance, clocks, policy) or (instance is not None and not instance.runs)
    return free and _is_due(notes, machine.now, policy) and ripe(notes, clocks, policy)


def _acknowledge(machine: SeenMachine, policy: Policy) -> Step | Lacks:
    """A naive queue manager released it by `used` in the record. Whose session ended decides what a delete needs."""
    record, notes = machine.stored.readable, machine.notes_now
    session = record.session if record is not None else None
    if session is None or session != notes.session:  # somebody else's word: it counts as presumed while it runs
        spent = SpentNote(why=Edge.CONDEMN, at=machine.now, seen_at=machine.at)
        return ended(machine, None, replace(notes, spent=spent), Why.USED_ELSEWHERE, policy)
    released = {**notes.ended, session: notes.ended.get(session, Edge.RELEASE)}
    spent = SpentNote(why=Edge.RELEASE, at=machine.now)
    return ended(machine, None, replace(notes, ended=released, spent=spent), Why.ENDED, policy)


def _is_due(notes: Notes, now: datetime, policy: Policy) -> bool:
    """Never ordered, or the last order is older than its patience: 2, 4, 8 … 60 minutes."""
    if notes.delete is None or is_ahead(notes.delete.at, now):
        return True
    doublings = max(0, min(notes.delete.attempts - 1, 16))
    patience = min(policy.delete_retry * (1 << doublings), policy.delete_retry_most)
    return now - notes.delete.at >= patience


def undeletable(machine: SeenMachine, policy: Policy) -> Refusal | None:
    """Azure has not deleted it, time after time: an operator's matter."""
    delete = machine.notes_now.delete
    if delete is None or delete.attempts < policy.delete_attempts:
        return None
    return Refusal(why=Why.UNDELETABLE, vm_id=machine.vm_id, alarm=True, facts={"attempts": delete.attempts})
