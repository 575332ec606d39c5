"""A tick's report -> log lines: one per step, one per thing held back, one per tick. The messages are constants."""

import logging
from collections import deque
from collections.abc import Mapping, Sequence

from scaler.actuate import Outcome, Result
from scaler.errors import ScalerError, Throttled, in_one_line
from scaler.model.plan import Refusal, SetCapacity, Step
from scaler.model.row import Complaint
from scaler.report import Report

_LOG = logging.getLogger("scaler")
_MOST_COMPLAINTS = 1_000  # lines of one process: a hostile Redis must fill neither the log nor our memory
_MOST_STEPS = 2_000  # of one tick; those with an order are told however many there are
_REMEMBERED = 20  # ticks: not every tick looks at Azure
type Extra = dict[str, object]


class Telemetry:
    """The log of one controller. Remembers only which complaints it has made already."""

    def __init__(self, controller: str) -> None:
        self._controller = controller
        self._complained: set[Complaint] = set()
        self._said: deque[frozenset[tuple[str, str]]] = deque(maxlen=_REMEMBERED)  # what would be done, tick by tick

    def report(self, report: Report) -> None:
        """Log one tick."""
        for complaint in report.complaints:
            self._complain(complaint)
        for number, outcome in enumerate(report.outcomes):
            if number < _MOST_STEPS or outcome.step.order is not None:
                self._log_step(outcome)
        for refusal in report.plan.refusals[:_MOST_STEPS]:
            self._log_held(refusal)
        self._say_what_would_be_done(report.would)
        for error in report.errors:
            self.failed(error)
        if report.outcomes or report.plan.refusals:
            counts = {"machines": report.machines, "steps": len(report.outcomes), "held": len(report.plan.refusals)}
            _LOG.info("tick", extra=self._extra("tick", facts=counts))

    def failed(self, error: ScalerError) -> None:
        """One clear line for a tick, or a part of one, that could not be done; nothing was changed by it.

        To wait for ARM's budget, or our own, is no failure.
        """
        if isinstance(error, Throttled):
            facts = {"retry_after_s": round(error.retry_after.total_seconds(), 1)}
            _LOG.info("held back: %s", error, extra=self._extra("held", why=str(error), vm_id="", facts=facts))
            return
        _LOG.warning("tick failed: %s", error, extra=self._extra("tick_failed", error=type(error).__name__, facts={}))

    def _complain(self, complaint: Complaint) -> None:
        if complaint in self._complained or len(self._complained) > _MOST_COMPLAINTS:
            return
        self._complained.add(complaint)
        if len(self._complained) > _MOST_COMPLAINTS:
            complaint = Complaint(key="", why="so much is left alone that the rest of it is not told")
        why = in_one_line(complaint.why)
        _LOG.warning("left alone: %s", why, extra=self._extra("complaint", key=complaint.key, facts={}))

    def _log_step(self, outcome: Outcome) -> None:
        step = outcome.step
        level = logging.WARNING if outcome.result in {Result.FAILED, Result.EXPIRED} else logging.INFO
        extra = self._extra(
            "step",
            why=step.why,
            result=outcome.result,
            error=f"{type(outcome.error).__name__}: {outcome.error}" if outcome.error is not None else "",
            **_of_step(step),
        )
        if outcome.confirmation is not None:
            extra["confirmation"] = outcome.confirmation
        _LOG.log(level, step.why, extra=extra)

    def _log_held(self, refusal: Refusal) -> None:
        level = logging.ERROR if refusal.alarm else logging.INFO
        extra = self._extra("held", why=refusal.why, vm_id=refusal.vm_id or "", facts=dict(refusal.facts))
        _LOG.log(level, refusal.why, extra=extra)

    def _say_what_would_be_done(self, steps: Sequence[Step]) -> None:
        """Without consent, or while paused: each step once, for as long as nothing comes of it."""
        said = frozenset[tuple[str, str]]().union(*self._said)
        for step in steps:
            if (step.vm_id or "", step.why) not in said:
                _LOG.info("would: %s", step.why, extra=self._extra("would", why=step.why, **_of_step(step)))
        self._said.append(frozenset((step.vm_id or "", step.why) for step in steps))

    def _extra(self, event: str, **more: object) -> Extra:
        return {"event": event, "controller": self._controller} | {name: _said(value) for name, value in more.items()}


def _said(value: object) -> object:
    """A fact as it may stand in a log, whoever said it."""
    if isinstance(value, str):
        said = in_one_line(value)
        return value if said == value else said
    return {name: _said(each) for name, each in value.items()} if isinstance(value, Mapping) else value


def _of_step(step: Step) -> Mapping[str, object]:
    order = step.order
    ref = None if order is None or isinstance(order, SetCapacity) else order.ref
    notes = step.change.row.notes if step.change is not None else None
    record = step.change.row.readable if step.change is not None else None
    instance_id = ref.instance_id if ref is not None else notes.instance_id if notes is not None else ""
    edge = step.change.edge if step.change is not None else None
    return {
        "vm_id": step.vm_id or "",
        "instance_id": instance_id or (record.instance_id if record is not None else ""),
        "scale_set": order.scale_set if isinstance(order, SetCapacity) else ref.scale_set if ref is not None else "",
        "edge": edge or "",
        "order": type(order).__name__ if order is not None else "",
        "facts": dict(step.facts),
    }
