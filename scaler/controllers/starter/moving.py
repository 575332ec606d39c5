"""A session without a usable machine: MOVE to another one, both written in the same moment; or wait, or REFUSE."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from scaler.controllers.starter.waiting import Wait, end, given_up, timeout
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.instance import FailureClass, Tier
from scaler.model.lifecycle import Change, joined, step
from scaler.model.plan import Facts, Step, Why
from scaler.model.row import Notes, Record, Row, SpentNote, Status

_NEVER = datetime.max.replace(tzinfo=UTC)
_BEST_FIRST = tuple(Tier)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranded:
    """A session to be moved: the reason, and the step to take while no other machine is there."""

    wait: Wait
    why: Why
    failure: FailureClass | None = None  # of the start that failed, where that is why
    otherwise: Step | None = None
    preferred: Step | None = None  # to be taken instead of all that, if a replica answers; nothing is started yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Spare:
    """A machine that a session may be moved to."""

    row: Row
    record: Record
    notes: Notes

    @property
    def preference(self) -> tuple[int, datetime, str]:
        """The sorting key: hot, warm, cold, then the oldest."""
        return _BEST_FIRST.index(self.record.tier), self.record.created_at or _NEVER, self.row.vm_id


def settle(stranded: Iterable[Stranded], fleet: Fleet) -> list[Step]:
    """Settle the stranded sessions; the longest waiting has the first choice.

    Sessions that go on with their machine, if a replica answers, come last: they probably need no other machine.
    """
    in_turn = sorted(
        stranded, key=lambda one: (one.preferred is not None, one.wait.reserved.at, one.wait.machine.vm_id)
    )
    free: Sequence[Spare] = _spares(fleet) if in_turn else ()
    steps: list[Step] = []
    for waiting in in_turn:
        outcome, free = _settled(waiting, free)
        steps += [outcome] if outcome is not None else []
    return steps


def _settled(stranded: Stranded, free: Sequence[Spare]) -> tuple[Step | None, Sequence[Spare]]:
    wait = stranded.wait
    if stranded.preferred is not None:
        return _swapped_without_replica(stranded, stranded.preferred, free)
    chosen = _choice(stranded, free) if wait.movable else None
    if chosen is not None:
        return _moved(stranded, chosen), [spare for spare in free if spare is not chosen]
    if wait.is_over or not wait.movable:
        return end(wait, Edge.REFUSE, stranded.why), free
    return stranded.otherwise or timeout(wait), free


def _swapped_without_replica(
    stranded: Stranded, preferred: Step, free: Sequence[Spare]
) -> tuple[Step, Sequence[Spare]]:
    """The preferred step; for want of a replica SWAP, to a machine without any heating, where OPEN needs no replica.

    Only a queue manager asking by session finds the session again: the first machine does not tell the way.
    """
    wait = stranded.wait
    chosen = next((spare for spare in free if spare.notes.heated is None), None) if wait.reserved.movable else None
    if chosen is None:
        return replace(preferred, instead=end(wait, Edge.REFUSE, stranded.why) if wait.is_over else None), free
    swap = _swapped(stranded, chosen)
    return replace(preferred, instead=swap), [spare for spare in free if spare is not chosen]


def _spares(fleet: Fleet) -> list[Spare]:
    """The machines that a session may be moved to, the best first.

    Doubtful machines are left out, and cold ones of a scale set with a shortage.
    """
    found = [
        Spare(row=row, record=row.readable, notes=row.notes)
        for row in fleet.rows.values()
        if row.readable is not None and row.notes is not None and not row.untouchable
    ]
    return sorted((spare for spare in found if _is_free(spare, fleet)), key=lambda spare: spare.preference)


def _is_free(spare: Spare, fleet: Fleet) -> bool:
    record, notes = spare.record, spare.notes
    if record.status is not Status.AVAILABLE or Status.AVAILABLE not in spare.row.index or record.used:
        return False
    doubtful = (notes.missed_at, notes.unsettled_at, notes.unindexed_at, fleet.started_lately.get(record.vm_id))
    if any(doubtful) or not notes.fresh or notes.scale_set not in fleet.scale_sets:
        return False
    look = fleet.cloud.withheld.get(notes.scale_set)  # as far as this tick has looked
    may_start = look is None or look.starts_allowed
    return may_start and (record.tier is not Tier.COLD or not fleet.is_unattractive(notes.scale_set))


def _choice(stranded: Stranded, free: Sequence[Spare]) -> Spare | None:
    """The best spare; after a failure for want of capacity an allocated one, or a cold one of another scale set."""
    notes, failure = stranded.wait.notes, stranded.failure
    known = (spare for spare in free if stranded.wait.session not in spare.notes.ended)
    if failure is not None and failure.of_capacity:
        known = (
            spare for spare in known if spare.record.tier is not Tier.COLD or spare.notes.scale_set != notes.scale_set
        )
    return next(known, None)


def _moved(stranded: Stranded, to: Spare) -> Step:
    """Move the session to a machine that is reserved by this step.

    The waiting goes on: a session moved again and again is refused when the first promise is too old.
    """
    wait, why, machine, notes = stranded.wait, stranded.why, stranded.wait.machine, stranded.wait.notes
    start = wait.start
    left = replace(
        given_up(wait),
        start=notes.start if start is None or stranded.failure is None else replace(start, failure=stranded.failure),
        ended={**notes.ended, wait.session: Edge.MOVE},
        spent=notes.spent or SpentNote(why=Edge.MOVE, at=wait.now, reason=why),
    )
    record = replace(wait.record, moved_to=to.row.vm_id, move_reason=why)
    leaves = step(Edge.MOVE, Actor.STARTER, machine.stored, record, left, wait.now)
    return _arrived(stranded, to, leaves)


def _swapped(stranded: Stranded, to: Spare) -> Step:
    """SWAP: as if the session had cancelled, and reserved the other machine, in one write."""
    wait, machine = stranded.wait, stranded.wait.machine
    record = replace(wait.record, session_id=None, client_ip=None, moved_from=None, move_reason=None)
    left = replace(wait.notes, reserved=None, unindexed_at=None)
    leaves = step(Edge.SWAP, Actor.STARTER, machine.stored, record, left, wait.now)
    return _arrived(stranded, to, leaves)


def _arrived(stranded: Stranded, to: Spare, leaves: Change) -> Step:
    """The step with both halves: the first machine without the session, and the second machine with the session."""
    wait, why = stranded.wait, stranded.why
    arrived = replace(
        to.record,
        session_id=wait.record.session_id,
        client_ip=wait.record.client_ip,
        moved_to=None,
        moved_from=wait.record.vm_id,
        move_reason=why,
        expected_ready_at=wait.now + wait.waits.told(to.record.tier, wait.policy),
    )
    reserved = replace(wait.reserved, session=arrived.session)
    change = joined(leaves, to.row, arrived, replace(to.notes, reserved=reserved), wait.now)
    facts: Facts = {
        "session": wait.session,
        "to": to.row.vm_id,
        "scale_set": to.notes.scale_set,
        "warm": to.record.warm,
    }
    return Step(why=why, vm_id=wait.machine.vm_id, change=change, facts=facts)
