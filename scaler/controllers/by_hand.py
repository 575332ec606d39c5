"""The operator's own acts, without a timer: distrust a restored snapshot; forget a scale set that is gone."""

from collections.abc import Iterator
from dataclasses import replace

from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.instance import ScaleSetName
from scaler.model.lifecycle import KEEP, Change, step
from scaler.model.machine import Machine, SeenMachine, notes_of_missed
from scaler.model.plan import Listing, Plan, Refusal, Step, Why
from scaler.model.policy import Policy
from scaler.model.row import Record, Row, SpentNote, Status
from scaler.model.standing import Standing, is_used


def distrust(fleet: Fleet, policy: Policy) -> Plan:
    """After an old snapshot of Redis was restored, no machine that the snapshot calls fresh is offered again.

    A machine that is Available in the snapshot, or on the way there, may have had a visitor since. Every such machine
    is used from now on, deleted by the cleaner and replaced; a running machine is left alone until at rest or over the
    limit. Reserved machines are named: the sessions may be of long ago, and only a person knows.
    All steps at once: no order is involved, and a machine left over may be handed out in the next moment.
    """
    steps = [found for machine in fleet.machines if (found := _distrusted(machine, policy)) is not None]
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


def forget(fleet: Fleet, scale_set: ScaleSetName) -> Plan:
    """Record, notes and index entry go of every machine of a scale set that is not configured any more, and is gone."""
    rows = tuple(_rows_of(fleet, scale_set))
    alive = [Refusal(why=Why.STILL_THERE, vm_id=row.vm_id) for row in rows if row.vm_id in fleet.cloud.instances]
    return Plan(refusals=tuple(alive)) if alive else Plan(steps=tuple(map(_forgotten, rows)))


def _rows_of(fleet: Fleet, scale_set: ScaleSetName) -> Iterator[Row]:
    for row in fleet.rows.values():
        if row.notes is not None and row.notes.scale_set == scale_set and not row.untouchable:
            yield row


def _forgotten(row: Row) -> Step:
    """The step for a machine; an unreadable record is left to the byte, as everywhere."""
    unreadable = row.record is not None and row.readable is None
    change = Change(row=row, edge=None, record=KEEP if unreadable else None, notes=None, index=None)
    record = row.readable
    handed_out = record is not None and record.status is not Status.AVAILABLE and not is_used(row)
    session = record.session if record is not None and handed_out else None
    why = Why.FORGOTTEN if session is None else Why.FORGOTTEN_WITH_SESSION
    return Step(why=why, vm_id=row.vm_id, change=change, facts={"session": session} if session is not None else {})
