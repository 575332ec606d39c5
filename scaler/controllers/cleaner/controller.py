"""The order of the cleaner's pass, and the breakers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum

from scaler.controllers.cleaner.deletes import undeletable, unseen, used
from scaler.controllers.cleaner.sessions import in_session, longest_spent_first, without_delete
from scaler.model.fleet import Fleet
from scaler.model.machine import Machine, SeenMachine
from scaler.model.plan import Decision, Delete, Lacks, Listing, Plan, Refusal, Step, Why, sorted_out, withheld
from scaler.model.policy import Policy
from scaler.model.row import Row, Status
from scaler.model.standing import Standing

# An unreadable record, kept in `unavailable`, has a standing without a record, and is in session until it is used.
_VERBS: Mapping[Standing, Callable[[SeenMachine, Policy], Decision]] = {
    Standing.IN_SESSION: in_session,
    Standing.NEW: in_session,
    Standing.ADMITTING: in_session,
    Standing.STRANGER: in_session,
    Standing.USED: used,
}


def decide(fleet: Fleet, policy: Policy) -> Plan:
    """Plan at most one step for a machine, the longest spent first. Without work no look is asked for."""
    ours = [machine for machine in fleet.machines if _ours(machine.stored)]
    machines = sorted(ours, key=longest_spent_first)
    plan = sorted_out(outcome for machine in machines for outcome in outcomes_for(machine, fleet, policy))
    kept, held = _breakers(plan.steps, fleet.size, policy)
    refusals = (*map(withheld, fleet.cloud.withheld.values()), *plan.refusals, *held)
    listing = (Listing(urgent=False),) if ours else ()
    return Plan(steps=kept, refusals=refusals, asks=plan.asks if fleet.cloud.was_listed else listing)


def _ours(row: Row) -> bool:
    """Unavailable machines, by the record or, for an unreadable record, by the place in the index."""
    return row.status is Status.UNAVAILABLE or (row.readable is None and Status.UNAVAILABLE in row.index)


def outcomes_for(machine: Machine, fleet: Fleet, policy: Policy) -> Iterator[Decision]:
    """The decision about a machine, and the alarm for a delete that Azure does not carry out."""
    if not isinstance(machine, SeenMachine):
        yield unseen(machine, fleet, policy)
    elif machine.sighting.consent:
        outcome = _VERBS[machine.standing](machine, policy)
        if isinstance(outcome.otherwise if isinstance(outcome, Lacks) else outcome, Step):
            yield undeletable(machine, policy)
        yield outcome


_BY_A_CLOCK = {Why.LIMIT, Why.PRESUMED_LIMIT}


class _Quota(StrEnum):
    """Kinds of steps that a tick limits."""

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
    """Hold back steps beyond a quota; the part of such a step that is no order is taken all the same."""
    deletes, forgets = policy.share(policy.max_deletes, fleet_size), policy.share(policy.max_forgets, fleet_size)
    room = {_Quota.LIMITED: forgets, _Quota.FIRST: deletes, _Quota.REPEATED: deletes, _Quota.RETIRED: forgets}
    kept: list[Step] = []
    held: list[Refusal] = []
    for step in wanted:
        if step.why in _BY_A_CLOCK:
            room[_Quota.LIMITED] -= 1
            if room[_Quota.LIMITED] < 0:
                continue
        quota = _quota(step)
        if quota is None or room[quota] > 0:
            kept.append(step)
        else:
            held.append(Refusal(why=Why.BREAKER, vm_id=step.vm_id, facts={"held": step.why}))
            ending = without_delete(step) if step.order is not None else None
            kept += [ending] if ending is not None else []
        if quota is not None:
            room[quota] -= 1
    if room[_Quota.LIMITED] < 0:
        held.append(Refusal(why=Why.MANY_LIMITS, alarm=True, facts={"ended": forgets, "held": -room[_Quota.LIMITED]}))
    return tuple(kept), tuple(held)
