"""Steps, refusals and outcomes as an operator reads them; the adoption shows its own the same way."""

from collections.abc import Iterable, Iterator, Mapping

from rich.text import Text

from scaler.actuate import Outcome, Result
from scaler.cli.screen import Cell, Screen, printable, spelled
from scaler.model.plan import Refusal, Step
from scaler.report import Report

COLUMNS = ("kind", "vm", "id", "step", "why")
OUTCOMES = ("result", *COLUMNS[1:])
FOLD = {"why": 24}
_STYLES = {"do": "green", "would": "cyan", "held": "yellow", "alarm": "bold red"}
_RESULTS = {Result.DONE: "green", Result.LOST_RACE: "yellow", Result.EXPIRED: "yellow", Result.FAILED: "bold red"}


def rows(screen: Screen, report: Report) -> Iterator[tuple[Cell, ...]]:
    """What would be done, what only a pause or a missing consent keeps from being done, and what is held back."""
    for step in report.plan.steps:
        yield _of_step(screen, "do", step)
    for step in report.would:
        yield _of_step(screen, "would", step)
    for refusal in report.plan.refusals:
        yield of_refusal(screen, refusal)


def outcome_rows(screen: Screen, outcomes: Iterable[Outcome]) -> Iterator[tuple[Cell, ...]]:
    """What became of each."""
    for outcome in outcomes:
        _, vm, where, what, why = _of_step(screen, "do", outcome.step)
        if outcome.error is not None:
            why = Text.assemble(why, (f"  {type(outcome.error).__name__}: {printable(str(outcome.error))}", "red"))
        yield Text(outcome.result, style=_RESULTS[outcome.result]), vm, where, what, why


def of_refusal(screen: Screen, refusal: Refusal) -> tuple[Cell, ...]:
    """One thing held back."""
    kind = "alarm" if refusal.alarm else "held"
    why = _why(refusal.why, refusal.facts)
    return Text(kind, style=_STYLES[kind]), screen.vm(refusal.vm_id or "–"), "–", "–", why


def _of_step(screen: Screen, kind: str, step: Step) -> tuple[Cell, ...]:
    vm = screen.vm(step.vm_id) if step.vm_id is not None else "–"
    return Text(kind, style=_STYLES[kind]), vm, step.instance_id or "–", step.verb, _why(step.why, step.facts)


def _why(why: str, facts: Mapping[str, object]) -> Text:
    shown = printable(spelled(facts))
    return Text.assemble(why, (f"  {shown}", "dim")) if shown else Text(why)


def document(report: Report) -> Mapping[str, object]:
    """A report for machines."""
    return {
        "steps": [_step(each) for each in report.plan.steps],
        "would": [_step(each) for each in report.would],
        "held": [_refusal(each) for each in report.plan.refusals],
        "outcomes": [
            {**_step(each.step), "result": each.result, "error": str(each.error) if each.error is not None else None}
            for each in report.outcomes
        ],
        "errors": [str(each) for each in report.errors],
        "complaints": [{"key": each.key, "why": each.why} for each in report.complaints],
    }


def _step(step: Step) -> Mapping[str, object]:
    return {
        "vm_id": step.vm_id,
        "instance_id": step.instance_id or None,
        "edge": step.edge or None,
        "order": step.order_name or None,
        "why": step.why,
        "facts": dict(step.facts),
    }


def _refusal(refusal: Refusal) -> Mapping[str, object]:
    return {"vm_id": refusal.vm_id, "why": refusal.why, "alarm": refusal.alarm, "facts": dict(refusal.facts)}
