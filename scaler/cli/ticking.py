"""`scaler plan` and `scaler tick`: what a tick would do, and one real tick by hand."""

from typing import Annotated

import typer

from scaler.actuate import Result
from scaler.cli import steps
from scaler.cli.environment import Operator
from scaler.cli.options import AsJson, Exit, OneController, Yes, sure
from scaler.cli.screen import Screen
from scaler.model.edges import CONTROLLERS, Controller
from scaler.report import Report

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

    Changes nothing. `do`: it would be done. `would`: only a pause or a missing consent keeps it from being done.
    `held`: wanted, and not now. `alarm`: the same, and somebody should look.
    """
    operator: Operator = context.obj
    names = [controller] if controller is not None else list(CONTROLLERS)
    operator.doors.registry.check()
    operator.doors.recall_ceilings()
    reports = {name: operator.doors.tick(name).plan() for name in names}
    screen = Screen()
    if as_json:
        screen.json({name: steps.document(report) for name, report in reports.items()})
    else:
        for name, report in reports.items():
            show(screen, name, report)
    if any(report.errors for report in reports.values()):
        raise typer.Exit(Exit.NOT_DONE)
    if exit_status and any(report.plan.steps or report.would for report in reports.values()):
        raise typer.Exit(Exit.SOMETHING)


def tick(context: typer.Context, controller: OneController, yes: Yes = False, as_json: AsJson = False) -> None:
    """Take one real tick by hand.

    Shows the plan and asks; then the controller looks again, decides anew, and acts.
    """
    operator: Operator = context.obj
    screen = Screen()
    if not yes:
        planned = operator.doors.tick(controller).plan()
        show(screen, controller, planned)
        if not planned.plan.steps:
            return
        sure(f"Let the {controller} look again, and do what it decides then?", yes=yes)
    report = operator.doors.tick(controller).run()
    if as_json:
        screen.json(steps.document(report))
    elif report.outcomes:
        screen.table(steps.OUTCOMES, steps.outcome_rows(screen, report.outcomes), steps.FOLD)
    else:
        screen.line(f"{controller}: nothing to do")
    if report.errors or any(each.result in {Result.FAILED, Result.EXPIRED} for each in report.outcomes):
        raise typer.Exit(Exit.NOT_DONE)


def show(screen: Screen, name: str, report: Report) -> None:
    """One plan."""
    screen.line(f"{name}: {_counted(report)}", style="bold")
    rows = list(steps.rows(screen, report))
    if rows:
        screen.table(steps.COLUMNS, rows, steps.FOLD)
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
