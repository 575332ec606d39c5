"""The cleaner: ends sessions whose time is over, spends surplus machines, deletes used ones, retires gone ones.

The step into "used" may carry the delete. A used machine without a visitor is deleted until gone; RETIRE follows when
the machine is surely gone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from scaler.model.capacity import Demand, Use, wanted
from scaler.model.clocks import Clocks, is_ahead
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.instance import InstanceRef, ProvisioningState, ScaleSetName, VmId
from scaler.model.lifecycle import Change, note, step
from scaler.model.machine import Machine, SeenMachine, awaits_its_last_word, awaits_its_time, erasable, missed
from scaler.model.plan import (
    Decision,
    Delete,
    Facts,
    Get,
    Lacks,
    Listing,
    Plan,
    Refusal,
    Step,
    Why,
    held_back,
    limited,
    sorted_out,
    withheld,
)
from scaler.model.policy import Policy
from scaler.model.row import DeleteNote, Notes, Row, SpentNote, Status
from scaler.model.sighting import Sighting
from scaler.model.standing import Standing, deletable, is_used, may_run_unused, presumption_over, ripe

_BY_A_CLOCK = {Why.LIMIT, Why.PRESUMED_LIMIT}
_READ = {Edge.REFUSE, Edge.MOVE}  # by the visitor who was refused; by the queue manager that follows


class _Kind(StrEnum):
    """Kinds of steps that a tick limits."""

    FIRST = "first"  # deletes never ordered before
    REPEATED = "repeated"  # deletes ordered again: what Azure refuses must not keep others waiting
    RETIRED = "retired"  # records that go
    SPENT = "spent"  # surplus machines


def decide(fleet: Fleet, policy: Policy) -> Plan:
    """Plan at most one step for a machine, the longest spent first. Without work no look is asked for."""
    ours = sorted(fleet.machines_with(_ours), key=_longest_spent_first)
    outcomes = [outcome for machine in ours for outcome in outcomes_for(machine, fleet, policy)]
    plan = sorted_out([*outcomes, *_surplus(fleet, policy)])
    kept, held = _breakers(plan.steps, fleet.size, policy)
    refusals = (*map(withheld, fleet.cloud.withheld.values()), *plan.refusals, *held)
    listing = (Listing(urgent=False),) if ours else ()
    return Plan(steps=kept, refusals=refusals, asks=plan.asks if fleet.cloud.was_listed or not ours else listing)


def _ours(row: Row) -> bool:
    """Unavailable machines, by the record or, for an unreadable record, by the place in the index."""
    return row.status is Status.UNAVAILABLE or (row.readable is None and Status.UNAVAILABLE in row.index)


def _longest_spent_first(machine: Machine) -> tuple[float, str]:
    spent = machine.notes_now.spent
    return (spent.at.timestamp() if spent is not None else float("inf"), machine.vm_id)


def outcomes_for(machine: Machine, fleet: Fleet, policy: Policy) -> Iterator[Decision]:
    """The decision about a machine, and the alarm for a delete that Azure does not carry out."""
    if not isinstance(machine, SeenMachine):
        yield _unseen(machine, fleet, policy)
    elif machine.sighting.consent:
        outcome = _VERBS[machine.standing](machine, policy)
        if isinstance(outcome.otherwise if isinstance(outcome, Lacks) else outcome, Step):
            yield _undeletable(machine, policy)
        yield outcome


def _breakers(wanted: Sequence[Step], fleet_size: int, policy: Policy) -> tuple[tuple[Step, ...], tuple[Refusal, ...]]:
    """Hold back steps beyond a quota; the part of such a step that is no order is taken all the same.

    Many sessions that end by their limit at once look like a clock that is wrong.
    """
    deletes, forgets = policy.share(policy.max_deletes, fleet_size), policy.share(policy.max_forgets, fleet_size)
    in_time, late = limited(wanted, lambda step: step.why in _BY_A_CLOCK, {True: forgets})
    most: Mapping[_Kind | None, int] = {
        _Kind.FIRST: deletes,
        _Kind.REPEATED: deletes,
        _Kind.RETIRED: forgets,
        _Kind.SPENT: deletes,
    }
    kept, beyond = limited(in_time, _kind, most)
    endings = [ending for step in beyond if (ending := _without_delete(step)) is not None]
    held = [held_back(step) for step in beyond]
    if late:
        held.append(Refusal(why=Why.MANY_LIMITS, alarm=True, facts={"ended": forgets, "held": len(late)}))
    return (*kept, *endings), tuple(held)


def _kind(step: Step) -> _Kind | None:
    if isinstance(step.order, Delete):
        known = step.change.row.notes if step.change is not None else None
        return _Kind.FIRST if known is None or known.delete is None else _Kind.REPEATED
    if step.why is Why.SURPLUS:
        return _Kind.SPENT
    return _Kind.RETIRED if step.why is Why.GONE else None


def _without_delete(ending: Step) -> Step | None:
    """The same step without the delete, for which this tick has no room; None for an empty rest.

    The note of the session's end must not wait: the time of the note decides the turn.
    """
    change = ending.change
    if ending.order is None or change is None or not isinstance(change.notes, Notes):
        return None
    known = change.row.notes
    notes = replace(change.notes, delete=known.delete if known is not None else None)
    if change.edge is None and (known is None or notes.spent == known.spent):
        return None
    return replace(ending, change=replace(change, notes=notes), order=None)


def _surplus(fleet: Fleet, policy: Policy) -> Iterator[Decision]:
    """SPEND what has been beyond the wanted number for long: cold machines first, and of these the oldest.

    The number comes from Azure alone, by the provisioner's own function, less the machines that the notes call used
    and Azure still shows. As many as are wanted stay: the write succeeds only while all of these are Available.
    """
    for name, capacity in sorted(policy.capacity.items()):
        demand = fleet.cloud.demand.get(name)
        lasting = demand.lasting_surplus(policy.surplus_kept) if demand is not None else 0
        if demand is None or not lasting:
            continue
        offered = sorted(fleet.machines_with(partial(_is_offered, name, demand)), key=_cold_and_old_first)
        leaving = sum(
            row is not None and is_used(row)
            for row in (fleet.rows.get(vm_id) for vm_id, use in demand.uses.items() if use is not Use.LEAVING)
        )
        spare = max(wanted(demand, capacity, policy).machines - demand.occupied, 0)
        beyond = max(min(lasting - leaving, len(offered) - spare), 0)
        stay = tuple(machine.vm_id for machine in offered[beyond : beyond + spare])
        for machine in offered[:beyond]:
            yield _spend(machine, stay, fleet)


def _is_offered(scale_set: ScaleSetName, demand: Demand, row: Row) -> bool:
    """Whether a visitor could get the machine now, as far as Redis and the latest listing tell."""
    notes = row.notes
    return (
        row.status is Status.AVAILABLE
        and row.index == {Status.AVAILABLE}
        and notes is not None
        and notes.scale_set == scale_set
        and notes.fresh
        and demand.uses.get(row.vm_id) is Use.READY
    )


def _cold_and_old_first(machine: Machine) -> tuple[bool, datetime, str]:
    record, notes = machine.stored.readable, machine.notes_now
    return record is not None and record.warm, notes.admitted_at or machine.now, machine.vm_id


def _spend(machine: Machine, stay: tuple[VmId, ...], fleet: Fleet) -> Decision:
    if not isinstance(machine, SeenMachine) or not machine.is_asked_for:
        ref = fleet.address(machine.stored)
        return Lacks(ask=_get(machine, ref)) if ref is not None and machine.vm_id not in fleet.cloud.asked else None
    record, allowed = machine.stored.readable, machine.sighting.orders_allowed
    if record is None or not allowed or machine.standing is not Standing.READY or not machine.instance.at_rest:
        return None
    notes = replace(machine.notes_now, spent=SpentNote(why=Edge.SPEND, at=machine.now, seen_at=machine.at))
    spent = step(Edge.SPEND, Actor.CLEANER, machine.stored, record, notes, machine.now)
    return Step(why=Why.SURPLUS, vm_id=machine.vm_id, change=replace(spent, beside=stay), facts={"stay": len(stay)})


def _in_session(machine: SeenMachine, policy: Policy) -> Decision:
    """EXPIRE, or the first witness of a machine at rest, or the erasure of a contradicted witness."""
    over = _limit_over(machine.notes_now, machine.clocks, policy) or _lost_from_view(machine, policy)
    if over is not None:
        return _expire(machine, over, policy)
    if machine.instance.at_rest:
        return _at_rest(machine, policy)
    known = machine.stored.notes
    if known is None or (machine.notes_now.rest_at, machine.notes_now.missed_at) == (known.rest_at, known.missed_at):
        return None
    return Step(why=Why.SEEN_AGAIN, vm_id=machine.vm_id, change=note(machine.stored, machine.notes_now))


def _limit_over(notes: Notes, clocks: Clocks, policy: Policy) -> Why | None:
    """The limit that has ended the session, by both clocks and with the grace on top; None if no limit has."""
    if notes.opened is not None and policy.session_limit:
        age = clocks.age(notes.opened.at, notes.opened.seen_at)
        return Why.LIMIT if age is not None and age >= policy.session_limit + policy.expiry_grace else None
    if notes.presumed_at is not None and presumption_over(notes, clocks, policy):
        return Why.PRESUMED_LIMIT
    return None


def _lost_from_view(machine: SeenMachine, policy: Policy) -> Why | None:
    """Whether an unlimited session is over, because Azure has been silent for the presumed limit."""
    since = machine.notes_now.unsettled_at
    if policy.session_limit or since is None:
        return None
    patience = policy.creating_timeout + policy.presumed_limit
    return Why.PRESUMED_LIMIT if machine.at - since >= patience else None


def _at_rest(machine: SeenMachine, policy: Policy) -> Step | Lacks | None:
    """Evicted, or shut down from inside. A listing may be the first witness; the second is a targeted GET."""
    since = machine.clocks.since_first_seen(machine.notes_now.rest_at, machine.notes_now.rest_noted_at)
    if since is None:
        notes = replace(machine.notes_now, rest_at=machine.at, rest_noted_at=machine.now)
        return Step(why=Why.RESTS, vm_id=machine.vm_id, change=note(machine.stored, notes))
    if not machine.is_asked_for:
        return Lacks(ask=_get(machine, machine.instance.ref))
    return _expire(machine, Why.CAME_TO_REST, policy) if since >= policy.witness_gap > timedelta(0) else None


def _expire(machine: SeenMachine, why: Why, policy: Policy) -> Step | Lacks:
    notes = machine.notes_now
    sessions = {**notes.ended, notes.session: Edge.EXPIRE} if notes.session is not None else notes.ended
    spent = SpentNote(why=Edge.EXPIRE, at=machine.now)
    return _ended(machine, Edge.EXPIRE, replace(notes, ended=sessions, spent=spent), why, policy)


def _ended(machine: SeenMachine, edge: Edge | None, notes: Notes, why: Why, policy: Policy) -> Step | Lacks:
    """Make the step into "used", with the delete if a targeted GET allows it at once.

    An unreadable record is left alone: the notes alone carry the step then.
    """
    to_be_deleted, row = _with_delete(machine, notes, policy), machine.stored
    after = to_be_deleted or notes
    change = note(row, after)
    if edge is not None and row.readable is not None:
        change = step(edge, Actor.CLEANER, row, row.readable, after, machine.now)
    order = Delete(ref=machine.instance.ref, rests_on=machine.sighting) if to_be_deleted is not None else None
    facts: Facts = {"session": notes.session, "attempt": after.delete.attempts if after.delete else None}
    ending = Step(why=why, vm_id=machine.vm_id, change=change, order=order, facts=facts)
    settled = machine.is_asked_for or row.notes is None or _on_its_way_out(machine, policy)
    return ending if settled else Lacks(ask=_get(machine, machine.instance.ref), otherwise=ending)


def _get(machine: Machine, ref: InstanceRef) -> Get:
    """Ask for a targeted GET. Machines that Azure shows come first, because only these cost money."""
    return Get(ref=ref, place=(machine.instance is None, *_longest_spent_first(machine)))


def _used(machine: SeenMachine, policy: Policy) -> Decision:
    """Acknowledge a release, then delete. A machine being deleted already is a success."""
    notes = machine.notes_now
    if notes.spent is None:
        return _acknowledge(machine, policy)
    if _on_its_way_out(machine, policy) or not _may_be_deletable(machine, policy):
        return None
    if not machine.is_asked_for:
        return Lacks(ask=_get(machine, machine.instance.ref))
    if _with_delete(machine, notes, policy) is None:
        return None
    return _ended(machine, None, notes, Why.RIPE if notes.delete is None else Why.DELETE_OVERDUE, policy)


# An unreadable record, kept in `unavailable`, has a standing without a record, and is in session until it is used.
_VERBS: Mapping[Standing, Callable[[SeenMachine, Policy], Decision]] = {
    Standing.IN_SESSION: _in_session,
    Standing.NEW: _in_session,
    Standing.ADMITTING: _in_session,
    Standing.STRANGER: _in_session,
    Standing.USED: _used,
}


def _acknowledge(machine: SeenMachine, policy: Policy) -> Step | Lacks:
    """Note a naive queue manager's release (`used` in the record). The ended session decides what a delete needs."""
    record, notes = machine.stored.readable, machine.notes_now
    session = record.session if record is not None else None
    if session is None or session != notes.session:  # somebody else's word: it counts as presumed while it runs
        spent = SpentNote(why=Edge.CONDEMN, at=machine.now, seen_at=machine.at)
        return _ended(machine, None, replace(notes, spent=spent), Why.USED_ELSEWHERE, policy)
    released = {**notes.ended, session: notes.ended.get(session, Edge.RELEASE)}
    spent = SpentNote(why=Edge.RELEASE, at=machine.now)
    return _ended(machine, None, replace(notes, ended=released, spent=spent), Why.ENDED, policy)


def _on_its_way_out(machine: SeenMachine, policy: Policy) -> bool:
    """Whether the machine is being deleted, and Azure has not lost the operation (by the time)."""
    if machine.instance.provisioning is not ProvisioningState.DELETING:
        return False
    since = machine.notes_now.unsettled_at
    return since is None or machine.at - since < policy.delete_lost


def _with_delete(machine: SeenMachine, notes: Notes, policy: Policy) -> Notes | None:
    """The notes with another delete, None if a delete must not be ordered now.

    A delete rests on a targeted GET of this tick alone.
    """
    allowed = machine.is_asked_for and machine.sighting.orders_allowed
    if not allowed or not deletable(notes, machine.instance, machine.clocks, policy):
        return None
    attempts = notes.delete.attempts if notes.delete is not None else 0
    return replace(notes, delete=DeleteNote(at=machine.now, attempts=attempts + 1))


def _may_be_deletable(machine: Machine, policy: Policy) -> bool:
    """Whether a targeted GET may allow the delete now: no visitor by the last look, or no look yet."""
    instance, clocks, notes = machine.instance, machine.clocks, machine.notes_now
    free = may_run_unused(notes, instance, clocks, policy) or (instance is not None and not instance.runs)
    return free and _is_due(machine, policy) and ripe(notes, clocks, policy)


def _is_due(machine: Machine, policy: Policy) -> bool:
    """Whether a delete is due: never ordered, or the last order is older than 2, 4, 8 … 60 minutes."""
    last = machine.notes_now.delete
    if last is None or is_ahead(last.at, machine.now):
        return True
    doublings = max(0, min(last.attempts - 1, 16))
    return machine.now - last.at >= min(policy.delete_retry * (1 << doublings), policy.delete_retry_most)


def _undeletable(machine: SeenMachine, policy: Policy) -> Refusal | None:
    """The alarm for a machine that Azure does not delete, time after time."""
    delete = machine.notes_now.delete
    if delete is None or delete.attempts < policy.delete_attempts:
        return None
    return Refusal(why=Why.UNDELETABLE, vm_id=machine.vm_id, alarm=True, facts={"attempts": delete.attempts})


def _unseen(machine: Machine, fleet: Fleet, policy: Policy) -> Decision:
    """RETIRE on the second witness; a refusal, or a move, stays a while for the reader."""
    row, absent, ref = machine.stored, machine.absence, fleet.address(machine.stored)
    if absent is None:
        asks = ref is not None and _is_worth_asking(machine, fleet.cloud.listings.get(ref.scale_set), policy)
        return Lacks(ask=_get(machine, ref)) if ref is not None and asks else None
    if awaits_its_last_word(machine, absent, policy) and ref is not None:
        return Lacks(ask=_get(machine, ref))
    if not absent.plausible:
        return Refusal(why=Why.LISTING_TOO_SHORT, vm_id=row.vm_id)
    first = missed(machine, absent)
    if first is not None:
        return Step(why=Why.MISSED, vm_id=row.vm_id, change=note(row, first))
    spent = machine.notes_now.spent
    unread = spent is not None and spent.why in _READ and fleet.now - spent.at < policy.refusal_kept
    if unread or not erasable(machine, absent, policy):
        return None
    return Step(why=Why.GONE, vm_id=row.vm_id, change=_retired(machine))


def _is_worth_asking(machine: Machine, listing: Sighting | None, policy: Policy) -> bool:
    """Whether a targeted GET may prove more than the listing; without a listing, whether a step would follow."""
    if listing is not None:
        return not awaits_its_time(machine, listing, policy)
    if not is_used(machine.stored):
        return _limit_over(machine.notes_now, machine.clocks, policy) is not None
    return machine.notes_now.spent is None or _may_be_deletable(machine, policy)


def _retired(machine: Machine) -> Change:
    """Record, notes and index entry go together; an unreadable record is left alone without them."""
    row = machine.stored
    if row.readable is None:
        return Change(row=row, edge=None, notes=None, index=None)
    return step(Edge.RETIRE, Actor.CLEANER, row, None, None, machine.now)
