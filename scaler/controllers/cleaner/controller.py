"""What the cleaner looks at, what it does about machines that are gone, and its breakers."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from scaler.controllers.cleaner.case import Case
from scaler.controllers.cleaner.deletes import delete_due, undeletable, used
from scaler.controllers.cleaner.sessions import in_session, limit_over
from scaler.model.fleet import Fleet, Member
from scaler.model.instance import InstanceRef, ProvisioningState
from scaler.model.lifecycle import Change, Edge, Owner, note, step
from scaler.model.notes import SpentBy
from scaler.model.plan import Delete, Listing, Look, Nothing, Plan, Refusal, Some, Step, Why, withheld
from scaler.model.policy import Policy
from scaler.model.record import Status
from scaler.model.row import Row
from scaler.model.sighting import Sighting
from scaler.model.standing import Standing, is_used, own_session_ended, presumption_over, ripe
from scaler.model.witness import gone, missed


def wants(fleet: Fleet, policy: Policy) -> Look:
    """Nothing without work; else a listing now and then; then targeted GETs of what it would end or delete."""
    work = [member for member in fleet.members if _ours(member.row)]
    if not work or fleet.cloud.asked:
        return Nothing()
    if not fleet.cloud.listings and not fleet.cloud.unlisted:
        return Listing(urgent=False)
    refs = tuple(_suspects(work, fleet, policy))
    return Some(refs=refs[: policy.max_gets]) if refs else Nothing()


def _ours(row: Row) -> bool:
    """Unavailable, by its record or, where that is unreadable, by its place in the index."""
    return row.status is Status.UNAVAILABLE or (row.readable is None and Status.UNAVAILABLE in row.index)


def _suspects(work: Sequence[Member], fleet: Fleet, policy: Policy) -> Iterator[InstanceRef]:
    """Those that Azure shows first: they cost money, and no number of rows without a machine may keep us from them."""
    for member in sorted(work, key=lambda each: (each.seen is None, _held(each), *_longest_waiting_first(each))):
        ref = fleet.address(member.row)
        if ref is None or member.absent is not None:  # the listing is as good a witness
            continue
        unproven = ref.scale_set in fleet.cloud.listings and member.seen is None and member.absent is None
        if unproven or _worth_a_look(member, fleet.now, policy):
            yield ref


def _held(member: Member) -> bool:
    """Whether nothing may be ordered there: such a one is only told of, and comes last."""
    return member.seen is not None and not member.seen.sighting.orders_allowed


def _longest_waiting_first(member: Member) -> tuple[float, str]:
    notes = member.row.notes
    spent = notes.spent.at.timestamp() if notes is not None and notes.spent is not None else float("inf")
    return (spent, member.vm_id)


def _worth_a_look(member: Member, now: datetime, policy: Policy) -> bool:
    """Something would follow from a targeted GET: a delete, an EXPIRE, or a second witness of its absence."""
    notes, seen = member.row.notes, member.seen
    if notes is None or (seen is not None and seen.instance.provisioning is ProvisioningState.DELETING):
        return False
    if is_used(member.row):
        if notes.spent is None:
            return True
        free = own_session_ended(notes) or presumption_over(notes, now, policy)
        free = free or (seen is not None and not seen.instance.runs)
        return free and delete_due(notes, now, policy) and ripe(notes, now, policy)
    rests = seen is not None and seen.instance.at_rest and notes.rest_at is not None
    return rests or limit_over(notes, now, policy) is not None


def decide(fleet: Fleet, policy: Policy) -> Plan:
    """At most one step a machine and tick, the longest spent first."""
    wanted: list[Step] = []
    refusals = [*map(withheld, fleet.cloud.withheld.values())]
    for member in sorted(fleet.members, key=_longest_waiting_first):
        for outcome in _of(member, fleet.now, policy):
            if isinstance(outcome, Refusal):
                refusals.append(outcome)
            else:
                wanted.append(outcome)
    kept, held = _breakers(wanted, len(fleet.rows), policy)
    return Plan(steps=kept, refusals=(*refusals, *held))


def _of(member: Member, now: datetime, policy: Policy) -> Iterator[Step | Refusal]:
    if not _ours(member.row):
        return
    if member.seen is None:
        outcome: Step | Refusal | None = _gone(member, member.absent, now, policy) if member.absent else None
    elif member.seen.sighting.consent:
        case = Case(member=member, seen=member.seen, now=now, policy=policy)
        outcome = used(case) if case.standing is Standing.USED else in_session(case)
        alarm = undeletable(case) if outcome is not None else None
        if alarm is not None:
            yield alarm
    else:
        outcome = None
    if outcome is not None:
        yield outcome


def _gone(member: Member, absent: Sighting, now: datetime, policy: Policy) -> Step | Refusal | None:
    """RETIRE on the second witness; a refusal stays a while for its reader."""
    row = member.row
    if not absent.plausible:
        return Refusal(why=Why.LISTING_TOO_SHORT, vm_id=row.vm_id)
    first = missed(row, absent)
    if first is not None:
        return Step(why=Why.MISSED, vm_id=row.vm_id, change=note(row, first))
    spent = row.notes.spent if row.notes is not None else None
    unread = spent is not None and spent.why is SpentBy.REFUSE and now - spent.at < policy.refusal_kept
    if unread or not gone(row, absent, policy):
        return None
    return Step(why=Why.GONE, vm_id=row.vm_id, change=_retire(row, now))


def _retire(row: Row, now: datetime) -> Change:
    """Record, notes and index entry go together; an unreadable record is left alone without them."""
    if row.readable is None:
        return Change(row=row, edge=None, notes=None, index=None)
    return step(Edge.RETIRE, Owner.CLEANER, row, None, None, now)


def _breakers(wanted: Sequence[Step], fleet_size: int, policy: Policy) -> tuple[tuple[Step, ...], tuple[Refusal, ...]]:
    """So many first deletes a tick, and as many repeated ones: two quotas."""
    room = {True: policy.share(policy.max_deletes, fleet_size), False: policy.share(policy.max_deletes, fleet_size)}
    kept: list[Step] = []
    held: list[Refusal] = []
    for each in wanted:
        if isinstance(each.order, Delete):
            is_first = each.change is None or each.change.row.notes is None or each.change.row.notes.delete is None
            room[is_first] -= 1
            if room[is_first] < 0:
                held.append(Refusal(why=Why.BREAKER, vm_id=each.vm_id, facts={"held": each.why}))
                ending = Case.undoomed(each)
                kept += [ending] if ending is not None else []
                continue
        kept.append(each)
    return tuple(kept), tuple(held)
