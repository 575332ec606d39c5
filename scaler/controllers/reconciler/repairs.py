"""What goes astray without anybody deciding it: index entries, warmth, witnesses; and machines that are gone."""

from dataclasses import replace
from datetime import datetime

from scaler.controllers.reconciler.case import Case, parked
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet, Member
from scaler.model.instance import ProvisioningState
from scaler.model.lifecycle import KEEP, Change, Keep, amend, note, place, step
from scaler.model.notes import Notes
from scaler.model.plan import Refusal, Step, Why
from scaler.model.policy import Policy
from scaler.model.record import Record, Status
from scaler.model.standing import Standing
from scaler.model.witness import awaits_its_last_word, erasable, missed

_NOT_OFFERED = {
    Standing.NEW,
    Standing.ADMITTING,
    Standing.UNMARKED,
    Standing.CLAIMED,
    Standing.TAINTED,
    Standing.STRANGER,
}


def repair(case: Case) -> Step | None:
    """One change that puts index, warmth and notes right, or None where they are."""
    record = _warmed(case) if case.standing is Standing.READY else _addressed(case)
    index = _index(case)
    notes = _noted(case, index)
    if record is KEEP and notes == case.row.notes and index is KEEP:
        return None
    kept = KEEP if notes is None else notes
    change = Change(row=case.row, edge=None, record=record, notes=kept, index=index)
    return Step(why=_why(case, record, index), vm_id=case.row.vm_id, change=change)


def _why(case: Case, record: Record | Keep, index: Status | Keep | None) -> Why:
    if index is not KEEP and case.standing is not Standing.CLAIMED and case.standing in _NOT_OFFERED:
        return Why.LEFT_AVAILABLE
    if index is not KEEP:
        return Why.INDEX_REPAIR
    if record is not KEEP:
        return Why.WARMTH if case.standing is Standing.READY else Why.ADDRESSES
    return Why.NOTED


def _warmed(case: Case) -> Record | Keep:
    record = case.row.readable
    if record is None or record.warm == case.instance.warm:
        return KEEP
    return amend(record, case.now, warm=case.instance.warm)


def _addressed(case: Case) -> Record | Keep:
    """A queue manager that drops what it does not know has dropped where its visitor's machine is."""
    record, notes = case.row.readable, case.row.notes
    if case.standing is not Standing.IN_SESSION or record is None or notes is None:
        return KEEP
    opened = notes.opened.record if notes.opened is not None else record
    public_ip = record.public_ip or notes.ips.get("public") or opened.public_ip
    private_ip = record.private_ip or notes.ips.get("private") or opened.private_ip
    if (public_ip, private_ip) == (record.public_ip, record.private_ip):
        return KEEP
    return amend(record, case.now, public_ip=public_ip, private_ip=private_ip)


def _noted(case: Case, index: Status | Keep | None) -> Notes | None:
    """The notes after this sighting. One that is merely being created needs none yet; Reserved is the starter's."""
    if case.standing is Standing.RESERVED:
        return case.row.notes
    fresh = case.instance.provisioning is ProvisioningState.CREATING and case.instance.created_at is not None
    if case.row.notes is None and (fresh or case.instance.settled):
        return None
    notes = case.notes
    if case.row.status is not Status.AVAILABLE:
        return replace(notes, unindexed_at=None)
    if case.standing is not Standing.READY:
        return notes
    return replace(notes, unindexed_at=_unindexed_since(case, index))


def _unindexed_since(case: Case, index: Status | Keep | None) -> datetime | None:
    """Since when an Available record's key has been outside `available`: an SPOP may be under way until then."""
    if index is Status.AVAILABLE or (index is KEEP and Status.AVAILABLE in case.row.index):
        return None
    return case.unindexed_since


def _index(case: Case) -> Status | Keep | None:
    """Where its key belongs, KEEP where it is. Only adding to `available` waits."""
    index = case.row.index
    if case.standing is Standing.READY:
        return _index_of_ready(case)
    if case.standing in _NOT_OFFERED:
        return case.out_of_available
    wanted = Status.RESERVED if case.standing is Standing.RESERVED else Status.UNAVAILABLE
    return KEEP if index == {wanted} else wanted


def _index_of_ready(case: Case) -> Status | Keep | None:
    index, notes = case.row.index, case.row.notes
    if Status.AVAILABLE in index:
        return KEEP if index == {Status.AVAILABLE} else Status.AVAILABLE
    since = notes.unindexed_at if notes is not None else None
    if since is not None and case.now - since >= case.policy.repair_after:
        return Status.AVAILABLE
    return case.out_of_available


def park(member: Member, why: Why) -> Step | Refusal | None:
    """Its key leaves `available`, at once and whatever else is known."""
    if Status.AVAILABLE not in member.row.index or member.row.readable is None:
        return None
    return Step(why=why, vm_id=member.vm_id, change=place(member.row, Status.UNAVAILABLE))


def unseen(member: Member, fleet: Fleet, policy: Policy) -> Step | Refusal | None:
    """Not in Azure, as far as this tick saw: FORGET what is Available and gone; park what nobody can be promised.

    What lies in no scale set as far as its notes say is never ready, seen or not: wherever we manage anything, its key
    does not wait for the consent of every scale set, as its FORGET does.
    """
    row = member.row
    if row.status is not Status.AVAILABLE:
        return _strayed(member)
    if member.absent is not None:
        if member.absent.plausible:
            return _forget(member, fleet, policy)
        return Refusal(why=Why.LISTING_TOO_SHORT, vm_id=member.vm_id)
    notes = row.notes
    if notes is None or not notes.scale_set:
        manages = any(each.consent for each in fleet.cloud.listings.values())
        return park(member, Why.LEFT_AVAILABLE) if manages else None
    if notes.scale_set in fleet.cloud.missing:  # perhaps for a moment: nothing is forgotten for it
        return park(member, Why.LEFT_AVAILABLE)
    listing = fleet.cloud.listings.get(notes.scale_set)
    replaced = listing is not None and listing.unique_id != notes.unique_id
    return park(member, Why.LEFT_AVAILABLE) if replaced or notes.scale_set not in fleet.scale_sets else None


def _forget(member: Member, fleet: Fleet, policy: Policy) -> Step | None:
    absent = member.absent
    if absent is None or (
        awaits_its_last_word(member.row, absent, fleet.now, policy) and fleet.address(member.row) is not None
    ):
        return None
    if erasable(member.row, absent, fleet.now, policy):
        change = step(Edge.FORGET, Actor.RECONCILER, member.row, None, None, absent.at)
        return Step(why=Why.GONE, vm_id=member.vm_id, change=change)
    first = missed(member.row, absent, fleet.now)
    if first is None:
        return None
    return Step(why=Why.MISSED, vm_id=member.vm_id, change=note(member.row, first, parked(member.row)))


def _strayed(member: Member) -> Step | None:
    """The key of a Reserved or Unavailable record belongs into its own set, whether the machine is seen or not.

    Without a record a key belongs into no set: its notes then have a day. One whose record cannot be read belongs into
    `unavailable`, where the cleaner deals with it, for as long as there is anything else to end.
    """
    row = member.row
    if row.readable is not None:
        wanted = row.status
    elif row.record is None:
        wanted = Status.UNAVAILABLE if row.notes is not None and Status.UNAVAILABLE in row.index else None
    else:
        wanted = Status.UNAVAILABLE if row.notes is not None or row.index else None
    if row.index == ({wanted} if wanted is not None else set()):
        return None
    return Step(why=Why.INDEX_REPAIR, vm_id=member.vm_id, change=place(row, wanted))
