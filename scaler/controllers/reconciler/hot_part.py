"""The hot part of the ready machines: machines to be heated, and heated machines to be stopped again."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from scaler.controllers.reconciler.warm_part import (
    age_of,
    is_hindered,
    is_offered,
    room_for_claims,
)
from scaler.model.clocks import is_ahead
from scaler.model.fleet import Fleet
from scaler.model.instance import ScaleSetName, VmId
from scaler.model.machine import SeenMachine
from scaler.model.plan import Get, Refusal, Why
from scaler.model.policy import Policy
from scaler.model.readiness import heating_age
from scaler.model.replacing import replacement_due
from scaler.model.row import HeatedNote, Row, Status
from scaler.model.sighting import Pause
from scaler.model.standing import Standing


def lack(fleet: Fleet, policy: Policy) -> frozenset[VmId]:
    """The machines to be heated: warm before cold, then the oldest. Recent failures take places of the number.

    None while a start without a visitor would be in a visitor's way, or Azure has no machine to give.
    """
    found: set[VmId] = set()
    for name, machines in fleet.seen_machines.items():
        most = fleet.cloud.hot_wanted(name, policy)
        if most:
            most -= sum(each.standing is Standing.HEATED or _failed_lately(each, policy) for each in machines)
            most -= _unseen(fleet, name)
        if most > 0 and not is_hindered(name, machines, fleet, policy):
            candidates = sorted(
                (each for each in machines if _may_be_heated(each, fleet, policy)),
                key=lambda machine: (not machine.instance.warm, age_of(machine)),
            )
            found |= {machine.vm_id for machine in candidates[:most]}
    return frozenset(found)


def surplus(fleet: Fleet, policy: Policy) -> Mapping[VmId, Why]:
    """The heated machines to be stopped: not ready in time, or to be replaced; and beyond the number, the newest.

    A machine to be replaced stays hot until another machine may be heated instead; one after another, so that the
    others are ready meanwhile.
    """
    found: dict[VmId, Why] = {}
    for name, machines in fleet.seen_machines.items():
        heated = [machine for machine in machines if machine.standing is Standing.HEATED]
        if not heated:
            continue
        late = [each for each in heated if _is_late(each, policy)]
        one = all(map(_is_ready, heated)) and any(_may_be_heated(each, fleet, policy) for each in machines)
        stale = [each for each in heated if each not in late and _is_due(each, fleet, policy)][: int(one)]
        kept = [each for each in heated if each not in late and each not in stale]
        kept.sort(key=lambda machine: (not _is_ready(machine), age_of(machine)), reverse=True)
        beyond = kept[: max(0, len(kept) - fleet.cloud.hot_wanted(name, policy))]
        chosen = [(each, Why.NEVER_HOT) for each in late] + [(each, Why.HOT_SURPLUS) for each in (*stale, *beyond)]
        offered = [(machine, why) for machine, why in chosen if machine.stored.index == {Status.AVAILABLE}]
        found |= {machine.vm_id: why for machine, why in offered[: max(room_for_claims(machines, policy), 0)]}
    return found


def alarms(fleet: Fleet, policy: Policy) -> Iterator[Refusal]:
    """An alarm for machines that did not become hot: the offer is short by as many."""
    for name, machines in fleet.seen_machines.items():
        failed = [each for each in machines if _failed_lately(each, policy)]
        if failed and fleet.cloud.hot_wanted(name, policy):
            yield Refusal(why=Why.NOT_HEATED, vm_id=failed[0].vm_id, alarm=True, facts={"machines": len(failed)})


def heating_waits(fleet: Fleet, policy: Policy) -> Mapping[VmId, timedelta]:
    """How soon another look at each machine on the way to hot pays; zero or less: now.

    The Initializing at the beginning of each run may last for seconds only, between two listings.
    """
    if fleet.cloud.pause is not Pause.NONE:
        return {}
    waits = {}
    for row in fleet.rows.values():
        heating = _heating(row)
        if heating is None or fleet.address(row) is None or row.vm_id in fleet.cloud.asked:
            continue
        first = policy.first_look_warm if heating.warm else policy.first_look_cold
        due = fleet.now if is_ahead(heating.at, fleet.now) else heating.at + first
        last = fleet.looked_lately.get(row.vm_id)
        if last is not None and due <= last <= fleet.now:
            due = last + policy.look_every
        waits[row.vm_id] = due - fleet.now
    return waits


def heating_gets(fleet: Fleet, waits: Mapping[VmId, timedelta]) -> Iterator[Get]:
    """Ask for the due machines on the way to hot."""
    for vm_id, wait in waits.items():
        ref = fleet.address(fleet.rows[vm_id])
        if wait <= timedelta(0) and ref is not None:
            yield Get(ref=ref, queue="heating", place=(wait.total_seconds(), vm_id))


def _heating(row: Row) -> HeatedNote | None:
    """The note of a machine on the way to hot."""
    notes = row.notes
    if notes is None or notes.heated is None or not notes.is_heated or row.status is not Status.AVAILABLE:
        return None
    return notes.heated if notes.heated.ready_at is None and not row.untouchable else None


def _may_be_heated(machine: SeenMachine, fleet: Fleet, policy: Policy) -> bool:
    return (
        is_offered(machine)
        and machine.instance.at_rest
        and not _failed_lately(machine, policy)
        and not _is_due(machine, fleet, policy)
    )


def _is_due(machine: SeenMachine, fleet: Fleet, policy: Policy) -> bool:
    """Whether the machine is to be replaced."""
    demand = fleet.cloud.demand_of(machine.instance.ref.scale_set, policy)
    return replacement_due(machine.stored, demand, machine.now, policy) is not None


def _unseen(fleet: Fleet, name: ScaleSetName) -> int:
    """The heated machines that an incomplete listing has left out."""
    unseen = (each.notes_now for each in fleet.machines if each.standing is Standing.UNSEEN)
    return sum(notes.is_heated and notes.scale_set == name for notes in unseen)


def _is_ready(machine: SeenMachine) -> bool:
    return machine.notes_now.heated is not None and machine.notes_now.heated.ready_at is not None


def _is_late(machine: SeenMachine, policy: Policy) -> bool:
    """Whether the machine will not become hot: not started by Azure, or not ready in time."""
    heated = machine.notes_now.heated
    if heated is None or heated.ready_at is not None:
        return False
    age = heating_age(heated, machine.now, machine.at)
    if machine.instance.at_rest:
        refused = heated.failure is not None and heated.failure.of_capacity
        return age >= policy.order_horizon and (refused or heated.attempts >= policy.start_attempts)
    gated = policy.awaits_health(machine.instance.ref.scale_set)
    return age >= policy.start_timeout + (policy.ready_timeout if gated else timedelta(0))


def _failed_lately(machine: SeenMachine, policy: Policy) -> bool:
    since = machine.notes_now.heating_failed_at
    return since is not None and machine.now - since < policy.claim_retry
