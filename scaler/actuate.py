"""A plan carried out: changes to the registry first, then the orders whose change was accepted, each to its port."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import assert_never

from scaler.errors import Conflict, Missing, Refused, ScalerError, failure_of
from scaler.model.instance import ScaleSetName
from scaler.model.lifecycle import Change, note
from scaler.model.notes import Notes
from scaler.model.plan import Deallocate, Delete, InstanceOrder, Mark, Order, Plan, PowerOff, SetCapacity, Start, Step
from scaler.model.policy import Policy
from scaler.model.row import Row
from scaler.ports import Clock, Confirmation, Registry, ScaleSet


class Result(StrEnum):
    """What became of a step."""

    DONE = "done"  # the change is written, the order accepted; what Azure makes of it the next look shows
    LOST_RACE = "lost race"  # somebody changed the row meanwhile: not an error, the next tick decides anew
    EXPIRED = "expired"  # the look it rests on is older than the order horizon: not given
    FAILED = "failed"  # refused, or nobody answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One step and what became of it."""

    step: Step
    result: Result
    error: ScalerError | None = None
    confirmation: Confirmation | None = None  # of a start's note


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The doors a plan goes through. The provisioner has no registry at all."""

    registry: Registry | None
    scale_sets: Mapping[ScaleSetName, ScaleSet]
    clock: Clock


def actuate(plan: Plan, ports: Ports, policy: Policy) -> tuple[Outcome, ...]:
    """Carry it out. One step's failure is its outcome and does not eat the others."""
    written = _write(plan, ports.registry)
    live = [step for step, row in zip(plan.steps, written, strict=True) if step.change is None or row is not None]
    confirmation = _confirm(live, ports.registry)
    outcomes = {id(step): Outcome(step=step, result=Result.LOST_RACE) for step in plan.steps}
    outcomes |= {id(step): Outcome(step=step, result=Result.DONE) for step in live}
    for group in _groups(live):
        for outcome in _give(group, ports, policy):
            outcomes[id(outcome.step)] = outcome
    done = tuple(replace(outcomes[id(step)], confirmation=confirmation.get(id(step))) for step in plan.steps)
    _take_back(done, dict(zip(map(id, plan.steps), written, strict=True)), ports.registry)
    return done


def _write(plan: Plan, registry: Registry | None) -> tuple[Row | None, ...]:
    """The rows after the changes, in the plan's order; None where there was no change or the race was lost."""
    changes = [step.change for step in plan.steps if step.change is not None]
    if not changes or registry is None:
        return tuple(None for _ in plan.steps)
    rows = iter(registry.apply(changes))
    return tuple(next(rows) if step.change is not None else None for step in plan.steps)


def _confirm(live: Sequence[Step], registry: Registry | None) -> dict[int, Confirmation]:
    """A start's note should be on a replica before the order; a machine at rest is started all the same."""
    starts = [step for step in live if isinstance(step.order, Start)]
    if not starts or registry is None:
        return {}
    try:
        confirmation = registry.confirm()
    except ScalerError:  # the note is written: whether a replica has it, nobody can say now
        confirmation = Confirmation.UNCONFIRMED
    return {id(step): confirmation for step in starts}


def _groups(live: Sequence[Step]) -> Iterator[list[Step]]:
    """Orders of one kind to one scale set go together; marks and capacities each alone."""
    together: dict[tuple[str, str], list[Step]] = {}
    for step in live:
        match step.order:
            case None:
                pass
            case Start() | PowerOff() | Deallocate() | Delete() as order:
                together.setdefault((type(order).__name__, order.ref.scale_set), []).append(step)
            case Mark() | SetCapacity():
                yield [step]
            case _ as never:
                assert_never(never)
    yield from together.values()


def _give(group: list[Step], ports: Ports, policy: Policy) -> Iterator[Outcome]:
    """Give one group's order; drop what is past its horizon, and resend what a dead id or a refusal held up."""
    waiting = [group]  # no recursion: of a thousand, Azure may name one dead id after the other
    while waiting:
        pending = []
        for step in waiting.pop():
            if _left(step, ports.clock, policy) <= timedelta(0):
                yield Outcome(step=step, result=Result.EXPIRED)
            else:
                pending.append(step)
        if pending:
            outcomes, held_up = _given(pending, ports, policy)
            yield from outcomes
            waiting += held_up


def _given(pending: list[Step], ports: Ports, policy: Policy) -> tuple[list[Outcome], list[list[Step]]]:
    """What became of one order, and the groups in which the rest of it is to be given again."""
    try:
        _send(pending, ports, policy)
    except Missing as missing:
        dead = [step for step in pending if _ref_id(step) in missing.instance_ids] or pending
        gone = Result.DONE if isinstance(pending[0].order, Delete) else Result.FAILED  # already gone is deleted
        rest = [step for step in pending if step not in dead]
        return [Outcome(step=step, result=gone, error=missing) for step in dead], [rest] if rest else []
    except (Refused, Conflict) as refused:
        if len(pending) > 1:  # one of them may be what Azure objects to: singly, the others get through
            return [], [[step] for step in reversed(pending)]
        lost = isinstance(refused, Conflict) and isinstance(pending[0].order, SetCapacity)
        return [Outcome(step=pending[0], result=Result.LOST_RACE if lost else Result.FAILED, error=refused)], []
    except ScalerError as error:
        return [Outcome(step=step, result=Result.FAILED, error=error) for step in pending], []
    return [Outcome(step=step, result=Result.DONE) for step in pending], []


def _left(step: Step, clock: Clock, policy: Policy) -> timedelta:
    """How long the step's order may still live: the order horizon is kept here, and only here."""
    if step.order is None:
        return timedelta(0)
    return policy.order_horizon - timedelta(seconds=clock.monotonic() - step.order.rests_on.sent)


def _ref_id(step: Step) -> str:
    return step.order.ref.instance_id if step.order is not None and not isinstance(step.order, SetCapacity) else ""


def _send(steps: Sequence[Step], ports: Ports, policy: Policy) -> None:
    """One call for all of them; its time-outs end with the oldest look's horizon."""
    orders: list[Order] = [step.order for step in steps if step.order is not None]
    within = min(_left(step, ports.clock, policy) for step in steps)
    first = orders[0]
    if isinstance(first, SetCapacity):
        ports.scale_sets[first.scale_set].set_capacity(first.capacity, first.etag, within=within)
        return
    scale_set = ports.scale_sets[first.ref.scale_set]
    if isinstance(first, Mark):
        scale_set.mark(first.ref, first.etag, within=within)
        return
    refs = [order.ref for order in orders if not isinstance(order, SetCapacity)]
    _verb(first, scale_set)(refs, within=within)


def _verb(order: InstanceOrder, scale_set: ScaleSet) -> Callable[..., None]:
    match order:
        case Start():
            return scale_set.start
        case PowerOff():
            return scale_set.power_off
        case Deallocate():
            return scale_set.deallocate
        case Delete():
            return scale_set.delete
        case Mark():
            return scale_set.mark
        case _ as never:
            assert_never(never)


def _take_back(outcomes: Sequence[Outcome], rows: Mapping[int, Row | None], registry: Registry | None) -> None:
    """Write into the notes what did not happen: a failed start's class; attempts that never reached Azure."""
    changes: list[Change] = []
    for outcome in outcomes:
        row = rows[id(outcome.step)]
        if outcome.result not in {Result.EXPIRED, Result.FAILED} or row is None or row.notes is None:
            continue
        corrected = _corrected(row.notes, outcome)
        if corrected != row.notes:
            changes.append(note(row, corrected))
    if changes and registry is not None:
        with suppress(ScalerError):  # what was done is done; an attempt too many in the notes is mended by time
            registry.apply(changes)


def _corrected(notes: Notes, outcome: Outcome) -> Notes:
    """An order that surely never reached Azure is taken back; any other counts as an attempt."""
    before = outcome.step.change.row.notes if outcome.step.change is not None else None
    unsaid = outcome.result is Result.EXPIRED or (outcome.error is not None and outcome.error.uncounted)
    order = outcome.step.order
    if isinstance(order, Start) and notes.start is not None:
        if unsaid:
            return replace(notes, start=before.start if before is not None else None)
        failure = failure_of(outcome.error) if outcome.error is not None else None
        return replace(notes, start=replace(notes.start, failure=failure))
    if isinstance(order, Delete) and unsaid:
        return replace(notes, delete=before.delete if before is not None else None)
    if isinstance(order, Mark) and unsaid:
        return replace(notes, mark_asked_at=before.mark_asked_at if before is not None else None)
    if isinstance(order, Mark) and isinstance(outcome.error, Refused):
        return replace(notes, mark_attempts=notes.mark_attempts + 1)
    return notes
