"""The operator's acts on single machines, without a timer: renew, spend, hold and unhold.

To hold is to keep a machine from its deletion, for somebody who wants to look at it. No visitor may get such a machine
any more: a machine that was not handed out is used from then on, and marked, so that the provisioner leaves it alone. A
session goes on, and keeps its limit.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta

from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.instance import ScaleSetName, VmId
from scaler.model.lifecycle import Change, note, step
from scaler.model.machine import Machine, SeenMachine, notes_so_far
from scaler.model.plan import Listing, Mark, Plan, Refusal, Step, Why
from scaler.model.policy import Policy
from scaler.model.row import Notes, Row, SpentNote, Status
from scaler.model.standing import Standing, is_used

_SAME = timedelta(minutes=2)  # a hold that was just written, as the look after it sees it


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """The Available machines that an operator wants replaced: those to which anything of this applies."""

    named: frozenset[VmId] = frozenset()
    older_than: timedelta | None = None  # Available for so long at least
    outdated: bool = False  # Azure says that they are not of the latest model

    def includes(self, machine: Machine) -> bool:
        """Whether a machine is meant, and not asked for already."""
        admitted_at, instance = machine.notes_now.admitted_at, machine.instance
        if machine.notes_now.replace_asked_at is not None or admitted_at is None:
            return False
        old = self.older_than is not None and machine.now - admitted_at >= self.older_than
        outdated = self.outdated and instance is not None and instance.latest_model is False
        return machine.vm_id in self.named or old or outdated


def renew(fleet: Fleet, policy: Policy, which: Renewed) -> Plan:
    """Ask the cleaner to replace Available machines. Only a note is written: until the cleaner comes, they are offered.

    Machines that are named and not Available are refused.
    """
    machines = {machine.vm_id: machine for machine in fleet.machines_with(_is_offered)}
    refused = _refused(which.named - machines.keys(), Why.NOT_OFFERED)
    chosen = [machine for machine in machines.values() if which.includes(machine)]
    asks = _listing(fleet) if which.outdated else ()
    return Plan(steps=tuple(map(_to_be_replaced, chosen)), refusals=refused, asks=asks)


def _is_offered(row: Row) -> bool:
    return row.status is Status.AVAILABLE and row.notes is not None and row.notes.fresh


def _to_be_replaced(machine: Machine) -> Step:
    known = machine.stored.notes or machine.notes_now
    noted = note(machine.stored, replace(known, replace_asked_at=machine.now))
    return Step(why=Why.TO_BE_REPLACED, vm_id=machine.vm_id, change=noted)


def _listing(fleet: Fleet) -> tuple[Listing, ...]:
    return () if fleet.cloud.was_listed else (Listing(),)


def spend(fleet: Fleet, policy: Policy, named: frozenset[VmId]) -> Plan:
    """Take Available machines back at once: never offered again, deleted and replaced. Refused for other machines."""
    machines = {machine.vm_id: machine for machine in fleet.machines_with(_is_offered)}
    refused = _refused(named - machines.keys(), Why.NOT_OFFERED)
    chosen = [machine for vm_id, machine in sorted(machines.items()) if vm_id in named]
    steps = [
        Step(why=Why.SPENT_BY_HAND, vm_id=machine.vm_id, change=_condemned(machine, machine.notes_now, policy))
        for machine in chosen
    ]
    return Plan(steps=tuple(steps), refusals=refused)


def offered(fleet: Fleet, scale_set: ScaleSetName) -> frozenset[VmId]:
    """The Available machines of a scale set."""
    machines = (machine.vm_id for machine in fleet.machines_with(_is_offered))
    return frozenset(vm_id for vm_id in machines if fleet.scale_set_of(vm_id) == scale_set)


def hold(fleet: Fleet, policy: Policy, named: frozenset[VmId], lasts: timedelta) -> Plan:
    """Keep machines from their deletion for so long. Refused for machines that are not there, or not settled."""
    found = [_held(fleet.by_id[vm_id], policy, lasts) for vm_id in sorted(named & fleet.by_id.keys())]
    steps = tuple(each for each in found if isinstance(each, Step))
    refused = (
        *_refused(named - fleet.by_id.keys(), Why.NOT_THERE),
        *(each for each in found if isinstance(each, Refusal)),
    )
    return Plan(steps=steps, refusals=refused, asks=_listing(fleet))


def unhold(fleet: Fleet, _: Policy, named: frozenset[VmId]) -> Plan:
    """End holds."""
    rows = (fleet.rows[vm_id] for vm_id in sorted(named & fleet.rows.keys()))
    held = [(row, row.notes) for row in rows if row.notes is not None and row.notes.held_until is not None]
    steps = tuple(
        Step(why=Why.UNHELD, vm_id=row.vm_id, change=note(row, replace(noted, held_until=None))) for row, noted in held
    )
    return Plan(steps=steps, refusals=_refused(named - {row.vm_id for row, _ in held}, Why.NOT_HELD))


def _refused(named: Iterable[VmId], why: Why) -> tuple[Refusal, ...]:
    return tuple(Refusal(why=why, vm_id=vm_id) for vm_id in sorted(named))


def _held(machine: Machine, policy: Policy, lasts: timedelta) -> Step | Refusal | None:
    """The hold of a machine; None where the machine is held for as long already."""
    until = machine.now + lasts
    noted = notes_so_far(machine.stored).held_until
    if noted is not None and abs(noted - until) < _SAME:
        return None
    if not isinstance(machine, SeenMachine):
        return Refusal(why=Why.NOT_THERE, vm_id=machine.vm_id)
    facts = {"until": f"{until:%Y-%m-%d %H:%M:%S}"}
    notes = replace(machine.notes_now, held_until=until)
    if machine.standing is Standing.RESERVED or machine.standing is Standing.IN_SESSION or is_used(machine.stored):
        return Step(why=Why.TO_BE_HELD, vm_id=machine.vm_id, change=note(machine.stored, notes), facts=facts)
    if not machine.instance.marked and not (machine.instance.settled or machine.instance.failed):
        return Refusal(why=Why.UNSETTLED, vm_id=machine.vm_id)
    order = None
    if not machine.instance.marked:
        notes = replace(notes, mark_asked_at=machine.now)
        order = Mark(ref=machine.instance.ref, etag=machine.instance.etag, rests_on=machine.sighting)
    change = _condemned(machine, notes, policy)
    return Step(why=Why.TO_BE_HELD, vm_id=machine.vm_id, change=change, order=order, facts=facts)


def _condemned(machine: Machine, notes: Notes, policy: Policy) -> Change:
    """The change after which a machine is used, whoever may have it in the next moment."""
    row = machine.stored
    record = machine.record_now(policy) if isinstance(machine, SeenMachine) else row.readable
    spent = replace(notes, spent=SpentNote(why=Edge.CONDEMN, at=machine.now, seen_at=machine.at))
    return step(Edge.CONDEMN, Actor.OPERATOR, row, record, spent, machine.now)
