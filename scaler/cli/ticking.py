"""`scaler plan` and `scaler tick`: what a tick would do, and one real tick by hand; plans and outcomes as rows."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from scaler.actuate import Outcome, Result
from scaler.cli.environment import AsJson, Exit, OneController, Operator, Yes, sure
from scaler.cli.screen import Cell, Screen, printable
from scaler.model.edges import CONTROLLERS, Actor, Controller
from scaler.model.plan import Refusal, Step, spelled
from scaler.registry.rights import READER
from scaler.report import Report

_COLUMNS = ("vm", "id", "step", "why")
_FOLD = {"why": 24}
_STYLES = {"do": "green", "would": "cyan", "held": "yellow", "alarm": "bold red"}
_RESULTS = {
    Result.DONE: "green",
    Result.LOST_RACE: "yellow",
    Result.EXPIRED: "yellow",
    Result.UNCONFIRMED: "yellow",
    Result.FAILED: "bold red",
}
_Status = Annotated[
    bool, typer.Option("--exit-status", help=f"End with {Exit.SOMETHING} where there is something to do.")
]
_Any = Annotated[
    Controller | None, typer.Argument(help="One of the four; all where none is named.", show_default=False)
]


def plan(
    context: typer.Context, controller: _Any = None, as_json: AsJson = False, exit_status: _Status = False
) -> None:
    """Show what a tick would do now, and why.

    Changes nothing. `do`: a tick would do this. `would`: only a pause or a missing consent prevents the step. `held`:
    wanted, and not now. `alarm`: held, and an operator should look; the command then ends with 4.
    """
    operator: Operator = context.obj
    names = [controller] if controller is not None else list(CONTROLLERS)
    operator.doors.registry.check(READER)
    operator.doors.recall()
    if names == [Actor.CLEANER]:
        _list_for_the_cleaner(operator)
    reports = {name: operator.doors.tick(name).plan() for name in names}
    screen = Screen()
    if as_json:
        screen.json({name: document(report) for name, report in reports.items()})
    else:
        for name, report in reports.items():
            show(screen, name, report)
    if any(report.errors for report in reports.values()):
        raise typer.Exit(Exit.NOT_DONE)
    if any(refusal.alarm for report in reports.values() for refusal in report.plan.refusals):
        raise typer.Exit(Exit.ALARM)
    if exit_status and any(report.plan.steps or report.would for report in reports.values()):
        raise typer.Exit(Exit.SOMETHING)


def tick(context: typer.Context, controller: OneController, yes: Yes = False, as_json: AsJson = False) -> None:
    """Take one real tick by hand.

    Shows the plan and asks; then the controller looks again, decides anew, and acts.
    """
    operator: Operator = context.obj
    screen = Screen()
    if controller != Actor.PROVISIONER:
        operator.doors.registry.check()
    operator.doors.recall()
    if controller == Actor.CLEANER:
        _list_for_the_cleaner(operator)
    if not yes:
        planned = operator.doors.tick(controller).plan()
        show(screen, controller, planned)
        if not planned.plan.steps:
            return
        sure(f"Let the {controller} look again, and do what it decides then?", yes=yes)
    report = operator.doors.tick(controller).run()
    if as_json:
        screen.json(document(report))
    elif report.outcomes:
        show_outcomes(screen, report.outcomes)
    else:
        screen.line(f"{controller}: nothing to do")
    if report.errors or any(outcome.result in {Result.FAILED, Result.EXPIRED} for outcome in report.outcomes):
        raise typer.Exit(Exit.NOT_DONE)


def _list_for_the_cleaner(operator: Operator) -> None:
    """Look at the scale sets as the provisioner does: the cleaner replaces machines by listings of others alone."""
    operator.doors.tick(Actor.PROVISIONER).plan()


def show(screen: Screen, name: str, report: Report) -> None:
    """One plan."""
    screen.line(f"{name}: {_counted(report)}", style="bold")
    rows = list(_rows(screen, report))
    if rows:
        screen.table(("kind", *_COLUMNS), rows, _FOLD)
    for error in report.errors:
        screen.complain(f"not looked at: {error}")
    for complaint in report.complaints:
        screen.complain(f"left alone: {complaint.key}: {complaint.why}")


def _counted(report: Report) -> str:
    counts = {
        "to do": len(report.plan.steps),
        "withheld": len(report.would),
        "held back": len(report.plan.refusals),
    }
    return ", ".join(f"{number} {what}" for what, number in counts.items() if number) or "nothing to do"


def _rows(screen: Screen, report: Report) -> Iterator[tuple[Cell, ...]]:
    """Steps to do, steps that only a pause or a missing consent prevents, and steps held back."""
    for kind, steps in (("do", report.plan.steps), ("would", report.would)):
        for step in steps:
            yield Text(kind, style=_STYLES[kind]), *_cells(screen, step, step.instance_id, step.verb)
    for refusal in report.plan.refusals:
        kind = "alarm" if refusal.alarm else "held"
        yield Text(kind, style=_STYLES[kind]), *_cells(screen, refusal)


def show_outcomes(screen: Screen, outcomes: Iterable[Outcome]) -> None:
    """What came of the steps."""
    rows = []
    for outcome in outcomes:
        *cells, why = _cells(screen, outcome.step, outcome.step.instance_id, outcome.step.verb)
        if outcome.error is not None:
            why = Text.assemble(why, (f"  {type(outcome.error).__name__}: {printable(str(outcome.error))}", "red"))
        rows.append((Text(outcome.result, style=_RESULTS[outcome.result]), *cells, why))
    screen.table(("result", *_COLUMNS), rows, _FOLD)


def _cells(screen: Screen, told: Step | Refusal, where: str = "", what: str = "–") -> tuple[Cell, ...]:
    facts = printable(spelled(told.facts))
    why = Text.assemble(told.why, (f"  {facts}", "dim")) if facts else Text(told.why)
    return screen.vm(told.vm_id or "–"), where or "–", what, why


def document(report: Report) -> Mapping[str, object]:
    """A report for machines."""
    return {
        "steps": [_step(step) for step in report.plan.steps],
        "would": [_step(step) for step in report.would],
        "held": [_refusal(refusal) for refusal in report.plan.refusals],
        "outcomes": [
            {
                **_step(outcome.step),
                "result": outcome.result,
                "error": str(outcome.error) if outcome.error is not None else None,
            }
            for outcome in report.outcomes
        ],
        "errors": [str(error) for error in report.errors],
        "complaints": [asdict(complaint) for complaint in report.complaints],
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
