"""`scaler adopt`: another scaler's running installation is handed over, before the tag lets this scaler act."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import typer

from scaler.actuate import Outcome, Result
from scaler.cli import ticking
from scaler.cli.environment import AsJson, Exit, Operator, Yes, sure
from scaler.cli.handover import Handover, is_left
from scaler.cli.screen import Screen
from scaler.errors import Missing, Refused
from scaler.report import Report

_Check = Annotated[bool, typer.Option("--check", help="Only show what is left to adopt; end with 1 if anything is.")]
_TITLE = "adoption"


def adopt(context: typer.Context, check: _Check = False, yes: Yes = False, as_json: AsJson = False) -> None:
    """Take over a running installation.

    Stop the old scaler first. Running, reserved and used machines are noted and marked; all other machines go the
    normal way. Set the tag scaler:managed when no machine is left.
    """
    operator: Operator = context.obj
    screen = Screen()
    for remark in not_adopted(operator):
        screen.remark(remark)
    handover = Handover(operator.ports("adopt"), operator.settings.policy)
    report = handover.look()
    if not check and is_left(report):
        if not yes and not as_json:
            ticking.show(screen, _TITLE, report)
        sure("Is the old scaler stopped, and shall this be adopted?", yes=yes)
        report = _hand_over(handover, screen, quiet=as_json)
    _conclude(screen, report, as_json=as_json)


def not_adopted(operator: Operator) -> Iterator[str]:
    """Scale sets where the controllers act already, and missing ones. Raises Refused for another installation's tag."""
    ours = operator.settings.policy.managed_by
    for name, scale_set in operator.doors.scale_sets.items():
        try:
            says = scale_set.view().managed_by
        except Missing:
            yield f"{name}: there is no such scale set in AZURE_RESOURCE_GROUP; the others are adopted"
            continue
        if says == ours:
            yield f"{name}: managed already, nothing is adopted there"
        elif says:
            raise Refused(
                f"{name} carries the tag scaler:managed={says}, and SCALER_NAME is {ours}: it is another"
                " installation's. If it is not, remove the tag first"
            )


def _hand_over(handover: Handover, screen: Screen, *, quiet: bool) -> Report:
    """Adopt round after round, and show each outcome; return the remaining plan, and all outcomes."""
    report, outcomes = None, list[Outcome]()
    try:
        for report in handover.rounds():
            outcomes += report.outcomes
            if report.outcomes and not quiet:
                screen.table(ticking.OUTCOMES, ticking.outcome_rows(screen, report.outcomes), ticking.FOLD)
                screen.line(_so_far(report, outcomes), style="bold")
            for error in report.errors:
                screen.remark(f"waiting: {error}")
    except KeyboardInterrupt:
        screen.complain("interrupted: the adoption is not finished, and nothing is lost; run `scaler adopt` again")
        raise
    return replace(report or handover.look(), outcomes=tuple(outcomes))


def _so_far(report: Report, outcomes: list[Outcome]) -> str:
    done = len({each.step.vm_id for each in outcomes if each.result is Result.DONE})
    return f"{done} ordered so far, {len(report.plan.refusals)} to come; waiting until Azure shows their marks"


def _conclude(screen: Screen, report: Report, *, as_json: bool) -> None:
    if as_json:
        screen.json(ticking.document(report))
    elif is_left(report):
        ticking.show(screen, f"{_TITLE}, left", report)
    else:
        screen.line("nothing is left to adopt", style="green")
    if is_left(report):
        raise typer.Exit(Exit.NOT_DONE)
