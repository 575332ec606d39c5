"""A claim: a machine is taken from the offer, cooled or warmed, and offered again.

Every order rests on a ripe claim (no failover can forget the claim) that is not yet stale. A machine is offered again
only after every such order is dead. Under a claim to warm the machine may run. Such a claim ends in two steps: closing,
and from then on no order is given, and a running machine is presumed to be in use; then the offer.
"""

from dataclasses import replace
from datetime import timedelta

from scaler.controllers.reconciler.context import Context
from scaler.controllers.reconciler.doubts import presume
from scaler.model.clocks import APART
from scaler.model.lifecycle import Change, claim, note
from scaler.model.machine import SeenMachine
from scaler.model.plan import Deallocate, Decision, Facts, Get, InstanceOrder, Lacks, PowerOff, Start, Step, Why
from scaler.model.policy import Policy
from scaler.model.readiness import heating_age
from scaler.model.row import COOLS, COOLS_HOT, STOPS_RUNNING, WARMS, ClaimNote, HeatedNote, Notes, Status


def ready(machine: SeenMachine, context: Context) -> Decision:
    """Heat a machine; or claim a machine to be cooled or warmed: the key leaves `available`, or the step fails."""
    tiers = context.tiers
    if not machine.sighting.orders_allowed:
        return None
    if machine.vm_id in tiers.heat:
        return _heat(machine, Why.HOT_LACK, attempt=1)
    if machine.vm_id in tiers.surplus:
        return _claimed_for(machine, COOLS, Why.WARM_SURPLUS)
    return _claimed_for(machine, WARMS, Why.WARM_LACK) if machine.vm_id in tiers.lack else None


def heated(machine: SeenMachine, context: Context) -> Decision:
    """Claim a heated machine to be stopped; start a heated machine at rest again, once the record says hot no more."""
    why, known = context.tiers.hot_surplus.get(machine.vm_id), machine.notes_now.heated
    if known is None or not machine.sighting.orders_allowed:
        return None
    if why is not None:
        step = _claimed_for(machine, COOLS_HOT, why)
        return _failed(step, machine) if why is Why.NEVER_HOT else step
    record = machine.stored.readable
    if not machine.instance.at_rest or (record is not None and record.hot_since is not None):
        return None
    is_dead = heating_age(known, machine.now, machine.at) >= context.policy.order_horizon
    again = is_dead and known.attempts < context.policy.start_attempts
    return _heat(machine, Why.HEATED_AGAIN, attempt=known.attempts + 1) if again else None


def _heat(machine: SeenMachine, why: Why, *, attempt: int) -> Decision:
    """Note the heating, and order the start when a replica has the note. The machine stays on offer.

    So no failover forgets why the machine runs.
    """
    lacking = _looked_at(machine)
    if lacking is not None or not machine.instance.at_rest:
        return lacking
    begun = HeatedNote(at=machine.now, seen_at=machine.at, attempts=attempt, warm=machine.instance.warm)
    change = note(machine.stored, replace(machine.notes_now, heated=begun, heating_failed_at=None))
    order = Start(ref=machine.instance.ref, rests_on=machine.sighting)
    facts: Facts = {"attempt": attempt, "warm": begun.warm}
    return Step(why=why, vm_id=machine.vm_id, change=change, order=order, facts=facts, after_replica=True)


def _failed(step: Step, machine: SeenMachine) -> Step:
    """The claim of a machine that did not become hot, with a note of the failure."""
    assert step.change is not None
    assert isinstance(step.change.notes, Notes)
    notes = replace(step.change.notes, heating_failed_at=machine.now)
    return replace(step, change=replace(step.change, notes=notes))


def _claimed_for(machine: SeenMachine, order: str, why: Why) -> Step:
    begun = ClaimNote(order=order, at=machine.now, seen_at=machine.at, since=machine.now)
    notes = replace(machine.notes_now, claim=begun, claim_failed_at=None)
    return Step(why=why, vm_id=machine.vm_id, change=claim(machine.stored, notes))


def claimed(machine: SeenMachine, context: Context) -> Decision:
    """Order while the claim is ripe, renew a stale claim, offer again when no order can hurt any more."""
    standing_claim, policy = machine.notes_now.claim, context.policy
    if standing_claim is None:
        return None
    if youngest(machine, standing_claim) < -APART:  # renewed by a clock that was wrong
        return _renewed(machine, standing_claim)
    if standing_claim.closing and machine.instance.runs:
        return _looked_at(machine) or presume(machine, policy)
    if standing_claim.closing:
        over = machine.instance.at_rest and youngest(machine, standing_claim) >= policy.claim_closed
        in_vain = standing_claim.order == WARMS and not machine.instance.warm
        return _offered(machine, Why.WARMED, policy, in_vain=in_vain) if over else None
    if standing_claim.order in STOPS_RUNNING:
        return _warmed(machine, standing_claim, policy)
    return _cooled(machine, standing_claim, policy) if machine.instance.at_rest else None


def _cooled(machine: SeenMachine, standing_claim: ClaimNote, policy: Policy) -> Decision:
    too_long = _claimed_for_longer(machine, standing_claim, policy.start_timeout)
    if not machine.instance.warm or too_long:
        over = youngest(machine, standing_claim) >= policy.claim_over
        return _offered(machine, Why.COOLED, policy, in_vain=machine.instance.warm) if over else None
    order = Deallocate(ref=machine.instance.ref, rests_on=machine.sighting)
    return _ordered(machine, order, Why.COOLING, policy)


def _warmed(machine: SeenMachine, standing_claim: ClaimNote, policy: Policy) -> Decision:
    """Start the machine, then stop the machine; presume a session where Azure does not stop the machine in time.

    The claim is kept young meanwhile, so that the stop need not wait for the claim to ripen. A hot machine is merely
    stopped; the start of a heated machine at rest may still be under way.
    """
    ref, instance = machine.instance.ref, machine.instance
    if instance.runs and _claimed_for_longer(machine, standing_claim, 2 * policy.start_timeout):
        return replace(presume(machine, policy), why=Why.STAYS_RUNNING)
    if instance.runs and not instance.busy:
        why = Why.STOPPED_WARM if standing_claim.order == WARMS else Why.COOLS_DOWN
        return _ordered(machine, PowerOff(ref=ref, rests_on=machine.sighting), why, policy)
    if not instance.at_rest:
        ripe = youngest(machine, standing_claim) >= policy.ripe_after and machine.sighting.orders_allowed
        return _renewed(machine, standing_claim) if ripe else None
    if standing_claim.order == COOLS_HOT:
        return _closing(machine, standing_claim) if _start_is_dead(machine, policy) else None
    refused = standing_claim.failure is not None and standing_claim.failure.of_capacity
    if instance.warm or refused or _claimed_for_longer(machine, standing_claim, policy.start_timeout):
        return _closing(machine, standing_claim)
    return _ordered(machine, Start(ref=ref, rests_on=machine.sighting), Why.STARTED_TO_WARM, policy)


def _start_is_dead(machine: SeenMachine, policy: Policy) -> bool:
    """Whether the start of a heated machine has arrived, or never will."""
    known = machine.notes_now.heated
    return known is None or not timedelta(0) <= machine.now - known.at < policy.claim_closed


def youngest(machine: SeenMachine, standing_claim: ClaimNote) -> timedelta:
    """The age of the latest renewal, or of the closing, by the clock with the smaller age."""
    return min(machine.now - standing_claim.at, machine.at - standing_claim.seen_at)


def _claimed_for_longer(machine: SeenMachine, standing_claim: ClaimNote, than: timedelta) -> bool:
    return machine.now - standing_claim.since >= than


def _renewed(machine: SeenMachine, old: ClaimNote) -> Step:
    notes = replace(machine.notes_now, claim=replace(old, at=machine.now, seen_at=machine.at))
    return Step(why=Why.CLAIM_RENEWED, vm_id=machine.vm_id, change=note(machine.stored, notes))


def _ordered(machine: SeenMachine, order: InstanceOrder, why: Why, policy: Policy) -> Decision:
    """Order only while the claim is there, to the byte, at the moment of the order; and after a targeted GET."""
    standing_claim = machine.notes_now.claim
    if standing_claim is None or not machine.sighting.orders_allowed:
        return None
    if max(machine.now - standing_claim.at, machine.at - standing_claim.seen_at) >= policy.claim_stale:
        return _renewed(machine, standing_claim)
    if youngest(machine, standing_claim) < policy.ripe_after:
        return None
    return _looked_at(machine) or Step(why=why, vm_id=machine.vm_id, change=note(machine.stored), order=order)


def _looked_at(machine: SeenMachine) -> Lacks | None:
    """Ask for a targeted GET: instance ids are reused, and listings are old."""
    if machine.is_asked_for:
        return None
    return Lacks(ask=Get(ref=machine.instance.ref, queue="claims", place=(machine.vm_id,)))


def _closing(machine: SeenMachine, old: ClaimNote) -> Decision:
    notes = replace(machine.notes_now, claim=replace(old, closing=True, at=machine.now, seen_at=machine.at))
    return _looked_at(machine) or Step(why=Why.CLAIM_CLOSES, vm_id=machine.vm_id, change=note(machine.stored, notes))


def _offered(machine: SeenMachine, why: Why, policy: Policy, *, in_vain: bool) -> Step:
    """Offer a claimed machine again, as it is. No SPOP can be under way: the claim took the key."""
    record = replace(machine.record_now(policy), updated_at=machine.now, warm=machine.instance.warm, hot_since=None)
    failed_at = machine.now if in_vain else None
    notes = replace(machine.notes_now, claim=None, claim_failed_at=failed_at, unindexed_at=None, heated=None)
    change = Change(row=machine.stored, edge=None, record=record, notes=notes, index=Status.AVAILABLE)
    return Step(why=Why.CLAIM_DROPPED if in_vain else why, vm_id=machine.vm_id, change=change)
