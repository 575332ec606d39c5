"""The starter: starts what is reserved, opens what runs, refuses what cannot be had. Reserved is its own alone."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from scaler.model.fleet import Fleet, Member, Seen
from scaler.model.instance import InstanceRef, SessionId
from scaler.model.lifecycle import Change, Edge, Owner, note, restore, step
from scaler.model.notes import Ended, Notes, OpenedNote, ReservedNote, SpentBy, SpentNote, StartNote
from scaler.model.plan import Facts, Listing, Look, Nothing, Plan, Refusal, Some, Start, Step, Why, soonest
from scaler.model.policy import Policy
from scaler.model.record import Record, Status
from scaler.model.sighting import Sighting
from scaler.model.standing import unsettled_for
from scaler.model.witness import after_sighting, gone, missed, notes_of_missed


def wants(fleet: Fleet, policy: Policy) -> Look:
    """Targeted GETs of the reserved machines, by our notes; one listing where that is cheaper."""
    cloud = fleet.cloud
    if cloud.listings or cloud.asked:
        return Nothing()
    refs = tuple(_undecided(fleet, policy))
    if len(refs) > policy.starts_by_get and not cloud.unlisted:
        return Listing()
    return Some(refs=refs[: policy.max_gets]) if refs else Nothing()


def _undecided(fleet: Fleet, policy: Policy) -> Iterator[InstanceRef]:
    """Those about which the registry alone does not decide; who has waited longest first."""
    reserved = [member for member in fleet.members if member.row.status is Status.RESERVED]
    for member in sorted(reserved, key=_waiting_since):
        ref = fleet.address(member.row)
        if ref is not None and _by_registry(member, fleet.now) is None:
            yield ref


def _waiting_since(member: Member) -> float:
    notes, record = member.row.notes, member.row.readable
    noted = notes.reserved.at if notes is not None and notes.reserved is not None else None
    since = noted or (record.updated_at if record is not None else None)
    return since.timestamp() if since is not None else 0.0


def decide(fleet: Fleet, policy: Policy) -> Plan:
    """One step at most for each reserved machine."""
    steps: list[Step] = []
    refusals: list[Refusal] = []
    looks: list[datetime] = []
    for member in fleet.members:
        if member.row.status is not Status.RESERVED:
            continue
        outcome = _of(member, fleet, policy)
        if isinstance(outcome, Refusal):
            refusals.append(outcome)
        elif outcome is not None:
            steps.append(outcome)
        looks.append(_next_look(member, outcome, fleet.now, policy))
    return Plan(steps=tuple(steps), refusals=tuple(refusals), look_again=soonest(fleet.now, *looks))


def _next_look(member: Member, outcome: Step | Refusal | None, now: datetime, policy: Policy) -> datetime:
    """A started machine is looked at when it may run, then every few seconds."""
    change = outcome.change if isinstance(outcome, Step) else None
    notes = change.notes if change is not None and isinstance(change.notes, Notes) else member.row.notes
    soon = now + policy.look_every
    if notes is None or notes.start is None:
        return soon
    first = notes.start.at + (policy.first_look_warm if notes.start.warm else policy.first_look_cold)
    return first if first > now else soon


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wait:
    """One session waiting for one machine."""

    member: Member
    record: Record
    session: SessionId
    notes: Notes
    now: datetime
    policy: Policy

    @property
    def start(self) -> StartNote | None:
        """The start note, if it is this session's."""
        start = self.notes.start
        return start if start is not None and start.session == self.session else None

    @property
    def since(self) -> datetime:
        """Since when we know of this session's waiting, by Redis' clock."""
        noted = self.notes.reserved
        if noted is not None and noted.session == self.session:
            return noted.at
        return self.start.at if self.start is not None else self.now


def _of(member: Member, fleet: Fleet, policy: Policy) -> Step | Refusal | None:
    """What the registry alone decides; then what Azure showed."""
    record, notes = member.row.readable, member.row.notes
    decided = _by_registry(member, fleet.now)
    if decided is not None or record is None or record.session_id is None or notes is None:
        return decided
    wait = _Wait(member=member, record=record, session=record.session_id, notes=notes, now=fleet.now, policy=policy)
    if fleet.started_lately.get(member.vm_id, wait.session) != wait.session:  # the notes have forgotten whom
        return _refuse(member, record, Why.TAINTED, fleet.now)
    if member.seen is not None:
        return _of_seen(wait, member.seen)
    return _of_absent(wait, member.absent) if member.absent is not None else _timeout(wait)


def _by_registry(member: Member, now: datetime) -> Step | None:
    """Nobody to open it for; late writes over what the notes have decided; sessions that gave up; lost notes."""
    record, notes = member.row.readable, member.row.notes
    if record is None:
        return None
    if record.session_id is None:
        return _refuse(member, record, Why.NO_SESSION, now)
    undone = _undone(member, record, record.session_id, now)
    if undone is not None:
        return undone
    if record.used:
        return _abandon(member, record, now)
    return _refuse(member, record, Why.TAINTED, now) if notes is None or not notes.scale_set else None


def _undone(member: Member, record: Record, session: SessionId, now: datetime) -> Step | None:
    notes = member.row.notes
    if notes is not None and session in notes.ended:
        spent = notes.spent or SpentNote(why=SpentBy.CONDEMN, at=now)
        back = replace(record, status=Status.UNAVAILABLE, used=True, updated_at=now)
        change = restore(member.row, back, Status.UNAVAILABLE, replace(notes, spent=spent))
        return Step(why=Why.UNDONE_END, vm_id=member.vm_id, change=change, facts={"session": session})
    if notes is not None and notes.opened is not None and notes.spent is None:
        released = record.used and notes.opened.session == session
        back = replace(notes.opened.record, status=Status.UNAVAILABLE, used=released)
        facts = {"session": notes.opened.session, "late": session}
        change = restore(member.row, back, Status.UNAVAILABLE)
        return Step(why=Why.UNDONE_OPEN, vm_id=member.vm_id, change=change, facts=facts)
    return _refuse(member, record, Why.TAINTED, now) if notes is not None and notes.spent is not None else None


def _of_seen(wait: _Wait, seen: Seen) -> Step | Refusal | None:
    instance = seen.instance
    if not seen.sighting.consent:
        return _timeout(wait) or Refusal(why=Why.NO_CONSENT, vm_id=instance.vm_id)
    unfit = not instance.marked or wait.notes.admitted_at is None or instance.failed
    if unfit or (instance.runs and wait.start is None):
        return _refuse(wait.member, wait.record, Why.CANNOT_START if wait.start else Why.TAINTED, wait.now)
    if instance.runs and not instance.busy:
        return _open(wait)
    if instance.runs:  # and is Updating: OPEN goes before REFUSE, however late
        return _timeout(wait)
    return _start(wait, seen) if instance.at_rest else _unsettled(wait, seen)


def _start(wait: _Wait, seen: Seen) -> Step | None:
    """At rest: intent first, then the order; repeated when the last order is dead for sure; three times."""
    if wait.notes.start is not None and wait.start is None:  # started for somebody else, who never came
        return _refuse(wait.member, wait.record, Why.TAINTED, wait.now)
    attempts = wait.start.attempts if wait.start is not None else 0
    if wait.start is not None and wait.now - wait.start.at < wait.policy.order_horizon:
        return None
    if attempts >= wait.policy.start_attempts:
        return _refuse(wait.member, wait.record, Why.CANNOT_START, wait.now)
    if wait.now - wait.since >= wait.policy.reservation_timeout:
        return _refuse(wait.member, wait.record, Why.TIMEOUT, wait.now)
    notes = replace(
        wait.notes,
        reserved=ReservedNote(session=wait.session, at=wait.since),
        start=StartNote(session=wait.session, at=wait.now, attempts=attempts + 1, warm=seen.instance.warm),
        missed_at=None,
        rest_at=None,
        unsettled_at=None,
        unindexed_at=None,
    )
    why = Why.RESERVED if attempts == 0 else Why.START_OVERDUE
    facts: Facts = {"session": wait.session, "attempt": attempts + 1, "warm": seen.instance.warm}
    order = Start(ref=seen.instance.ref, rests_on=seen.sighting)
    return Step(why=why, vm_id=wait.member.vm_id, change=note(wait.member.row, notes), order=order, facts=facts)


def _open(wait: _Wait) -> Step:
    record = replace(wait.record, status=Status.UNAVAILABLE, used=False, updated_at=wait.now)
    opened = OpenedNote(session=wait.session, at=wait.now, record=record)
    notes = replace(wait.notes, opened=opened, missed_at=None, rest_at=None, unsettled_at=None)
    change = step(Edge.OPEN, Owner.STARTER, wait.member.row, record, notes, wait.now)
    waited = round((wait.now - wait.since).total_seconds(), 1)
    facts: Facts = {"session": wait.session, "waited_s": waited, "warm": wait.start is not None and wait.start.warm}
    return Step(why=Why.RUNS, vm_id=wait.member.vm_id, change=change, facts=facts)


def _unsettled(wait: _Wait, seen: Seen) -> Step | None:
    """Neither at rest nor running: on its way, or stuck."""
    notes = after_sighting(wait.notes, seen.instance, seen.sighting)
    if unsettled_for(notes, seen.sighting.at, wait.policy):
        return _refuse(wait.member, wait.record, Why.CANNOT_START if wait.start else Why.TAINTED, wait.now)
    return _timeout(wait) or _noted(wait, replace(notes, reserved=_reserved(wait)))


def _reserved(wait: _Wait) -> ReservedNote:
    return ReservedNote(session=wait.session, at=wait.since)


def _noted(wait: _Wait, notes: Notes) -> Step | None:
    if notes == wait.notes:
        return None
    return Step(why=Why.NOTED, vm_id=wait.member.vm_id, change=note(wait.member.row, notes))


def _of_absent(wait: _Wait, absent: Sighting) -> Step | Refusal | None:
    """Not there: refused on the second witness."""
    if gone(wait.member.row, absent, wait.policy):
        return _refuse(wait.member, wait.record, Why.GONE, wait.now)
    first = missed(wait.member.row, absent)
    if first is None:
        return _timeout(wait)
    return Step(why=Why.MISSED, vm_id=wait.member.vm_id, change=note(wait.member.row, first))


def _timeout(wait: _Wait) -> Step | None:
    """The clock of a waiting that nothing else ends; it starts when we first know of the session."""
    if wait.now - wait.since >= wait.policy.reservation_timeout:
        return _refuse(wait.member, wait.record, Why.TIMEOUT, wait.now)
    return _noted(wait, replace(wait.notes, reserved=_reserved(wait)))


def _refuse(member: Member, record: Record, why: Why, now: datetime) -> Step:
    """Visibly: Unavailable and used, with the reason in the notes."""
    change = _end(member, record, Edge.REFUSE, now, why)
    return Step(why=why, vm_id=member.vm_id, change=change, facts={"session": record.session_id})


def _abandon(member: Member, record: Record, now: datetime) -> Step:
    change = _end(member, record, Edge.ABANDON, now, Why.GAVE_UP)
    return Step(why=Why.GAVE_UP, vm_id=member.vm_id, change=change, facts={"session": record.session_id})


_ENDS = {Edge.REFUSE: (Ended.REFUSE, SpentBy.REFUSE), Edge.ABANDON: (Ended.ABANDON, SpentBy.ABANDON)}


def _end(member: Member, record: Record, edge: Edge, now: datetime, why: Why) -> Change:
    ended, spent = _ENDS[edge]
    notes = notes_of_missed(member.row)
    sessions = {**notes.ended, record.session_id: ended} if record.session_id is not None else notes.ended
    notes = replace(notes, ended=sessions, spent=notes.spent or SpentNote(why=spent, at=now, reason=why))
    return step(edge, Owner.STARTER, member.row, record, notes, now)
