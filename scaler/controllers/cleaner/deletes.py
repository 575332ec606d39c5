"""Used: deleted once nobody can be on it, and the delete repeated until it is gone."""

from dataclasses import replace
from datetime import datetime

from scaler.controllers.cleaner.ending import ended, with_delete
from scaler.model.clocks import is_ahead
from scaler.model.edges import Edge
from scaler.model.instance import ProvisioningState
from scaler.model.machine import SeenMachine
from scaler.model.notes import Notes, SpentNote
from scaler.model.plan import Refusal, Step, Why
from scaler.model.policy import Policy


def used(machine: SeenMachine, policy: Policy) -> Step | Refusal | None:
    """Acknowledge who said so, then delete. Already on its way out is success."""
    notes = machine.notes_now
    if notes.spent is None:
        return _acknowledge(machine, policy)
    if on_its_way_out(notes, machine, policy) or not delete_due(notes, machine.now, policy):
        return None
    if with_delete(machine, notes, policy) is None:
        return None
    return ended(machine, None, notes, Why.RIPE if notes.delete is None else Why.DELETE_OVERDUE, policy)


def _acknowledge(machine: SeenMachine, policy: Policy) -> Step:
    """A naive queue manager released it by `used` in the record. Whose session ended decides what a delete needs."""
    record, notes = machine.stored.readable, machine.notes_now
    session = record.session if record is not None else None
    if session is None or session != notes.session:  # somebody else's word: it counts as presumed while it runs
        spent = SpentNote(why=Edge.CONDEMN, at=machine.now, seen_at=machine.at)
        return ended(machine, None, replace(notes, spent=spent), Why.USED_ELSEWHERE, policy)
    released = {**notes.ended, session: notes.ended.get(session, Edge.RELEASE)}
    spent = SpentNote(why=Edge.RELEASE, at=machine.now)
    return ended(machine, None, replace(notes, ended=released, spent=spent), Why.ENDED, policy)


def on_its_way_out(notes: Notes, machine: SeenMachine, policy: Policy) -> bool:
    """Being deleted, and not for so long that Azure must have lost the operation: then it is ordered again."""
    if machine.instance.provisioning is not ProvisioningState.DELETING:
        return False
    return notes.unsettled_at is None or machine.at - notes.unsettled_at < policy.delete_lost


def delete_due(notes: Notes, now: datetime, policy: Policy) -> bool:
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
