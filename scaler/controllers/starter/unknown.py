"""A Reserved machine of which no notes of ours tell: they were lost, or another scaler manages its scale set."""

from dataclasses import replace
from datetime import datetime

from scaler.controllers.starter.endings import abandon, refuse
from scaler.model.fleet import Fleet, Member
from scaler.model.lifecycle import note
from scaler.model.notes import Notes, ReservedNote
from scaler.model.plan import Step, Why
from scaler.model.policy import Policy
from scaler.model.record import Record
from scaler.model.row import Row
from scaler.model.witness import notes_of_missed


def is_unknown(row: Row) -> bool:
    """Whether nothing says in which scale set it is."""
    return row.notes is None or not row.notes.scale_set


def unknown(member: Member, record: Record, fleet: Fleet, policy: Policy) -> Step | None:
    """Refused at once where we may act: it is tainted. Where we may not, or do not know, at its timeout."""
    now, since = fleet.now, _since(member.row.notes, record, fleet.now)
    if not _ours(member, fleet) and now - since < policy.reservation_timeout:
        notes = notes_of_missed(member.row)
        noted = replace(notes, reserved=ReservedNote(session=record.session, at=since))
        return None if noted == notes else Step(why=Why.NOTED, vm_id=member.vm_id, change=note(member.row, noted))
    if record.used:
        return abandon(member, record, now)
    return refuse(member, record, Why.TAINTED, now)


def _ours(member: Member, fleet: Fleet) -> bool:
    """Seen where we have consent; or listed nowhere, and we have it everywhere."""
    if member.seen is not None:
        return member.seen.sighting.consent
    listings = [fleet.cloud.listings.get(name) for name in fleet.scale_sets]
    return all(each is not None and each.consent for each in listings)


def _since(notes: Notes | None, record: Record, now: datetime) -> datetime:
    noted = notes.reserved if notes is not None else None
    return noted.at if noted is not None and noted.session == record.session else now
