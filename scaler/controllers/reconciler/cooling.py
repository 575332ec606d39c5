"""Cooling: what is warm beyond the operator's number is deallocated, under a claim that keeps every visitor off it.

Each order rests on a claim that is ripe (a failover cannot forget it any more) and not yet stale; whoever finds the
machine cold waits until every such order is dead before it is offered again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from scaler.controllers.reconciler.case import Case
from scaler.model.fleet import Fleet, Member, Seen
from scaler.model.instance import InstanceRef, ScaleSetName, VmId
from scaler.model.lifecycle import Change, amend, claim, note, verified
from scaler.model.notes import ClaimNote, Notes
from scaler.model.plan import Deallocate, Step, Why
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
        warm = [seen for member, seen in members if seen.instance.warm and words[member.vm_id] is Standing.READY]
        claimed = sum(word is Standing.CLAIMED for word in words.values())
        room = policy.share(policy.max_forgets, len(members)) - claimed
        found |= set(_newest(warm, min(len(warm) - wanted.warm, room)))
    return frozenset(found)


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
    notes, instance = member.row.notes, member.instance
    if notes is None or notes.claim is None or instance is None or standing(member, policy) is not Standing.CLAIMED:
        return False
    return instance.at_rest and instance.warm and policy.ripe_after <= now - notes.claim.at < policy.claim_stale


def ready(case: Case) -> Step | None:
    """Claimed, if it is one of the surplus: its key leaves `available` by this very step, or nothing happens."""
    if case.row.vm_id not in case.mood.surplus or not case.seen.sighting.orders_allowed:
        return None
    claimed = replace(case.notes, claim=ClaimNote(order=_ORDER, at=case.now, since=case.now))
    return Step(why=Why.WARM_SURPLUS, vm_id=case.row.vm_id, change=claim(case.row, claimed))


def claimed(case: Case) -> Step | None:
    """Ordered while the claim is ripe, renewed when it is stale; offered again once no order can hurt any more."""
    standing_claim = case.notes.claim
    if standing_claim is None or not case.instance.at_rest:
        return None
    age = case.now - standing_claim.at
    too_long = case.now - standing_claim.since >= case.policy.start_timeout
    if not case.instance.warm or too_long:
        over = age >= case.policy.claim_over
        return _offered(case, Why.CLAIM_DROPPED if case.instance.warm else Why.COOLED) if over else None
    if age < case.policy.ripe_after or not case.seen.sighting.orders_allowed:
        return None
    if age >= case.policy.claim_stale:
        return _renewed(case, replace(case.notes, claim=replace(standing_claim, at=case.now)))
    return _ordered(case) if case.seen.sighting.by is By.TARGETED else None


def _renewed(case: Case, notes: Notes) -> Step:
    return Step(why=Why.CLAIM_RENEWED, vm_id=case.row.vm_id, change=note(case.row, notes))


def _ordered(case: Case) -> Step:
    """Only if the claim is still there, to the byte, at the moment of the order."""
    order = Deallocate(ref=case.instance.ref, rests_on=case.seen.sighting)
    return Step(why=Why.COOLING, vm_id=case.row.vm_id, change=verified(case.row), order=order)


def _offered(case: Case, why: Why) -> Step:
    """No SPOP can be under way: the claim itself took the key."""
    record = amend(case.record, case.now, warm=case.instance.warm)
    notes = replace(case.notes, claim=None, unindexed_at=None)
    change = Change(row=case.row, edge=None, record=record, notes=notes, index=Status.AVAILABLE)
    return Step(why=why, vm_id=case.row.vm_id, change=change)
