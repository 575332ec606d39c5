"""Repairs: index entries, warmth and witnesses that went astray; and machines that are gone."""

from dataclasses import replace

from scaler.controllers.reconciler.context import index_when_not_offered, unindexed_since
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.instance import InstanceRef
from scaler.model.lifecycle import KEEP, Change, Keep, note, place, step
from scaler.model.machine import Machine, SeenMachine, awaits_its_last_word, awaits_its_time, erasable, missed
from scaler.model.plan import Decision, Get, Lacks, Refusal, Step, Why
from scaler.model.policy import Policy
from scaler.model.row import Notes, Record, Status, amended
from scaler.model.sighting import Sighting
from scaler.model.standing import Standing

_OFFERED = {Standing.READY, Standing.HEATED}
_NOT_OFFERED = {
    Standing.NEW,
    Standing.ADMITTING,
    Standing.UNMARKED,
    Standing.CLAIMED,
    Standing.TAINTED,
    Standing.STRANGER,
}


def repair(machine: SeenMachine, policy: Policy) -> Step | None:
    """A change that puts index, warmth and notes right, or None if all are right."""
    record, index = _mended(machine), _index(machine, policy)
    notes = _noted(machine, index)
    if record is KEEP and notes == machine.stored.notes and index is KEEP:
        return None
    change = Change(row=machine.stored, edge=None, record=record, notes=notes or KEEP, index=index)
    return Step(why=_why(machine, record, index), vm_id=machine.vm_id, change=change)


def _why(machine: SeenMachine, record: Record | Keep, index: Status | Keep | None) -> Why:
    if index is not KEEP:
        left = machine.standing in _NOT_OFFERED - {Standing.CLAIMED}
        return Why.LEFT_AVAILABLE if left else Why.INDEX_REPAIR
    if record is not KEEP:
        return _why_mended(machine, record)
    return Why.NOTED


def _why_mended(machine: SeenMachine, record: Record) -> Why:
    if machine.standing not in _OFFERED:
        return Why.ADDRESSES
    known = machine.stored.readable
    if known is not None and known.hot_since != record.hot_since:
        return Why.HOT if record.hot_since is not None else Why.HOT_NO_MORE
    return Why.WARMTH


def _mended(machine: SeenMachine) -> Record | Keep:
    """The record with the tier of a machine on offer, or with addresses that a session's queue manager has dropped."""
    record, notes = machine.stored.readable, machine.stored.notes
    if record is None or notes is None:
        return KEEP
    mended = record
    if machine.standing in _OFFERED:
        heated = machine.notes_now.heated
        warm = machine.instance.warm if machine.instance.at_rest else record.warm  # how it was before it was heated
        mended = amended(record, warm=warm, hot_since=heated.ready_at if heated is not None else None)
    elif machine.standing is Standing.IN_SESSION:
        opened = notes.opened.record if notes.opened is not None else record
        public_ip = record.public_ip or notes.ips.get("public") or opened.public_ip
        private_ip = record.private_ip or notes.ips.get("private") or opened.private_ip
        mended = amended(record, public_ip=public_ip, private_ip=private_ip)
    return KEEP if mended == record else replace(mended, updated_at=machine.now)


def _noted(machine: SeenMachine, index: Status | Keep | None) -> Notes | None:
    """The notes after this sighting, a new machine's from the first one on; the starter handles Reserved."""
    if machine.standing is Standing.RESERVED:
        return machine.stored.notes
    if machine.stored.notes is None and machine.standing is not Standing.NEW and machine.instance.settled:
        return None
    notes = machine.notes_now
    if machine.stored.status is not Status.AVAILABLE:
        return amended(notes, unindexed_at=None)
    if machine.standing not in _OFFERED:
        return notes
    offered = index is Status.AVAILABLE or (index is KEEP and Status.AVAILABLE in machine.stored.index)
    return amended(notes, unindexed_at=None if offered else unindexed_since(machine))  # an SPOP may be under way


def _index(machine: SeenMachine, policy: Policy) -> Status | Keep | None:
    """The index set for the key, or KEEP. Only adding to `available` waits."""
    index = machine.stored.index
    if machine.standing in _OFFERED:
        return _index_of_ready(machine, policy)
    if machine.standing in _NOT_OFFERED:
        return index_when_not_offered(machine.stored)
    wanted = Status.RESERVED if machine.standing is Standing.RESERVED else Status.UNAVAILABLE
    return KEEP if index == {wanted} else wanted


def _index_of_ready(machine: SeenMachine, policy: Policy) -> Status | Keep | None:
    index, since = machine.stored.index, machine.notes_now.unindexed_at
    if Status.AVAILABLE in index:
        return KEEP if index == {Status.AVAILABLE} else Status.AVAILABLE
    if since is not None and machine.now - since >= policy.repair_after:
        return Status.AVAILABLE
    return index_when_not_offered(machine.stored)


def park(machine: Machine, why: Why) -> Step | None:
    """Take the key out of `available`, at once and in any case."""
    if Status.AVAILABLE not in machine.stored.index or machine.stored.readable is None:
        return None
    return Step(why=why, vm_id=machine.vm_id, change=place(machine.stored, Status.UNAVAILABLE))


def unseen(machine: Machine, fleet: Fleet, policy: Policy) -> Decision:
    """Judge an unseen machine: FORGET an Available one that is gone; park the key of one that cannot be promised."""
    if machine.stored.status is not Status.AVAILABLE:
        return _strayed(machine)
    ref, listing = fleet.address(machine.stored), fleet.cloud.listings.get(machine.notes_now.scale_set)
    if machine.absence is not None:
        return _absent(machine, machine.absence, ref, policy)
    outcome = park(machine, Why.LEFT_AVAILABLE) if _is_nowhere(machine.notes_now, listing, fleet) else None
    if ref is None or listing is None or awaits_its_time(machine, listing, policy):
        return outcome
    return Lacks(ask=_evidence(ref), otherwise=outcome)


def _evidence(ref: InstanceRef) -> Get:
    """Ask for a targeted GET, which has the last word."""
    return Get(ref=ref, queue="evidence", place=(ref.vm_id,))


def _is_nowhere(notes: Notes, listing: Sighting | None, fleet: Fleet) -> bool:
    """Whether an unseen Available machine is in no configured scale set, by the notes.

    With consent for any scale set the key does not wait for the consent of all, unlike a FORGET.
    """
    if not notes.scale_set:
        return any(listing.consent for listing in fleet.cloud.listings.values())
    if notes.scale_set in fleet.cloud.missing or notes.scale_set not in fleet.scale_sets:
        return True  # missing perhaps for a moment: nothing is forgotten for it
    return listing is not None and listing.unique_id != notes.unique_id


def _absent(machine: Machine, absent: Sighting, ref: InstanceRef | None, policy: Policy) -> Decision:
    """FORGET an Available machine on the second witness."""
    row = machine.stored
    short = None if absent.plausible else Refusal(why=Why.LISTING_TOO_SHORT, vm_id=row.vm_id)
    if awaits_its_last_word(machine, absent, policy) and ref is not None:
        return Lacks(ask=_evidence(ref), otherwise=short)
    if short is not None:
        return short
    if erasable(machine, absent, policy):
        change = step(Edge.FORGET, Actor.RECONCILER, row, None, None, absent.at)
        return Step(why=Why.GONE, vm_id=row.vm_id, change=change)
    first = missed(machine, absent)
    if first is None:
        return None
    return Step(why=Why.MISSED, vm_id=row.vm_id, change=note(row, first, index_when_not_offered(row)))


def _strayed(machine: Machine) -> Step | None:
    """Put the key of a Reserved or Unavailable record into the right set, for a seen or unseen machine.

    Without a record a key belongs into no set, and the notes live for a day. The key of an unreadable record belongs
    into `unavailable`, where the cleaner finds the machine, as long as a session may have to end.
    """
    row, wanted = machine.stored, machine.stored.status
    if row.is_unreadable and (row.notes is not None or row.index):
        wanted = Status.UNAVAILABLE
    if row.record is None and row.notes is not None and Status.UNAVAILABLE in row.index:
        wanted = Status.UNAVAILABLE
    if row.index == ({wanted} if wanted is not None else set()):
        return None
    return Step(why=Why.INDEX_REPAIR, vm_id=machine.vm_id, change=place(row, wanted))
