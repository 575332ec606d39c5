"""The cleaner's pass: end sessions whose time is over, take back what is not needed, delete used machines, retire gone.

The step into "used" may carry the delete. A used machine without a visitor is deleted until gone; RETIRE follows when
the machine is surely gone.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

from scaler.controllers.cleaner.ending import (
    ended,
    longest_spent_first,
    may_be_deletable,
    on_its_way_out,
    targeted_get,
    with_delete,
)
from scaler.controllers.cleaner.sessions import in_session, limit_over, second_look_is_due
from scaler.controllers.cleaner.spending import taken_back
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.lifecycle import Change, note, step
from scaler.model.machine import Machine, SeenMachine, awaits_its_last_word, awaits_its_time, erasable, missed
from scaler.model.plan import (
    Decision,
    Delete,
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
from scaler.model.row import Notes, Row, SpentNote, Status
from scaler.model.sighting import Sighting
from scaler.model.standing import Standing, held, is_used

_AT_ONCE: Mapping[Why, Why] = {
    Why.LIMIT: Why.MANY_LIMITS,
    Why.PRESUMED_LIMIT: Why.MANY_LIMITS,
    Why.UNHEALTHY: Why.MANY_UNHEALTHY,
}
"""Ends of sessions that look like a mistake where there are many at once, and the alarm then."""
_READ = {Edge.REFUSE, Edge.MOVE}  # by the visitor who was refused; by the queue manager that follows


class _Kind(StrEnum):
    """Kinds of steps that a tick limits."""

    FIRST = "first"  # deletes never ordered before
    REPEATED = "repeated"  # deletes ordered again: what Azure refuses must not keep others waiting
    RETIRED = "retired"  # records that go
    SPENT = "spent"  # surplus machines, and those to be replaced


def decide(fleet: Fleet, policy: Policy) -> Plan:
    """Plan at most one step for a machine, the longest spent first. Without work no look is asked for."""
    ours = sorted(fleet.machines_with(_ours), key=longest_spent_first)
    outcomes = [outcome for machine in ours for outcome in outcomes_for(machine, fleet, policy)]
    plan = sorted_out([*outcomes, *taken_back(fleet, policy)])
    kept, held = _breakers(plan.steps, fleet.size, policy)
    refusals = (*map(withheld, fleet.cloud.withheld.values()), *plan.refusals, *held)
    listing = (Listing(urgent=False),) if ours else ()
    return Plan(steps=kept, refusals=refusals, asks=plan.asks if fleet.cloud.was_listed or not ours else listing)


def _ours(row: Row) -> bool:
    """Unavailable machines, by the record or, for an unreadable record, by the place in the index."""
    return row.status is Status.UNAVAILABLE or (row.readable is None and Status.UNAVAILABLE in row.index)


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
    """Hold back steps beyond a quota, or only their orders where a note of a session's end must not wait.

    Many sessions over their limit at once look like a wrong clock, many unhealthy ones like a broken image.
    """
    deletes, forgets = policy.share(policy.max_deletes, fleet_size), policy.share(policy.max_forgets, fleet_size)
    endings: Mapping[Why | None, int] = {
        Why.MANY_LIMITS: forgets,
        Why.MANY_UNHEALTHY: max(policy.max_unhealthy, forgets),
    }
    in_time, late = limited(wanted, lambda step: _AT_ONCE.get(step.why), endings)
    most: Mapping[_Kind | None, int] = {
        _Kind.FIRST: deletes,
        _Kind.REPEATED: deletes,
        _Kind.RETIRED: forgets,
        _Kind.SPENT: deletes,
    }
    kept, beyond = limited(in_time, _kind, most)
    undeleted = [ending for step in beyond if (ending := _without_delete(step)) is not None]
    held = [held_back(step) for step in beyond]
    for why, number in Counter(_AT_ONCE[ending.why] for ending in late).items():
        held.append(Refusal(why=why, alarm=True, facts={"ended": endings[why], "held": number}))
    return (*kept, *undeleted), tuple(held)


def _kind(step: Step) -> _Kind | None:
    if isinstance(step.order, Delete):
        known = step.change.row.notes if step.change is not None else None
        return _Kind.FIRST if known is None or known.delete is None else _Kind.REPEATED
    if step.change is not None and step.change.edge is Edge.SPEND:
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


def _used(machine: SeenMachine, policy: Policy) -> Decision:
    """Acknowledge a release, then delete. A machine being deleted already is a success."""
    notes = machine.notes_now
    if notes.spent is None:
        return _acknowledge(machine, policy)
    if held(notes, machine.now, policy):
        return Refusal(why=Why.HELD, vm_id=machine.vm_id, facts={"until": f"{notes.held_until:%Y-%m-%d %H:%M:%S}"})
    if on_its_way_out(machine, policy) or not may_be_deletable(machine, policy):
        return None
    if not machine.is_asked_for:
        return Lacks(ask=targeted_get(machine, machine.instance.ref))
    if with_delete(machine, notes, policy) is None:
        return None
    return ended(machine, None, notes, Why.RIPE if notes.delete is None else Why.DELETE_OVERDUE, policy)


# An unreadable record, kept in `unavailable`, has a standing without a record, and is in session until it is used.
_VERBS: Mapping[Standing, Callable[[SeenMachine, Policy], Decision]] = {
    Standing.IN_SESSION: in_session,
    Standing.NEW: in_session,
    Standing.ADMITTING: in_session,
    Standing.STRANGER: in_session,
    Standing.USED: _used,
}


def _acknowledge(machine: SeenMachine, policy: Policy) -> Step | Lacks:
    """Note a naive queue manager's release (`used` in the record). The ended session decides what a delete needs."""
    record, notes = machine.stored.readable, machine.notes_now
    session = record.session if record is not None else None
    if session is None or session != notes.session:  # somebody else's word: it counts as presumed while it runs
        spent = SpentNote(why=Edge.CONDEMN, at=machine.now, seen_at=machine.at)
        return ended(machine, None, replace(notes, spent=spent), Why.USED_ELSEWHERE, policy)
    released = {**notes.ended, session: notes.ended.get(session, Edge.RELEASE)}
    spent = SpentNote(why=Edge.RELEASE, at=machine.now)
    return ended(machine, None, replace(notes, ended=released, spent=spent), Why.ENDED, policy)


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
        return Lacks(ask=targeted_get(machine, ref)) if ref is not None and asks else None
    if awaits_its_last_word(machine, absent, policy) and ref is not None:
        return Lacks(ask=targeted_get(machine, ref))
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
        over = limit_over(machine.notes_now, machine.clocks, policy) is not None
        return over or second_look_is_due(machine, policy)
    return machine.notes_now.spent is None or may_be_deletable(machine, policy)


def _retired(machine: Machine) -> Change:
    """Record, notes and index entry go together; an unreadable record is left alone without them."""
    row = machine.stored
    if row.readable is None:
        return Change(row=row, edge=None, notes=None, index=None)
    return step(Edge.RETIRE, Actor.CLEANER, row, None, None, machine.now)
