"""Cooling: surplus warm machines are deallocated, under a claim that keeps every visitor away.

Every order rests on a claim that is ripe (no failover can forget the claim) and not yet stale. A machine found cold is
offered again only after every such order is dead.
"""

from dataclasses import replace
from datetime import UTC, datetime

from scaler.controllers.reconciler.context import Context
from scaler.model.clocks import APART
from scaler.model.fleet import Fleet
from scaler.model.instance import ScaleSetName, VmId
from scaler.model.lifecycle import Change, claim, note
from scaler.model.machine import Machine, SeenMachine
from scaler.model.plan import Deallocate, Decision, Get, Lacks, Refusal, Step, Why
from scaler.model.policy import Policy
from scaler.model.row import ClaimNote, Status
from scaler.model.standing import Standing

_ORDER = "deallocate"
_NEVER = datetime.max.replace(tzinfo=UTC)


def surplus(fleet: Fleet, policy: Policy) -> frozenset[VmId]:
    """The warm machines to be claimed now: the newest, since the oldest are handed out first; a few at a time."""
    found: set[VmId] = set()
    seen: dict[ScaleSetName, list[SeenMachine]] = {name: [] for name in policy.capacity}
    for machine in fleet.machines:
        if isinstance(machine, SeenMachine) and (there := seen.get(machine.instance.ref.scale_set)) is not None:
            there.append(machine)
    for name, machines in seen.items():
        warm = [machine for machine in machines if machine.standing is Standing.READY and machine.instance.warm]
        claimed = sum(machine.standing is Standing.CLAIMED for machine in machines)
        room = policy.share(policy.max_forgets, len(machines)) - claimed
        tried = [machine for machine in warm if not _stays_warm(machine, fleet.now, policy)]
        tried.sort(key=lambda machine: (machine.instance.created_at or _NEVER, machine.vm_id), reverse=True)
        found |= {machine.vm_id for machine in tried[: max(min(len(warm) - policy.capacity[name].warm, room), 0)]}
    return frozenset(found)


def _stays_warm(machine: Machine, now: datetime, policy: Policy) -> bool:
    """Whether cooling failed lately: another claim at once would only keep the machine from visitors."""
    since = machine.notes_now.uncooled_at
    return since is not None and now - since < policy.cool_retry


def alarms(fleet: Fleet, policy: Policy) -> list[Refusal]:
    """Alarms for machines that are billed beyond the number because Azure does not deallocate them."""
    warm = [machine for machine in fleet.machines if machine.instance is not None and machine.instance.warm]
    stuck = [machine.vm_id for machine in warm if _stays_warm(machine, fleet.now, policy)]
    return [Refusal(why=Why.STAYS_WARM, vm_id=stuck[0], alarm=True, facts={"machines": len(stuck)})] if stuck else []


def ready(machine: SeenMachine, context: Context) -> Step | None:
    """Claim a surplus machine: the key leaves `available` by this step, or the step fails."""
    if machine.vm_id not in context.surplus or not machine.sighting.orders_allowed:
        return None
    begun = ClaimNote(order=_ORDER, at=machine.now, seen_at=machine.at, since=machine.now)
    claimed = replace(machine.notes_now, claim=begun, uncooled_at=None)
    return Step(why=Why.WARM_SURPLUS, vm_id=machine.vm_id, change=claim(machine.stored, claimed))


def claimed(machine: SeenMachine, context: Context) -> Decision:
    """Order the stop while the claim is ripe, renew a stale claim, offer again when no order can hurt any more."""
    standing_claim = machine.notes_now.claim
    if standing_claim is None or not machine.instance.at_rest:
        return None
    by_redis, by_azure = machine.now - standing_claim.at, machine.at - standing_claim.seen_at
    least, most = min(by_redis, by_azure), max(by_redis, by_azure)
    if least < -APART:  # renewed by a clock that was wrong
        return _renewed(machine, standing_claim)
    too_long = machine.now - standing_claim.since >= context.policy.start_timeout
    if not machine.instance.warm or too_long:
        over = least >= context.policy.claim_over
        why = Why.CLAIM_DROPPED if machine.instance.warm else Why.COOLED
        return _offered(machine, why, context.policy) if over else None
    if not machine.sighting.orders_allowed:
        return None
    if most >= context.policy.claim_stale:
        return _renewed(machine, standing_claim)
    return _ordered(machine) if least >= context.policy.ripe_after else None


def _renewed(machine: SeenMachine, old: ClaimNote) -> Step:
    notes = replace(machine.notes_now, claim=replace(old, at=machine.now, seen_at=machine.at))
    return Step(why=Why.CLAIM_RENEWED, vm_id=machine.vm_id, change=note(machine.stored, notes))


def _ordered(machine: SeenMachine) -> Step | Lacks:
    """Only if the claim is still there, to the byte, at the moment of the order; and only after a targeted GET."""
    if not machine.is_asked_for:  # instance ids are reused, and listings are old
        return Lacks(ask=Get(ref=machine.instance.ref, queue="cooling", place=(machine.vm_id,)))
    order = Deallocate(ref=machine.instance.ref, rests_on=machine.sighting)
    return Step(why=Why.COOLING, vm_id=machine.vm_id, change=note(machine.stored), order=order)


def _offered(machine: SeenMachine, why: Why, policy: Policy) -> Step:
    """Offer a claimed machine again. No SPOP can be under way: the claim took the key."""
    record = replace(machine.record_now(policy), updated_at=machine.now, warm=machine.instance.warm)
    uncooled = machine.now if machine.instance.warm else None
    notes = replace(machine.notes_now, claim=None, uncooled_at=uncooled, unindexed_at=None)
    change = Change(row=machine.stored, edge=None, record=record, notes=notes, index=Status.AVAILABLE)
    return Step(why=why, vm_id=machine.vm_id, change=change)
