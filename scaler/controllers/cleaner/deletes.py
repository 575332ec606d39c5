"""Used: deleted once nobody can be on it, and the delete repeated until it is gone."""

from dataclasses import replace
from datetime import datetime

from scaler.controllers.cleaner.case import Case
from scaler.model.clocks import is_ahead
from scaler.model.edges import Edge
from scaler.model.fleet import Seen
from scaler.model.instance import ProvisioningState
from scaler.model.notes import Notes, SpentNote
from scaler.model.plan import Refusal, Step, Why
from scaler.model.policy import Policy


def used(case: Case) -> Step | Refusal | None:
    """Acknowledge who said so, then delete. Already on its way out is success."""
    if case.notes.spent is None:
        return _acknowledge(case)
    if on_its_way_out(case.notes, case.seen, case.policy) or not delete_due(case.notes, case.now, case.policy):
        return None
    if case.doomed(case.notes) is None:
        return None
    return case.ended(None, case.notes, Why.RIPE if case.notes.delete is None else Why.DELETE_OVERDUE)


def _acknowledge(case: Case) -> Step:
    """A naive queue manager released it by `used` in the record. Whose session ended decides what a delete needs."""
    record, notes = case.row.readable, case.notes
    session = record.session if record is not None else None
    if session is None or session != notes.session:  # somebody else's word: it counts as presumed while it runs
        spent = SpentNote(why=Edge.CONDEMN, at=case.now, seen_at=case.at)
        return case.ended(None, replace(notes, spent=spent), Why.USED_ELSEWHERE)
    released = {**notes.ended, session: notes.ended.get(session, Edge.RELEASE)}
    spent = SpentNote(why=Edge.RELEASE, at=case.now)
    return case.ended(None, replace(notes, ended=released, spent=spent), Why.ENDED)


def on_its_way_out(notes: Notes, seen: Seen, policy: Policy) -> bool:
    """Being deleted, and not for so long that Azure must have lost the operation: then it is ordered again."""
    if seen.instance.provisioning is not ProvisioningState.DELETING:
        return False
    return notes.unsettled_at is None or seen.sighting.at - notes.unsettled_at < policy.delete_lost


def delete_due(notes: Notes, now: datetime, policy: Policy) -> bool:
    """Never ordered, or the last order is older than its patience: 2, 4, 8 … 60 minutes."""
    if notes.delete is None or is_ahead(notes.delete.at, now):
        return True
    doublings = max(0, min(notes.delete.attempts - 1, 16))
    patience = min(policy.delete_retry * (1 << doublings), policy.delete_retry_most)
    return now - notes.delete.at >= patience


def undeletable(case: Case) -> Refusal | None:
    """Azure has not deleted it, time after time: an operator's matter."""
    delete = case.notes.delete
    if delete is None or delete.attempts < case.policy.delete_attempts:
        return None
    return Refusal(why=Why.UNDELETABLE, vm_id=case.row.vm_id, alarm=True, facts={"attempts": delete.attempts})
