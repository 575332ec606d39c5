"""A plan carried out: changes to the registry in one batch, then the orders, and what did not happen taken back."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from scaler.actuate.giving import give
from scaler.errors import Refused, ScalerError
from scaler.model.lifecycle import Change, note
from scaler.model.plan import Delete, Mark, Plan, Start, Step
from scaler.model.policy import Policy
from scaler.model.row import Notes, Row
from scaler.ports import Confirmation, Ports, Registry
from scaler.report import Outcome, Result


def actuate(plan: Plan, ports: Ports, policy: Policy) -> tuple[Outcome, ...]:
    """Carry out a plan. A failed step is an outcome and does not stop the rest."""
    written = _write(plan, ports.registry)
    live = [step for step, row in zip(plan.steps, written, strict=True) if step.change is None or row is not None]
    confirmation = _confirm(live, ports.registry)
    outcomes = {id(step): Outcome(step=step, result=Result.LOST_RACE) for step in plan.steps}
    outcomes |= {id(step): Outcome(step=step, result=Result.DONE) for step in live}
    outcomes |= {id(outcome.step): outcome for outcome in give(live, ports, policy)}
    done = tuple(replace(outcomes[id(step)], confirmation=confirmation.get(id(step))) for step in plan.steps)
    _take_back(done, dict(zip(map(id, plan.steps), written, strict=True)), ports.registry)
    return done


def _write(plan: Plan, registry: Registry | None) -> tuple[Row | None, ...]:
    """The rows after the changes, in the plan's order; None where there was no change or the race was lost."""
    changes = [step.change for step in plan.steps if step.change is not None]
    if not changes or registry is None:
        return tuple(None for _ in plan.steps)
    rows = iter(registry.apply(changes, good_until=plan.good_until))
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


def _take_back(outcomes: Sequence[Outcome], rows: Mapping[int, Row | None], registry: Registry | None) -> None:
    """`rows`: as they were written before the orders, by the step."""
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
    never_sent = outcome.result is Result.EXPIRED or (outcome.error is not None and outcome.error.never_sent)
    order = outcome.step.order
    if isinstance(order, Start) and notes.start is not None:
        if never_sent or (isinstance(outcome.error, Refused) and outcome.error.is_permission):
            return replace(notes, start=before.start if before is not None else None)
        failure = outcome.error.failure if outcome.error is not None else None
        return replace(notes, start=replace(notes.start, failure=failure))
    if isinstance(order, Delete) and never_sent:
        return replace(notes, delete=before.delete if before is not None else None)
    if isinstance(order, Mark) and never_sent:
        return replace(notes, mark_asked_at=before.mark_asked_at if before is not None else None)
    if isinstance(order, Mark) and isinstance(outcome.error, Refused):
        return replace(notes, mark_attempts=notes.mark_attempts + 1)
    return notes
