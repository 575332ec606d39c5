"""A plan carried out: changes to the registry in one batch, then the orders, and what did not happen taken back.

Orders of one kind to a scale set go together, and no order goes past the horizon.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple, assert_never

from scaler.errors import Conflict, Missing, Partly, Refused, ScalerError
from scaler.model.instance import FailureClass, InstanceId
from scaler.model.lifecycle import note
from scaler.model.plan import Deallocate, Delete, Mark, Plan, PowerOff, SetCapacity, Start, Step
from scaler.model.policy import Policy
from scaler.model.row import Notes, Row, amended
from scaler.ports import Clock, Confirmation, Ports, Registry
from scaler.report import Outcome, Result

__all__ = ["Outcome", "Ports", "Result", "actuate"]

_NOT_CARRIED_OUT = {Result.EXPIRED, Result.FAILED, Result.UNCONFIRMED}


def actuate(plan: Plan, ports: Ports, policy: Policy) -> tuple[Outcome, ...]:
    """Carry out a plan. A failed step is an outcome and does not stop the rest."""
    answer = _answer_before(plan.steps, ports.registry)
    steps, held = _after_replica(plan.steps, answer)
    written = _write(steps, plan.good_until, ports.registry)
    live = [step for step, row in zip(steps, written, strict=True) if step.change is None or row is not None]
    confirmation = _confirm(live, ports.registry, answer)
    outcomes = {id(step): Outcome(step=step, result=Result.LOST_RACE) for step in steps}
    outcomes |= {id(step): Outcome(step=step, result=Result.DONE) for step in live}
    unsure = {id(step) for step in live if _must_not_go_on(step, confirmation.get(id(step)))}
    outcomes |= {id(step): Outcome(step=step, result=Result.UNCONFIRMED) for step in live if id(step) in unsure}
    sure = [step for step in live if id(step) not in unsure]
    rows = {id(step): row for step, row in zip(steps, written, strict=True)}
    after = _then([(step, rows[id(step)]) for step in sure], plan.good_until, ports.registry)
    for group in _groups(sure):
        outcomes |= {id(outcome.step): outcome for outcome in _give(group, ports, policy)}
    done = tuple(replace(outcomes[id(step)], confirmation=confirmation.get(id(step))) for step in steps)
    _take_back(done, written, ports.registry)
    return (*done, *after, *held)


def _answer_before(steps: Sequence[Step], registry: Registry | None) -> Confirmation | None:
    """The answer of a replica before anything is written; None where no step needs one.

    The answer covers every earlier write, by any host: also another host's start note.
    """
    return _asked(registry) if any(step.after_replica for step in steps) else None


def _after_replica(steps: Sequence[Step], answer: Confirmation | None) -> tuple[tuple[Step, ...], tuple[Outcome, ...]]:
    """The steps to carry out, and the outcomes of steps held back, because no replica answers."""
    if answer in {None, Confirmation.REPLICATED}:
        return tuple(steps), ()
    chosen = [(step.instead or step) if step.after_replica else step for step in steps]
    held = (Outcome(step=step, result=Result.UNCONFIRMED) for step in chosen if step.after_replica)
    return tuple(step for step in chosen if not step.after_replica), tuple(held)


def _must_not_go_on(step: Step, answer: Confirmation | None) -> bool:
    """Whether order and `then` must wait for a replica to have the written change, and no replica has."""
    goes_on = step.order is not None or step.then is not None
    return step.after_replica and goes_on and answer is not Confirmation.REPLICATED


def _then(
    written: Sequence[tuple[Step, Row | None]], good_until: datetime | None, registry: Registry | None
) -> tuple[Outcome, ...]:
    """The steps that follow in the same tick, in a separate write over the rows just written."""
    steps = [
        replace(step.then, change=replace(step.then.change, row=row))
        for step, row in written
        if step.then is not None and step.then.change is not None and row is not None
    ]
    if not steps:
        return ()
    try:
        rows = _write(steps, good_until, registry)
    except ScalerError as error:  # the next tick goes on from what is written
        return tuple(Outcome(step=step, result=Result.FAILED, error=error) for step in steps)
    results = (Result.DONE if row is not None else Result.LOST_RACE for row in rows)
    return tuple(Outcome(step=step, result=result) for step, result in zip(steps, results, strict=True))


def _write(steps: Sequence[Step], good_until: datetime | None, registry: Registry | None) -> tuple[Row | None, ...]:
    """The rows after the changes, in the order of the steps; None where there was no change or the race was lost."""
    changes = [step.change for step in steps if step.change is not None]
    if not changes or registry is None:
        return tuple(None for _ in steps)
    rows = iter(registry.apply(changes, good_until=good_until))
    return tuple(next(rows) if step.change is not None else None for step in steps)


def _confirm(live: Sequence[Step], registry: Registry | None, before: Confirmation | None) -> dict[int, Confirmation]:
    """Ask a replica for the notes of starts, before the orders, and of openings, before a later tick's OPEN.

    Without an answer a machine is started, and opened, all the same, unless the machine was ever heated.
    """
    noted = [step for step in live if step.wants_replica]
    if not noted or registry is None:
        return {}
    if before is None or before is Confirmation.REPLICATED:
        before = _asked(registry)  # else a replica that is away would be waited for twice a tick
    return dict.fromkeys(map(id, noted), before)


def _asked(registry: Registry | None) -> Confirmation:
    """The answer of a replica; UNCONFIRMED where Redis is away."""
    try:
        return registry.confirm() if registry is not None else Confirmation.UNCONFIRMED
    except ScalerError:
        return Confirmation.UNCONFIRMED


def _groups(live: Sequence[Step]) -> Iterator[list[Step]]:
    """Orders of one kind to one scale set go together; marks and capacities each alone."""
    together: dict[tuple[type, str], list[Step]] = {}
    for step in live:
        if isinstance(step.order, Mark | SetCapacity):
            yield [step]
        elif step.order is not None:
            together.setdefault((type(step.order), step.order.ref.scale_set), []).append(step)
    yield from together.values()


def _give(group: list[Step], ports: Ports, policy: Policy) -> Iterator[Outcome]:
    """Give a group's order; drop steps past the horizon, and resend steps that a dead id or a refusal held up."""
    waiting = [group]  # no recursion: of a thousand, Azure may name one dead id after the other
    together: ScalerError | None = None
    while waiting:
        pending = []
        for step in waiting.pop():
            if _left(step, ports.clock, policy) <= (policy.stop_call if step.stops_unmarked else timedelta(0)):
                yield Outcome(step=step, result=Result.EXPIRED)
            else:
                pending.append(step)
        if pending:
            given = _given(pending, ports, policy)
            together = given.refused or together
            yield from (replace(outcome, refused_together=together) for outcome in given.outcomes)
            waiting += given.again


class _Given(NamedTuple):
    """The outcomes of an order, and the groups in which the rest is given again."""

    outcomes: list[Outcome]
    again: Sequence[list[Step]] = ()
    refused: ScalerError | None = None  # why all are given again, each alone


def _given(pending: list[Step], ports: Ports, policy: Policy) -> _Given:
    try:
        _send(pending, ports, policy)
    except Partly as partly:
        return _Given([_came_to(step, partly.failures.get(_instance_id(step))) for step in pending])
    except Missing as missing:
        dead = [step for step in pending if _instance_id(step) in missing.instance_ids] or pending
        rest = [step for step in pending if step not in dead]
        return _Given([_came_to(step, missing) for step in dead], [rest] if rest else ())
    except ScalerError as error:
        if isinstance(error, Refused | Conflict) and len(pending) > 1:
            # it may object to one of them, or to batches: singly, the others pass
            return _Given([], [[step] for step in reversed(pending)], error)
        return _Given([_came_to(step, error) for step in pending])
    return _Given([_came_to(step, None) for step in pending])


def _came_to(step: Step, error: ScalerError | None) -> Outcome:
    """The outcome of an order. A machine that Azure names as gone is deleted already."""
    gone = isinstance(error, Missing) and _instance_id(step) in error.instance_ids
    if error is None or (gone and isinstance(step.order, Delete)):
        return Outcome(step=step, result=Result.DONE, error=error)
    lost = isinstance(error, Conflict) and isinstance(step.order, SetCapacity)
    return Outcome(step=step, result=Result.LOST_RACE if lost else Result.FAILED, error=error)


def _left(step: Step, clock: Clock, policy: Policy) -> timedelta:
    """How long the step's order may still live: the horizons are kept here, and only here."""
    assert step.order is not None  # every step of a group has one
    lives = policy.stop_horizon if step.stops_unmarked else policy.order_horizon
    return lives - timedelta(seconds=clock.monotonic() - step.order.rests_on.sent)


def _instance_id(step: Step) -> InstanceId:
    """The instance id in a step's order; empty for an order to the scale set itself."""
    order = step.order
    return InstanceId("") if order is None or isinstance(order, SetCapacity) else order.ref.instance_id


def _send(steps: Sequence[Step], ports: Ports, policy: Policy) -> None:
    """Send a group in one call, whose time-outs end with the horizon of the oldest look."""
    within = min(_left(step, ports.clock, policy) for step in steps)
    first = steps[0].order
    if isinstance(first, SetCapacity):
        ports.scale_sets[first.scale_set].set_capacity(first.capacity, first.etag, within=within)
        return
    assert first is not None
    scale_set = ports.scale_sets[first.ref.scale_set]
    refs = [step.order.ref for step in steps if step.order is not None and not isinstance(step.order, SetCapacity)]
    match first:
        case Mark():
            scale_set.mark(first.ref, first.etag, within=within)
        case Start():
            scale_set.start(refs, within=within)
        case PowerOff():
            scale_set.power_off(refs, within=within)
        case Deallocate():
            scale_set.deallocate(refs, within=within)
        case Delete():
            scale_set.delete(refs, within=within)
        case _ as never:
            assert_never(never)


def _take_back(outcomes: Sequence[Outcome], rows: Sequence[Row | None], registry: Registry | None) -> None:
    """`rows`: as they were written before the orders."""
    changes = []
    for row, outcome in zip(rows, outcomes, strict=True):
        if outcome.result in _NOT_CARRIED_OUT and row is not None and row.notes is not None:
            corrected = _corrected(row.notes, outcome)
            if corrected != row.notes:
                changes.append(note(row, corrected))
    if changes and registry is not None:
        with suppress(ScalerError):  # what was done is done; an attempt too many in the notes is mended by time
            registry.apply(changes)


def _without_start(notes: Notes, before: Notes | None) -> Notes:
    """The notes without the start of a session, or of a heated machine; a claim's start is not noted."""
    start, heated = (before.start, before.heated) if before is not None else (None, None)
    return amended(notes, start=start, heated=heated)


def _with_failed_start(notes: Notes, failure: FailureClass | None) -> Notes:
    if notes.start is not None:
        return replace(notes, start=replace(notes.start, failure=failure))
    if notes.claim is not None:
        return amended(notes, claim=replace(notes.claim, failure=failure))
    return amended(notes, heated=replace(notes.heated, failure=failure) if notes.heated is not None else None)


def _corrected(notes: Notes, outcome: Outcome) -> Notes:
    """An order that surely never reached Azure is taken back; any other counts as an attempt."""
    before = outcome.step.change.row.notes if outcome.step.change is not None else None
    never_sent = outcome.result in {Result.EXPIRED, Result.UNCONFIRMED} or (
        outcome.error is not None and outcome.error.never_sent
    )
    order = outcome.step.order
    failure = outcome.error.failure if outcome.error is not None else None
    if isinstance(order, Start):
        forbidden = isinstance(outcome.error, Refused) and outcome.error.is_permission
        undone = (never_sent or forbidden) and notes.claim is None
        return _without_start(notes, before) if undone else _with_failed_start(notes, failure)
    if isinstance(order, Delete) and never_sent:
        return replace(notes, delete=before.delete if before is not None else None)
    if isinstance(order, Mark) and never_sent:
        return replace(notes, mark_asked_at=before.mark_asked_at if before is not None else None)
    refused = isinstance(order, Mark) and isinstance(outcome.error, Refused)
    return replace(notes, mark_attempts=notes.mark_attempts + 1) if refused else notes
