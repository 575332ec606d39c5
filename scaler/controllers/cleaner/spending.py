"""SPEND: surplus machines, and machines to be replaced, are taken back from the offer.

Replaced are machines that an operator names, machines that have been Available for too long, and outdated machines.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from scaler.model.capacity import Use
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.instance import ScaleSetName, VmId
from scaler.model.lifecycle import step
from scaler.model.machine import Machine, SeenMachine
from scaler.model.plan import Decision, Get, Lacks, Step, Why
from scaler.model.policy import Policy
from scaler.model.price import affordable
from scaler.model.replacing import replacement_due
from scaler.model.row import Row, SpentNote, Status
from scaler.model.scarcity import creating_stops_until
from scaler.model.standing import Standing, is_used

_UNKNOWN = datetime.max.replace(tzinfo=UTC)


def taken_back(fleet: Fleet, policy: Policy) -> Iterator[Decision]:
    """SPEND what has been beyond the wanted number for long; without such a surplus, machines to be replaced.

    The number comes from Azure alone, by the provisioner's own function. The write succeeds only while all machines
    that must stay are Available. Without a machine to spend nothing is asked.
    """
    for name in sorted(policy.capacity):
        demand = fleet.cloud.demand.get(name)
        if demand is None:
            continue
        ready = [fleet.rows[vm_id] for vm_id, use in demand.uses.items() if use is Use.READY and vm_id in fleet.rows]
        due = {row.vm_id: why for row in ready if (why := replacement_due(row, demand, fleet.now, policy))}
        if not due and not demand.lasting_surplus(policy.surplus_kept):
            continue
        order = [row.vm_id for row in sorted(ready, key=_cold_and_old_first) if _is_offered(row, name)]
        chosen, spare = _surplus(order, name, fleet, policy)
        if not chosen:
            chosen, spare = _replaced(
                [(vm_id, due[vm_id]) for vm_id in order if vm_id in due], len(order), name, fleet, policy
            )
        stay = tuple([vm_id for vm_id in order if vm_id not in chosen][:spare])
        for machine in fleet.machines_with(lambda row, chosen=chosen: row.vm_id in chosen):  # type: ignore[misc]
            yield _spend(machine, chosen[machine.vm_id], stay, fleet)


def _surplus(
    offered: Sequence[VmId], scale_set: ScaleSetName, fleet: Fleet, policy: Policy
) -> tuple[Mapping[VmId, Why], int]:
    """The machines that have been beyond the wanted number, and how many must stay.

    Machines that the notes call used and Azure still shows are no surplus: their deletion is under way.
    """
    demand = fleet.cloud.demand[scale_set]
    listed = (fleet.rows.get(vm_id) for vm_id, use in demand.uses.items() if use is not Use.LEAVING)
    leaving = sum(row is not None and is_used(row) for row in listed)
    spare = demand.left_of(fleet.cloud.wanted(scale_set, policy).machines)
    beyond = max(min(demand.lasting_surplus(policy.surplus_kept) - leaving, len(offered) - spare), 0)
    return dict.fromkeys(offered[:beyond], Why.SURPLUS), spare


def _replaced(
    due: Sequence[tuple[VmId, Why]], offered: int, scale_set: ScaleSetName, fleet: Fleet, policy: Policy
) -> tuple[Mapping[VmId, Why], int]:
    """The machines to replace now, and how many of those offered must stay: as many as are wanted otherwise.

    Without room for a further machine, or after a refusal of Azure, one less stays; never none. Outdated machines go
    one at a time: the next when no listing shows the last any more. None goes while creations fail, or where the
    budget does not pay a new machine.
    """
    demand = fleet.cloud.demand[scale_set]
    should_be, paid = fleet.cloud.wanted(scale_set, policy), affordable(demand)
    ceiling = fleet.cloud.ceilings.get(scale_set)
    otherwise = should_be.machines - should_be.replacing
    if creating_stops_until(demand, policy) is not None or (paid is not None and paid <= otherwise):
        return {}, 0
    spare = demand.left_of(otherwise)
    refused = ceiling is not None and demand.at < ceiling.until
    if spare > 1 and (refused or not should_be.replacing):
        spare -= 1
    spent = (row.notes.spent for row in fleet.rows.values() if row.vm_id in demand.uses and row.notes is not None)
    under_way = any(note is not None and note.why is Edge.SPEND for note in spent)
    outdated = [vm_id for vm_id, why in due if why is Why.OUTDATED]
    waiting = set(outdated if under_way else outdated[1:])
    now = [(vm_id, why) for vm_id, why in due if vm_id not in waiting]
    return dict(now[: max(offered - spare, 0)]), spare


def _is_offered(row: Row, scale_set: ScaleSetName) -> bool:
    """Whether a visitor could get the ready machine now, as far as Redis tells.

    Hot machines are left out: a claim cools a hot machine first.
    """
    notes = row.notes
    return (
        row.status is Status.AVAILABLE
        and row.index == {Status.AVAILABLE}
        and notes is not None
        and notes.scale_set == scale_set
        and notes.fresh
        and notes.heated is None
        and not row.untouchable
    )


def _cold_and_old_first(row: Row) -> tuple[bool, datetime, str]:
    record, notes = row.readable, row.notes
    admitted_at = notes.admitted_at if notes is not None else None
    return record is not None and record.warm, admitted_at or _UNKNOWN, row.vm_id


def _spend(machine: Machine, why: Why, stay: tuple[VmId, ...], fleet: Fleet) -> Decision:
    if not isinstance(machine, SeenMachine) or not machine.is_asked_for:
        ref = fleet.address(machine.stored)
        if ref is None or machine.vm_id in fleet.cloud.asked:
            return None
        return Lacks(ask=Get(ref=ref, place=(machine.instance is None, float("inf"), machine.vm_id)))
    record, allowed = machine.stored.readable, machine.sighting.orders_allowed
    if record is None or not allowed or machine.standing is not Standing.READY or not machine.instance.at_rest:
        return None
    if why is Why.OUTDATED and machine.instance.latest_model is not False:
        return None
    notes = replace(machine.notes_now, spent=SpentNote(why=Edge.SPEND, at=machine.now, seen_at=machine.at))
    spent = step(Edge.SPEND, Actor.CLEANER, machine.stored, record, notes, machine.now)
    return Step(why=why, vm_id=machine.vm_id, change=replace(spent, beside=stay), facts={"stay": len(stay)})
