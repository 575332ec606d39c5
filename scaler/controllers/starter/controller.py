"""What the starter looks at, and the one step it takes for each reserved machine."""

from collections.abc import Iterator
from datetime import datetime

from scaler.controllers.starter.endings import by_registry, refuse
from scaler.controllers.starter.opening import open_for
from scaler.controllers.starter.starts import start, unsettled
from scaler.controllers.starter.unknown import is_unknown, unknown
from scaler.controllers.starter.wait import Wait, timeout
from scaler.model.fleet import Cloud, Fleet, Member, Seen
from scaler.model.instance import InstanceRef
from scaler.model.lifecycle import Edge, note
from scaler.model.notes import Notes
from scaler.model.plan import Listing, Look, Nothing, Plan, Some, Step, Whereabouts, Why, soonest, withheld
from scaler.model.policy import Policy
from scaler.model.record import Status
from scaler.model.sighting import By, Sighting
from scaler.model.witness import gone, missed


def wants(fleet: Fleet, policy: Policy) -> Look:
    """Targeted GETs of the reserved machines, by our notes; one listing where that is cheaper or they do not say."""
    cloud = fleet.cloud
    if cloud.listings or cloud.asked:
        return _look_at_the_opening(fleet, policy)
    refs = tuple(_undecided(fleet, policy))
    many = len(refs) > policy.starts_by_get
    unplaced = any(is_unknown(member.row) for member in fleet.members if member.row.status is Status.RESERVED)
    if (many or unplaced) and not cloud.unlisted:
        return Listing(urgent=many)
    return Some(refs=refs[: policy.max_gets]) if refs else Nothing()


def _undecided(fleet: Fleet, policy: Policy) -> Iterator[InstanceRef]:
    """Those about which the registry alone does not decide; who has waited longest first."""
    reserved = [member for member in fleet.members if member.row.status is Status.RESERVED]
    for member in sorted(reserved, key=_waiting_since):
        ref = fleet.address(member.row)
        if ref is not None and by_registry(member, fleet.now) is None:
            yield ref


def _look_at_the_opening(fleet: Fleet, policy: Policy) -> Look:
    """Who they are, where only a listing showed them; then where they are."""
    opening = tuple(_opening(fleet, policy))
    listed = tuple(each.instance.ref for each in opening if each.sighting.by is By.LISTING)
    if listed and not fleet.cloud.asked:
        return Some(refs=listed[: policy.max_gets])
    unknown = {each.instance.ref.scale_set for each in opening} - fleet.cloud.addresses.keys()
    return Whereabouts(scale_sets=frozenset(unknown)) if unknown else Nothing()


def _opening(fleet: Fleet, policy: Policy) -> Iterator[Seen]:
    """The machines that this tick would open."""
    for member in fleet.members:
        if member.row.status is Status.RESERVED and member.seen is not None:
            outcome = _of(member, fleet, policy)
            if outcome is not None and outcome.change is not None and outcome.change.edge is Edge.OPEN:
                yield member.seen


def _waiting_since(member: Member) -> float:
    notes, record = member.row.notes, member.row.readable
    noted = notes.reserved.at if notes is not None and notes.reserved is not None else None
    since = noted or (record.updated_at if record is not None else None)
    return since.timestamp() if since is not None else 0.0


def decide(fleet: Fleet, policy: Policy) -> Plan:
    """One step at most for each reserved machine."""
    steps: list[Step] = []
    looks: list[datetime] = []
    for member in fleet.members:
        if member.row.status is not Status.RESERVED:
            continue
        outcome = _of(member, fleet, policy)
        if outcome is not None:
            steps.append(outcome)
        looks.append(_next_look(member, outcome, fleet.now, policy))
    held = tuple(map(withheld, fleet.cloud.withheld.values()))
    return Plan(steps=tuple(steps), refusals=held, look_again=soonest(fleet.now, *looks))


def _next_look(member: Member, outcome: Step | None, now: datetime, policy: Policy) -> datetime:
    """A started machine is looked at when it may run, then every few seconds."""
    change = outcome.change if outcome is not None else None
    notes = change.notes if change is not None and isinstance(change.notes, Notes) else member.row.notes
    soon = now + policy.look_every
    if notes is None or notes.start is None or notes.start.runs_at is not None:
        return soon
    first = notes.start.at + (policy.first_look_warm if notes.start.warm else policy.first_look_cold)
    return first if first > now else soon


def _of(member: Member, fleet: Fleet, policy: Policy) -> Step | None:
    """What the registry alone decides; then what Azure showed."""
    record, notes = member.row.readable, member.row.notes
    decided = by_registry(member, fleet.now)
    if decided is not None or record is None:
        return decided
    if notes is None or record.session_id is None or is_unknown(member.row):
        return unknown(member, record, fleet, policy)
    wait = Wait(member=member, record=record, session=record.session_id, notes=notes, now=fleet.now, policy=policy)
    if fleet.started_lately.get(member.vm_id, wait.session) != wait.session:  # the notes have forgotten whom
        return refuse(member, record, Why.TAINTED, fleet.now)
    if notes.scale_set not in fleet.scale_sets:  # configured no more: nobody will start it
        return refuse(member, record, Why.TAINTED, fleet.now)
    if member.seen is not None:
        return _of_seen(wait, member.seen, fleet.cloud)
    return _of_absent(wait, member.absent) if member.absent is not None else timeout(wait)


def _of_seen(wait: Wait, seen: Seen, cloud: Cloud) -> Step | None:
    instance = seen.instance
    if not seen.sighting.consent:
        return timeout(wait)
    unfit = not instance.marked or wait.notes.admitted_at is None or instance.failed
    if unfit or (instance.runs and wait.start is None):
        return refuse(wait.member, wait.record, Why.CANNOT_START if wait.start else Why.TAINTED, wait.now)
    if instance.runs and not instance.busy:
        return open_for(wait, seen, cloud)
    if instance.runs:  # and is Updating: OPEN goes before REFUSE, however late
        return timeout(wait)
    return start(wait, seen) if instance.at_rest else unsettled(wait, seen)


def _of_absent(wait: Wait, absent: Sighting) -> Step | None:
    """Not there: refused on the second witness."""
    if gone(wait.member.row, absent, wait.policy):
        return refuse(wait.member, wait.record, Why.GONE, wait.now)
    first = missed(wait.member.row, absent)
    if first is None:
        return timeout(wait)
    return Step(why=Why.MISSED, vm_id=wait.member.vm_id, change=note(wait.member.row, first))
