"""Distrust: after an old snapshot of Redis was restored, no machine that the snapshot calls fresh is offered again.

Distrust is the operator's own act, without a timer. A machine that is Available in the snapshot, or on the way there,
may have had a visitor since. Every such machine is used from now on, deleted by the cleaner and replaced; a running
machine is left alone until at rest or over the limit. Reserved machines are named: the sessions may be of long ago, and
only a person knows.
"""

from dataclasses import replace

from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.lifecycle import step
from scaler.model.machine import Machine, SeenMachine, notes_of_missed
from scaler.model.notes import SpentNote
from scaler.model.plan import Listing, Plan, Refusal, Step, Why
from scaler.model.policy import Policy
from scaler.model.record import Record, Status
from scaler.model.standing import Standing, is_used


def decide(fleet: Fleet, policy: Policy) -> Plan:
    """Plan all steps at once: no order is involved, and a machine left over may be handed out in the next moment."""
    steps = [each for machine in fleet.machines if (each := _distrusted(machine, policy)) is not None]
    reserved = [machine for machine in fleet.machines if machine.standing is Standing.RESERVED]
    asks = () if fleet.cloud.was_listed else (Listing(),)  # what is being admitted has no place in the index yet
    return Plan(steps=tuple(steps), refusals=tuple(map(_perhaps_long_ago, reserved)), asks=asks)


def _distrusted(machine: Machine, policy: Policy) -> Step | None:
    row, record = machine.stored, _record_of(machine, policy)
    if record is None or is_used(row):
        return None
    spent = SpentNote(why=Edge.CONDEMN, at=machine.now)
    notes = replace(notes_of_missed(row), spent=spent)
    change = step(Edge.CONDEMN, Actor.OPERATOR, row, record, notes, machine.now)
    return Step(why=Why.DISTRUSTED, vm_id=row.vm_id, change=change)


def _record_of(machine: Machine, policy: Policy) -> Record | None:
    """The record of a machine that is offered, or about to be: marked, and without a record."""
    row = machine.stored
    if row.status is Status.AVAILABLE:
        return row.readable
    about_to_be = row.record is None and row.notes is not None and row.notes.mark_asked_at is not None
    if not about_to_be or not isinstance(machine, SeenMachine):
        return None
    return machine.record_now(policy) if machine.instance.marked and not machine.instance.runs else None


def _perhaps_long_ago(machine: Machine) -> Refusal:
    record = machine.stored.readable
    facts = {"session": record.session if record is not None else None}
    return Refusal(why=Why.RESERVED_LONG_AGO, vm_id=machine.vm_id, facts=facts)
