"""MOVE: a session goes on with another machine, both of them written in the same moment."""

from dataclasses import replace
from datetime import UTC, datetime

from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.lifecycle import joined, step
from scaler.model.notes import Notes, ReservedNote, SpentNote
from scaler.model.plan import Facts, Step, Why
from scaler.model.policy import Policy
from scaler.model.record import Record, Status
from scaler.model.row import Row

_NEVER = datetime.max.replace(tzinfo=UTC)


def spares(fleet: Fleet, policy: Policy) -> list[Row]:
    """The machines that a session may be moved to, the best first: warm before cold, then the oldest.

    None that anybody has doubts about; and no cold one where Azure has just had none to give.
    """
    free = [row for row in fleet.rows.values() if _is_spare(row, fleet, policy)]
    return sorted(free, key=_preference)


def _is_spare(row: Row, fleet: Fleet, policy: Policy) -> bool:
    record, notes = row.readable, row.notes
    if row.untouchable or record is None or notes is None or Status.AVAILABLE not in row.index:
        return False
    if record.status is not Status.AVAILABLE or record.used or not notes.fresh:
        return False
    doubtful = (notes.missed_at, notes.unsettled_at, notes.unindexed_at, fleet.started_lately.get(row.vm_id))
    if any(doubtful) or notes.scale_set not in fleet.scale_sets or not _may_start_there(notes, fleet):
        return False
    return record.warm or not fleet.is_unattractive(notes.scale_set)


def _may_start_there(notes: Notes, fleet: Fleet) -> bool:
    """As far as this tick has looked."""
    look = fleet.cloud.withheld.get(notes.scale_set)
    return look is None or look.starts_allowed


def _preference(row: Row) -> tuple[bool, datetime, str]:
    record = row.readable
    if record is None:
        raise AssertionError("only readable records come this far")
    return not record.warm, record.created_at or _NEVER, row.vm_id


def move(row: Row, to: Row, waits: ReservedNote, why: Why, now: datetime) -> Step:
    """The session leaves `row`, whose notes are already what they should say of its start, and has `to` reserved.

    Its waiting goes on as it was: moved again and again, it is refused when its first promise is too old.
    """
    record, notes, other, noted = row.readable, row.notes, to.readable, to.notes
    if record is None or notes is None or other is None or noted is None or waits.session is None:
        raise AssertionError("only readable records with notes come this far")
    left = replace(
        notes,
        ended={**notes.ended, waits.session: Edge.MOVE},
        spent=notes.spent or SpentNote(why=Edge.MOVE, at=now, reason=why),
    )
    leaves = step(Edge.MOVE, Actor.STARTER, row, replace(record, moved_to=to.vm_id, move_reason=why), left, now)
    arrived = _of_session(record, other, why)
    arrives = joined(leaves, to, arrived, replace(noted, reserved=replace(waits, session=arrived.session)), now)
    facts: Facts = {"session": waits.session, "to": to.vm_id, "scale_set": noted.scale_set, "warm": other.warm}
    return Step(why=why, vm_id=row.vm_id, change=arrives, facts=facts)


def _of_session(before: Record, record: Record, why: Why) -> Record:
    return replace(
        record,
        session_id=before.session_id,
        client_ip=before.client_ip,
        moved_to=None,
        moved_from=before.vm_id,
        move_reason=why,
    )
