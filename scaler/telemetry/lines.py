"""A tick's report -> log lines: a line per step, a line per refusal, and now and then an evaluation.

A line is a sentence for people, then the facts as JSON, in one message: Microsoft's Python worker forwards the message,
level, logger name and invocation id of a log record and drops `extra`.
In Kusto: `parse_json(substring(message, indexof(message, "{")))`.
"""

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from scaler.actuate import Outcome, Result
from scaler.errors import ScalerError, Throttled, in_one_line
from scaler.model.instance import ScaleSetName, VmId
from scaler.model.plan import Refusal, SetCapacity, Step, Why
from scaler.model.policy import Policy
from scaler.model.row import Complaint
from scaler.report import Report
from scaler.telemetry.evaluation import Evaluations, Row

_LOG = logging.getLogger("scaler")
_MOST_COMPLAINTS = 1_000  # an hour: a hostile Redis must fill neither the log nor our memory
_HOUR = 3600.0
_MOST_STEPS = 2_000  # of one tick; those with an order are told however many there are
_MOST_HELD = 5_000  # of one tick, remembered
_REMEMBERED = 20  # ticks: not every tick looks at Azure
_WARNED = {Why.BAD_TAG, Why.STORE_UNREAD}  # an operator's mistakes that change nothing
_NOTHING: tuple[object, ...] = ("", None, {}, [], ())
_BRACES = str.maketrans({"{": r"\x7b", "}": r"\x7d"})  # the first brace of a message begins the facts

type _Said = tuple[str, ...]  # a line of the log, without the numbers that change in it


class Telemetry:
    """The log of a controller, with a memory for the complaints of the last hour."""

    def __init__(self, controller: str, policy: Policy | None = None, seconds: Callable[[], float] = time.time) -> None:
        """`policy`: the settings in force, told with every evaluation. `seconds`: the time, of which a minute is 60."""
        self._controller = controller
        self._evaluations = Evaluations(controller, policy or Policy())
        self._seconds = seconds
        self._hour = 0
        self._complained: set[Complaint] = set()
        self._said: deque[frozenset[_Said]] = deque(maxlen=_REMEMBERED)  # what would be done, tick by tick
        self._held: deque[frozenset[_Said]] = deque(maxlen=_REMEMBERED)  # what was held back, tick by tick

    def report(self, report: Report) -> None:
        """Log one tick."""
        for complaint in report.complaints:
            self._complain(complaint)
        for number, outcome in enumerate(report.outcomes):
            if number < _MOST_STEPS or outcome.step.order is not None:
                self._log_step(outcome, report)
        self._say_what_is_held_back(report)
        self._say_what_would_be_done(report)
        for error in report.errors:
            self.failed(error)
        self._evaluate(self._evaluations.row(report, self._seconds()))

    def failed_tick(self, error: ScalerError, before: ScalerError | None = None) -> None:
        """Log a tick that failed as a whole: once, as long as the tick before it failed like that (`before`).

        An evaluation counts every failure, and shows that the controller runs.
        """
        if before is None or str(error) != str(before):
            self.failed(error)
        self._evaluate(self._evaluations.row_of_failed(error, self._seconds()))

    def _evaluate(self, row: Row | None) -> None:
        if row is not None:
            sentence, facts = row
            self._log(logging.INFO, sentence, "evaluation", **facts)

    def failed(self, error: ScalerError) -> None:
        """Log a failed part of a tick; the failure changed no machine.

        Waiting for ARM's budget, or for the scaler's own, is no failure.
        """
        why = str(error)
        if isinstance(error, Throttled):
            facts = {"retry_after_s": round(error.retry_after.total_seconds(), 1)}
            self._log(logging.INFO, f"held back: {why}", "held", why=why, facts=facts)
            return
        self._log(logging.WARNING, f"tick failed: {why}", "tick_failed", why=why, error=type(error).__name__)

    def _complain(self, complaint: Complaint) -> None:
        hour = int(self._seconds() // _HOUR)
        if hour != self._hour:
            self._hour = hour
            self._complained.clear()
        if complaint in self._complained or len(self._complained) > _MOST_COMPLAINTS:
            return
        self._complained.add(complaint)
        if len(self._complained) > _MOST_COMPLAINTS:
            complaint = Complaint(key="", why="so much is left alone that the rest is not told before the next hour")
        why = complaint.why
        self._log(logging.WARNING, f"left alone: {why}", "complaint", why=why, key=complaint.key)

    def _log_step(self, outcome: Outcome, report: Report) -> None:
        step, error = outcome.step, outcome.error
        self._log(
            logging.WARNING if outcome.result in {Result.FAILED, Result.EXPIRED} else logging.INFO,
            step.why,
            "step",
            why=step.why,
            result=outcome.result,
            error=f"{type(error).__name__}: {error}" if error is not None else "",
            confirmation=outcome.confirmation,
            refused_together=str(outcome.refused_together or ""),
            **_facts_of(step, report),
        )

    def _say_what_is_held_back(self, report: Report) -> None:
        """Log an alarm in each tick, and any other refusal once, as long as its reason lasts."""
        known = frozenset[_Said]().union(*self._held)
        refusals = report.plan.refusals
        news = [each for each in refusals if each.alarm or _held(each) not in known]
        for refusal in sorted(news, key=lambda refusal: not refusal.alarm)[:_MOST_STEPS]:
            self._log_held(refusal, report)
        self._held.append(frozenset(_held(each) for each in refusals[:_MOST_HELD] if not each.alarm))

    def _log_held(self, refusal: Refusal, report: Report) -> None:
        warned = logging.WARNING if refusal.why in _WARNED else logging.INFO
        level = logging.ERROR if refusal.alarm else warned
        where = _scale_set_of(refusal.vm_id, report)
        self._log(
            level, refusal.why, "held", why=refusal.why, vm_id=refusal.vm_id, scale_set=where, facts=refusal.facts
        )

    def _say_what_would_be_done(self, report: Report) -> None:
        """Log the steps that consent or a pause holds back: each step once, as long as the step is not taken."""
        said = frozenset[_Said]().union(*self._said)
        for step in report.would:
            if (step.vm_id or "", step.why) not in said:
                self._log(logging.INFO, f"would: {step.why}", "would", why=step.why, **_facts_of(step, report))
        self._said.append(frozenset((step.vm_id or "", step.why) for step in report.would))

    def _log(self, level: int, sentence: str, event: str, **facts: object) -> None:
        _LOG.log(level, written(sentence, {"event": event, "controller": self._controller, **facts}))


def _facts_of(step: Step, report: Report) -> Mapping[str, object]:
    order = step.order
    about = order if order is None or isinstance(order, SetCapacity) else order.ref
    return {
        "vm_id": step.vm_id or "",
        "instance_id": step.instance_id,
        "scale_set": about.scale_set if about is not None else _scale_set_of(step.vm_id, report),
        "edge": step.edge,
        "order": step.order_name,
        "facts": dict(step.facts),
    }


def _held(refusal: Refusal) -> _Said:
    return (
        refusal.vm_id or "",
        refusal.why,
        *(str(refusal.facts.get(name, "")) for name in ("scale_set", "tag", "value")),
    )


def _scale_set_of(vm_id: VmId | None, report: Report) -> ScaleSetName | None:
    """Where the machine is, as far as the tick knew: instance ids repeat in other scale sets."""
    return report.fleet.scale_set_of(vm_id) if report.fleet is not None and vm_id is not None else None


def written(sentence: str, facts: Mapping[str, object]) -> str:
    """The message: one printable line. Empty facts are left out; a sentence beyond the limit is cut."""
    said = _printable({name: value for name, value in facts.items() if value not in _NOTHING})
    return f"{in_one_line(sentence).translate(_BRACES)} {json.dumps(said, ensure_ascii=False)}"


def read(message: str) -> tuple[str, dict[str, Any]]:
    """The sentence and the facts of a message. A foreign message is a sentence without facts."""
    sentence, brace, rest = message.partition("{")
    try:
        facts = json.loads(brace + rest) if brace else None
    except ValueError:
        facts = None
    return (sentence.rstrip(), facts) if isinstance(facts, dict) else (message, {})


def _printable(value: object) -> object:
    """A fact in printable form, also from a foreign source."""
    if isinstance(value, str):
        return in_one_line(value)
    if isinstance(value, Mapping):
        return {in_one_line(str(name)): _printable(each) for name, each in value.items()}
    return [_printable(each) for each in value] if isinstance(value, list | tuple) else value
