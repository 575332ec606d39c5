"""A Reserved machine of which no notes of ours tell: they were lost, or another scaler manages its scale set."""

from dataclasses import replace

from scaler.controllers.starter.endings import abandon, refuse
from scaler.model.fleet import Fleet
from scaler.model.lifecycle import note
from scaler.model.machine import Machine
from scaler.model.notes import ReservedNote
from scaler.model.plan import Step, Why
from scaler.model.policy import Policy
from scaler.model.record import Record
from scaler.model.row import Row
from scaler.model.witness import notes_of_missed


def is_unknown(row: Row) -> bool:
    """Whether nothing says in which scale set it is."""
    return row.notes is None or not row.notes.scale_set


def unknown(machine: Machine, record: Record, fleet: Fleet, policy: Policy) -> Step | None:
    """Refused at once where we may act: it is tainted. Where we may not, or do not know, at its timeout."""
    now, notes = fleet.now, notes_of_missed(machine.stored)
    waits = notes.waiting(record.session)
    since = waits.at if waits is not None else now
    if not _ours(machine, fleet) and now - since < policy.reservation_timeout:
        noted = replace(notes, reserved=ReservedNote(session=record.session, at=since))
        return None if noted == notes else Step(why=Why.NOTED, vm_id=machine.vm_id, change=note(machine.stored, noted))
    if record.used:
        return abandon(machine, record, now)
    return refuse(machine, record, Why.TAINTED, now)


def _ours(machine: Machine, fleet: Fleet) -> bool:
    """Seen where we have consent; or listed nowhere, and we have it everywhere."""
    if machine.sighting is not None:
        return machine.sighting.consent
    listings = [fleet.cloud.listings.get(name) for name in fleet.scale_sets]
    return all(each is not None and each.consent for each in listings)
