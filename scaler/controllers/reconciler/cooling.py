"""Cooling: what is warm beyond the operator's number is deallocated, under a claim that keeps every visitor off it.

Each order rests on a claim that is ripe (a failover cannot forget it any more) and not yet stale; whoever finds the
machine cold waits until every such order is dead before it is offered again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from scaler.controllers.reconciler.case import Case
from scaler.model.clocks import APART
from scaler.model.fleet import Fleet, Member, Seen
from scaler.model.instance import InstanceRef, ScaleSetName, VmId
from scaler.model.lifecycle import Change, amend, claim, note, verified
from scaler.model.notes import ClaimNote, Notes
from scaler.model.plan import Deallocate, Refusal, Step, Why
from scaler.model.policy import Policy
from scaler.model.record import Status
from scaler.model.sighting import By
from scaler.model.standing import Standing, standing

_ORDER = "deallocate"
_NEVER = datetime.max.replace(tzinfo=UTC)


def surplus(fleet: Fleet, policy: Policy) -> frozenset[VmId]:
    """The warm machines to be claimed now: the newest, since the oldest are handed out first; a few at a time."""
    found: set[VmId] = set()
    for name, wanted in policy.capacity.items():
        members = [(each, each.seen) for each in fleet.members if each.seen and _is_in(each.seen, name)]
        words = {member.vm_id: standing(member, policy) for member, _ in members}
        warm = [each for each in members if each[1].instance.warm and words[each[0].vm_id] is Standing.READY]
        claimed = sum(word is Standing.CLAIMED for word in words.values())
        room = policy.share(policy.max_forgets, len(members)) - claimed
        tried = [seen for member, seen in warm if not _stays_warm(member, fleet.now, policy)]
        found |= set(_newest(tried, min(len(warm) - wanted.warm, room)))
    return frozenset(found)


def _stays_warm(member: Member, now: datetime, policy: Policy) -> bool:
    """It could not be cooled lately: to claim it again at once would only keep it from visitors."""
    notes = member.row.notes
    return notes is not None and notes.uncooled_at is not None and now - notes.uncooled_at < policy.cool_retry


def alarms(fleet: Fleet, policy: Policy) -> list[Refusal]:
    """What is billed beyond the number because Azure does not do what it is told."""
    warm = [each for each in fleet.members if each.instance is not None and each.instance.warm]
    stuck = [each.vm_id for each in warm if _stays_warm(each, fleet.now, policy)]
    return [Refusal(why=Why.STAYS_WARM, vm_id=stuck[0], alarm=True, facts={"machines": len(stuck)})] if stuck else []


def _is_in(seen: Seen, scale_set: ScaleSetName) -> bool:
    return seen.instance.ref.scale_set == scale_set


def _newest(warm: Iterable[Seen], number: int) -> list[VmId]:
    by_age = sorted(warm, key=lambda seen: (seen.instance.created_at or _NEVER, seen.instance.vm_id), reverse=True)
    return [seen.instance.vm_id for seen in by_age[: max(number, 0)]]


def to_be_cooled(fleet: Fleet, policy: Policy) -> Iterator[InstanceRef]:
    """Whom the next order is for: it rests on a targeted GET alone, for instance ids are reused and listings old."""
    for member in fleet.members:
        ref = fleet.address(member.row)
        if ref is not None and member.seen is not None and _is_due(member, fleet.now, policy):
            yield ref


def _is_due(member: Member, now: datetime, policy: Policy) -> bool:
    notes, seen = member.row.notes, member.seen
    if notes is None or notes.claim is None or seen is None or standing(member, policy) is not Standing.CLAIMED:
        return False
    least, most = _ages(notes.claim, now, seen.sighting.at)
    young_and_ripe = policy.ripe_after <= least and most < policy.claim_stale
    return seen.instance.at_rest and seen.instance.warm and young_and_ripe


def _ages(claim: ClaimNote, now: datetime, at: datetime) -> tuple[timedelta, timedelta]:
    """How long ago it was renewed, at least and at most: by Redis' clock and by Azure's."""
    ages = (now - claim.at, at - claim.seen_at)
    return min(ages), max(ages)


def ready(case: Case) -> Step | None:
    """Claimed, if it is one of the surplus: its key leaves `available` by this very step, or nothing happens."""
    if case.row.vm_id not in case.mood.surplus or not case.seen.sighting.orders_allowed:
        return None
    begun = ClaimNote(order=_ORDER, at=case.now, seen_at=case.at, since=case.now)
    claimed = replace(case.notes, claim=begun, uncooled_at=None)
    return Step(why=Why.WARM_SURPLUS, vm_id=case.row.vm_id, change=claim(case.row, claimed))


def claimed(case: Case) -> Step | None:
    """Ordered while the claim is ripe, renewed when it is stale; offered again once no order can hurt any more."""
    standing_claim = case.notes.claim
    if standing_claim is None or not case.instance.at_rest:
        return None
    least, most = _ages(standing_claim, case.now, case.at)
    renewed = replace(standing_claim, at=case.now, seen_at=case.at)
    if least < -APART:  # renewed by a clock that was wrong
        return _renewed(case, replace(case.notes, claim=renewed))
    too_long = case.now - standing_claim.since >= case.policy.start_timeout
    if not case.instance.warm or too_long:
        over = least >= case.policy.claim_over
        return _offered(case, Why.CLAIM_DROPPED if case.instance.warm else Why.COOLED) if over else None
    if case.seen.sighting.orders_allowed and most >= case.policy.claim_stale:
        return _renewed(case, replace(case.notes, claim=renewed))
    may_order = case.seen.sighting.orders_allowed and case.seen.sighting.by is By.TARGETED
    return _ordered(case) if may_order and least >= case.policy.ripe_after else None


def _renewed(case: Case, notes: Notes) -> Step:
    return Step(why=Why.CLAIM_RENEWED, vm_id=case.row.vm_id, change=note(case.row, notes))


def _ordered(case: Case) -> Step:
    """Only if the claim is still there, to the byte, at the moment of the order."""
    order = Deallocate(ref=case.instance.ref, rests_on=case.seen.sighting)
    return Step(why=Why.COOLING, vm_id=case.row.vm_id, change=verified(case.row), order=order)


def _offered(case: Case, why: Why) -> Step:
    """No SPOP can be under way: the claim itself took the key."""
    record = amend(case.record, case.now, warm=case.instance.warm)
    uncooled = case.now if case.instance.warm else None
    notes = replace(case.notes, claim=None, uncooled_at=uncooled, unindexed_at=None)
    change = Change(row=case.row, edge=None, record=record, notes=notes, index=Status.AVAILABLE)
    return Step(why=why, vm_id=case.row.vm_id, change=change)
