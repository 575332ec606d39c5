"""A session without a usable machine: MOVE to another one, both written in the same moment; or wait, or REFUSE."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from scaler.controllers.starter.endings import refuse
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.instance import FailureClass, SessionId
from scaler.model.lifecycle import joined, note, step
from scaler.model.machine import Machine, notes_of_missed
from scaler.model.plan import Facts, Step, Why
from scaler.model.policy import Moves, Policy
from scaler.model.row import Notes, Record, ReservedNote, Row, SpentNote, Status

_NEVER = datetime.max.replace(tzinfo=UTC)


def spares(fleet: Fleet, policy: Policy) -> list[Row]:
    """The machines that a session may be moved to, the best first: warm before cold, then the oldest.

    Doubtful machines are left out, and cold ones of a scale set with a shortage.
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
    """Move the session from `row`, whose notes are up to date about the start, to the reserved machine `to`.

    The waiting goes on: a session moved again and again is refused when the first promise is too old.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranded:
    """A session to be moved: the reason, and the step to take while no other machine is there."""

    machine: Machine
    record: Record
    why: Why
    failure: FailureClass | None = None  # of the start that failed, where that is why
    otherwise: Step | None = None

    @property
    def session(self) -> SessionId:
        """The session that the record names."""
        return self.record.session

    @property
    def waits(self) -> ReservedNote:
        """Since when the session has been waiting; from now on, where the notes do not say."""
        notes = self.machine.stored.notes
        known = notes.waiting(self.session) if notes is not None else None
        return known or ReservedNote(session=self.session, at=self.machine.now)


def settle(stranded: Iterable[Stranded], fleet: Fleet, policy: Policy) -> list[Step]:
    """Settle the stranded sessions; the longest waiting has the first choice."""
    free: Sequence[Row] = spares(fleet, policy)
    steps: list[Step] = []
    for waiting in sorted(stranded, key=lambda one: (one.waits.at, one.machine.vm_id)):
        outcome, free = _settled(waiting, free, policy)
        steps += [outcome] if outcome is not None else []
    return steps


def _settled(stranded: Stranded, free: Sequence[Row], policy: Policy) -> tuple[Step | None, Sequence[Row]]:
    refusal = refuse(stranded.machine, stranded.record, stranded.why)
    if not would_follow(stranded.waits, policy):
        return refusal, free
    chosen = _choice(stranded, free)
    if chosen is not None:
        return _moved(stranded, chosen), [row for row in free if row is not chosen]
    if stranded.machine.now - stranded.waits.at >= policy.reservation_timeout:
        return refusal, free
    return stranded.otherwise or _waits_on(stranded), free


def would_follow(waits: ReservedNote | None, policy: Policy) -> bool:
    """Whether the queue manager follows a MOVE: a queue manager that asks by machine never hears of another machine."""
    return policy.moves is Moves.ALWAYS or (waits is not None and waits.movable)


def _choice(stranded: Stranded, free: Sequence[Row]) -> Row | None:
    """The best spare; after a failure for want of capacity a warm one, or a cold one of another scale set."""
    known = [row for row in free if row.notes is not None and stranded.session not in row.notes.ended]
    notes = stranded.machine.stored.notes
    if notes is None or stranded.failure is None or not stranded.failure.of_capacity:
        return known[0] if known else None

    def lacks_capacity(row: Row) -> bool:
        cold = row.readable is None or not row.readable.warm
        return cold and row.notes is not None and row.notes.scale_set == notes.scale_set

    return next((row for row in known if not lacks_capacity(row)), None)


def _moved(stranded: Stranded, to: Row) -> Step:
    notes = notes_of_missed(stranded.machine.stored)
    if notes.start is not None and notes.start.session == stranded.session and stranded.failure is not None:
        notes = replace(notes, start=replace(notes.start, failure=stranded.failure))
    row = replace(stranded.machine.stored, notes=notes)
    return move(row, to, stranded.waits, stranded.why, stranded.machine.now)


def _waits_on(stranded: Stranded) -> Step | None:
    """Note when this session began to wait, if the notes do not say so yet."""
    notes = notes_of_missed(stranded.machine.stored)
    if notes.reserved == stranded.waits:
        return None
    change = note(stranded.machine.stored, replace(notes, reserved=stranded.waits))
    return Step(why=Why.NOTED, vm_id=stranded.machine.vm_id, change=change)
