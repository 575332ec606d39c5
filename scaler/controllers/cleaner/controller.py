"""What the cleaner looks at, the order of its pass, and its breakers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum

from scaler.controllers.cleaner.absence import unseen, worth_asking
from scaler.controllers.cleaner.deletes import delete_due, on_its_way_out, undeletable, used
from scaler.controllers.cleaner.ending import without_delete
from scaler.controllers.cleaner.sessions import in_session, limit_over
from scaler.model.fleet import Fleet
from scaler.model.instance import InstanceRef
from scaler.model.machine import Machine, SeenMachine
from scaler.model.plan import Delete, Listing, Look, Nothing, Plan, Refusal, Some, Step, Why, withheld
from scaler.model.policy import Policy
from scaler.model.record import Status
from scaler.model.row import Row
from scaler.model.standing import Standing, is_used, new_and_deleting, own_session_ended, presumption_over, ripe

# An unreadable record, kept in `unavailable`, has a standing without a record, and is in session until it is used.
_VERBS: Mapping[Standing, Callable[[SeenMachine, Policy], Step | Refusal | None]] = {
    Standing.IN_SESSION: in_session,
    Standing.NEW: in_session,
    Standing.ADMITTING: in_session,
    Standing.STRANGER: in_session,
    Standing.USED: used,
}


def wants(fleet: Fleet, policy: Policy) -> Look:
    """Nothing without work; else a listing now and then; then targeted GETs of what it would end or delete."""
    work = [machine for machine in fleet.machines if _ours(machine.stored)]
    if not work or fleet.cloud.asked:
        return Nothing()
    if not fleet.cloud.listings and not fleet.cloud.unlisted:
        return Listing(urgent=False)
    refs = tuple(_suspects(work, fleet, policy))
    return Some(refs=refs[: policy.max_gets]) if refs else Nothing()


def _ours(row: Row) -> bool:
    """Unavailable, by its record or, where that is unreadable, by its place in the index."""
    return row.status is Status.UNAVAILABLE or (row.readable is None and Status.UNAVAILABLE in row.index)


def _suspects(work: Sequence[Machine], fleet: Fleet, policy: Policy) -> Iterator[InstanceRef]:
    """Those that Azure shows first: they cost money, and no number of rows without a machine may keep us from them."""
    for machine in sorted(work, key=lambda each: (each.instance is None, _held(each), *_longest_waiting_first(each))):
        ref = fleet.address(machine.stored)
        if ref is None:
            continue
        looked_for = machine.instance is None and (machine.absence is not None or ref.scale_set in fleet.cloud.listings)
        if worth_asking(machine, ref, fleet, policy) if looked_for else _worth_a_look(machine, policy):
            yield ref


def _held(machine: Machine) -> bool:
    """Whether nothing may be ordered there: such a one is only told of, and comes last."""
    return machine.sighting is not None and not machine.sighting.orders_allowed


def _longest_waiting_first(machine: Machine) -> tuple[float, str]:
    notes = machine.stored.notes
    spent = notes.spent.at.timestamp() if notes is not None and notes.spent is not None else float("inf")
    return (spent, machine.vm_id)


def _worth_a_look(machine: Machine, policy: Policy) -> bool:
    """Something would follow from a targeted GET: a delete, an EXPIRE, or a second witness of its absence."""
    notes, clocks, instance = machine.stored.notes, machine.clocks, machine.instance
    if notes is None or (isinstance(machine, SeenMachine) and on_its_way_out(notes, machine, policy)):
        return False
    if is_used(machine.stored):
        if notes.spent is None:
            return True
        free = own_session_ended(notes) or presumption_over(notes, clocks, policy)
        free = free or (instance is not None and (not instance.runs or new_and_deleting(notes, instance)))
        return free and delete_due(notes, clocks.now, policy) and ripe(notes, clocks, policy)
    rests = instance is not None and instance.at_rest and notes.rest_at is not None
    return rests or limit_over(notes, clocks, policy) is not None


def decide(fleet: Fleet, policy: Policy) -> Plan:
    """At most one step a machine and tick, the longest spent first."""
    wanted: list[Step] = []
    refusals = [*map(withheld, fleet.cloud.withheld.values())]
    for machine in sorted(fleet.machines, key=_longest_waiting_first):
        for outcome in outcomes_for(machine, fleet, policy):
            if isinstance(outcome, Refusal):
                refusals.append(outcome)
            else:
                wanted.append(outcome)
    kept, held = _breakers(wanted, fleet.size, policy)
    return Plan(steps=kept, refusals=(*refusals, *held))


def outcomes_for(machine: Machine, fleet: Fleet, policy: Policy) -> Iterator[Step | Refusal]:
    """What becomes of it; and the alarm, where Azure does not delete it."""
    if not _ours(machine.stored):
        return
    outcome: Step | Refusal | None = None
    if not isinstance(machine, SeenMachine):
        outcome = unseen(machine, fleet, policy)
    elif machine.sighting.consent:
        outcome = _VERBS[machine.standing](machine, policy)
        alarm = undeletable(machine, policy) if outcome is not None else None
        if alarm is not None:
            yield alarm
    if outcome is not None:
        yield outcome


_BY_A_CLOCK = {Why.LIMIT, Why.PRESUMED_LIMIT}


class _Quota(StrEnum):
    """Of what one tick does only so much."""

    LIMITED = "limited"  # sessions that end by their limit: many at once look like a clock that is wrong
    FIRST = "first"  # deletes never ordered before
    REPEATED = "repeated"  # deletes ordered again: what Azure refuses must not keep others waiting
    RETIRED = "retired"  # records that go


def _quota(step: Step) -> _Quota | None:
    if isinstance(step.order, Delete):
        known = step.change.row.notes if step.change is not None else None
        return _Quota.FIRST if known is None or known.delete is None else _Quota.REPEATED
    return _Quota.RETIRED if step.why is Why.GONE else None


def _breakers(wanted: Sequence[Step], fleet_size: int, policy: Policy) -> tuple[tuple[Step, ...], tuple[Refusal, ...]]:
    """Each quota has room of its own; what of a step is no order is done all the same."""
    deletes, forgets = policy.share(policy.max_deletes, fleet_size), policy.share(policy.max_forgets, fleet_size)
    room = {_Quota.LIMITED: forgets, _Quota.FIRST: deletes, _Quota.REPEATED: deletes, _Quota.RETIRED: forgets}
    kept: list[Step] = []
    held: list[Refusal] = []
    for each in wanted:
        if each.why in _BY_A_CLOCK:
            room[_Quota.LIMITED] -= 1
            if room[_Quota.LIMITED] < 0:
                continue
        quota = _quota(each)
        if quota is None or room[quota] > 0:
            kept.append(each)
        else:
            held.append(Refusal(why=Why.BREAKER, vm_id=each.vm_id, facts={"held": each.why}))
            ending = without_delete(each) if each.order is not None else None
            kept += [ending] if ending is not None else []
        if quota is not None:
            room[quota] -= 1
    if room[_Quota.LIMITED] < 0:
        held.append(Refusal(why=Why.MANY_LIMITS, alarm=True, facts={"ended": forgets, "held": -room[_Quota.LIMITED]}))
    return tuple(kept), tuple(held)
