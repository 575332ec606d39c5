"""Adoption: what runs, is reserved or is used under another scaler is handed over before the tag lets us act.

It is the operator's own act and needs no consent. Where there is consent it leaves everything alone: there the four
controllers act already, and a machine that runs unmarked is a new one to them. It writes what the record of this very
moment says into the notes (`opened`, `start`, `presumed_at`, `spent`), then orders the mark; so whatever it dies of,
a machine without its mark is still on its list, and its notes say no more than the record did.

What is Available or unrecorded and at rest, or being created, goes the normal way later: it is marked and admitted as
a new one. What is marked is handed over already.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from scaler.model import case
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.instance import ProvisioningState, SessionId
from scaler.model.lifecycle import KEEP, Change, Keep, note, restore, step
from scaler.model.notes import Notes, OpenedNote, ReservedNote, SpentNote, StartNote
from scaler.model.plan import Listing, Look, Mark, Nothing, Plan, Refusal, Step, Why
from scaler.model.policy import Policy
from scaler.model.record import Status
from scaler.model.standing import is_used


def wants(fleet: Fleet, policy: Policy) -> Look:
    """One listing: which machines there are, how they are, and which are marked."""
    return Nothing() if fleet.cloud.listings or fleet.cloud.unlisted else Listing()


def decide(fleet: Fleet, policy: Policy) -> Plan:
    """One step for each machine to hand over, what runs first. A plan without steps and refusals: all is adopted."""
    wanted: list[Step] = []
    refusals = list(_short_listings(fleet))
    for each in sorted(_cases(fleet, policy), key=_most_at_stake_first):
        outcome = _of(each)
        if isinstance(outcome, Refusal):
            refusals.append(outcome)
        elif outcome is not None:
            wanted.append(outcome)
    steps, later = wanted[: policy.max_marks], wanted[policy.max_marks :]
    refusals += [Refusal(why=Why.BREAKER, vm_id=each.vm_id, facts={"held": each.why}) for each in later]
    again = policy.look_after_mark if steps or refusals else None
    return Plan(steps=tuple(steps), refusals=tuple(refusals), look_again=again)


def _short_listings(fleet: Fleet) -> Iterator[Refusal]:
    """What a listing lacks may be somebody's: nobody should take silence about it for "nothing left"."""
    for name, listing in fleet.cloud.listings.items():
        if not listing.complete and not listing.consent:
            yield Refusal(why=Why.INCOMPLETE, facts={"scale_set": name, "capacity": listing.capacity})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case(case.Case):
    """One machine of a scale set that nobody has allowed us to manage."""

    @property
    def asked(self) -> Notes:
        """The notes to go on from, with the intent to mark."""
        return replace(self.notes, mark_asked_at=self.now)

    @property
    def index(self) -> Status | Keep:
        """Where its key belongs: a starter that died has left some in no set at all."""
        status = self.row.status
        return KEEP if status is None or self.row.index == {status} else status

    @property
    def mark_awaited(self) -> bool:
        """Its mark was ordered, and the order may still arrive."""
        asked_at = self.notes.mark_asked_at
        return asked_at is not None and self.now - asked_at < self.policy.order_horizon

    @property
    def settled(self) -> bool:
        """It will take a mark. One that has failed stays as it is until somebody deals with it."""
        return self.instance.settled or self.instance.failed

    def marked_with(self, why: Why, change: Change, session: SessionId | None = None) -> Step:
        """The step: the change first, then the mark."""
        order = Mark(ref=self.instance.ref, etag=self.instance.etag, rests_on=self.seen.sighting)
        facts = {"session": session, "power": self.instance.power}
        return Step(why=why, vm_id=self.row.vm_id, change=change, order=order, facts=facts)


def _cases(fleet: Fleet, policy: Policy) -> Iterator[_Case]:
    for member in fleet.members:
        seen = member.seen
        if seen is not None and not seen.instance.marked and not seen.sighting.consent:
            yield _Case(member=member, seen=seen, now=fleet.now, policy=policy)


def _most_at_stake_first(each: _Case) -> tuple[int, float, bool, str]:
    """What runs, but never before others of which Azure has not refused the mark, or that were not asked for yet."""
    asked_at = each.notes.mark_asked_at
    return (
        each.notes.mark_attempts,
        asked_at.timestamp() if asked_at is not None else 0.0,
        not each.instance.runs,
        each.row.vm_id,
    )


def _of(each: _Case) -> Step | Refusal | None:
    verb = _verb(each)
    if verb is None or each.instance.provisioning is ProvisioningState.DELETING:
        return None
    facts = {"power": each.instance.power, "provisioning": each.instance.provisioning}
    if not each.settled:
        return Refusal(why=Why.UNSETTLED, vm_id=each.row.vm_id, facts=facts)
    if each.mark_awaited:
        return Refusal(why=Why.MARK_AWAITED, vm_id=each.row.vm_id, facts=facts)
    return verb(each)


def _verb(each: _Case) -> Callable[[_Case], Step] | None:
    """What to do about it, None for what goes the normal way."""
    if each.row.status is Status.RESERVED:
        return _reserved
    if is_used(each.row):
        return _used
    if each.row.status is Status.UNAVAILABLE:
        return _in_session
    instance = each.instance
    may_run = instance.runs or (not instance.settled and not instance.failed)
    return _presume if may_run and instance.provisioning is not ProvisioningState.CREATING else None


def _in_session(each: _Case) -> Step:
    """Somebody is let in, or was about to be: the session in the record, since now, for nobody knows better.

    At rest it is adopted all the same: the cleaner ends it, on two witnesses.
    """
    record = each.row.readable
    if each.notes.beyond_admitting:
        return _mark_again(each)
    if record is None:
        return _presume(each)
    opened = OpenedNote(session=record.session, at=each.now, record=record, seen_at=each.at)
    change = restore(each.row, record, Status.UNAVAILABLE, replace(each.asked, opened=opened))
    return each.marked_with(Why.IN_SESSION, change, record.session)


def _presume(each: _Case) -> Step:
    """It runs, or is Unavailable, and nothing says for whom: perhaps somebody's. It leaves `available` at once."""
    notes = each.asked
    if notes.presumed_at is None:
        notes = replace(notes, presumed_at=each.now, presumed_seen_at=each.at)
    record = notes.opened.record if notes.opened is not None else each.record
    record = replace(record, session_id=notes.session or record.session_id)
    change = step(Edge.PRESUME, Actor.OPERATOR, each.row, record, notes, each.now)
    return each.marked_with(Why.UNEXPLAINED, change, record.session_id)


def _used(each: _Case) -> Step:
    """Whose session ended on it, its record alone does not prove: at rest it is deleted, running it is presumed."""
    if each.row.status is Status.UNAVAILABLE and each.notes.spent is not None:
        return _mark_again(each)
    spent = each.notes.spent or SpentNote(why=Edge.CONDEMN, at=each.now, seen_at=each.at)
    change = step(Edge.CONDEMN, Actor.OPERATOR, each.row, each.record, replace(each.asked, spent=spent), each.now)
    return each.marked_with(Why.USED_ELSEWHERE, change, each.record.session_id)


def _reserved(each: _Case) -> Step:
    """Reserved is the starter's: it gets the notes it needs to start or to open it, or to refuse it."""
    record = each.row.readable
    if record is None or each.notes.beyond_admitting:
        return _mark_again(each)
    if record.used:
        return each.marked_with(Why.GAVE_UP, note(each.row, each.asked, each.index), record.session)
    change = restore(each.row, record, Status.RESERVED, _handed_over(each, record.session))
    return each.marked_with(Why.RUNS if each.instance.runs else Why.RESERVED, change, record.session)


def _handed_over(each: _Case, session: SessionId) -> Notes:
    """As if we had admitted it, and this session had reserved it just now. What runs was started for that session."""
    known = each.notes.reserved
    reserved = known if known and known.session == session else ReservedNote(session=session, at=each.now)
    start = StartNote(session=session, at=each.now, attempts=1) if each.instance.runs else None
    return replace(each.asked, admitted_at=each.now, reserved=reserved, start=start)


def _mark_again(each: _Case) -> Step:
    """Its notes say what it is; only the mark is not there (yet, or any more)."""
    return each.marked_with(Why.MARK_GONE, note(each.row, each.asked, each.index), each.notes.session)
