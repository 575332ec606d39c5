"""What did not happen, written into the notes: a failed start's class; attempts that never reached Azure."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from scaler.actuate.outcome import Outcome, Result
from scaler.errors import Refused, ScalerError, failure_of
from scaler.model.lifecycle import Change, note
from scaler.model.notes import Notes
from scaler.model.plan import Delete, Mark, Start
from scaler.model.row import Row
from scaler.ports import Registry


def take_back(outcomes: Sequence[Outcome], rows: Mapping[int, Row | None], registry: Registry | None) -> None:
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
    unsaid = outcome.result is Result.EXPIRED or (outcome.error is not None and outcome.error.uncounted)
    order = outcome.step.order
    if isinstance(order, Start) and notes.start is not None:
        if unsaid or (isinstance(outcome.error, Refused) and outcome.error.turns_us_away):
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
