"""`scaler adopt`: the takeover of a running installation, round by round, before the tag lets the controllers act."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import typer

from scaler.actuate import Outcome, Ports, Result, actuate
from scaler.cli import ticking
from scaler.cli.environment import AsJson, Exit, Operator, Yes, sure
from scaler.cli.screen import Screen
from scaler.controllers import by_hand
from scaler.errors import Missing, Refused, ScalerError, Throttled, Unreachable
from scaler.model.instance import VmId
from scaler.model.plan import Plan, Why
from scaler.model.policy import Policy
from scaler.registry.rights import READER, SCALER
from scaler.report import Report
from scaler.tick import Tick

_Check = Annotated[bool, typer.Option("--check", help="Only show what is left to adopt; end with 1 if anything is.")]
_TITLE = "adoption"
_TAKES_TIME = {Why.UNSETTLED, Why.INCOMPLETE}  # only time mends these, and perhaps never


class Handover:
    """One adoption. Every round begins with a look, so an adoption may end anywhere and begin again."""

    def __init__(self, ports: Ports, policy: Policy) -> None:
        self._ports = ports
        self._policy = policy
        self._tick = Tick(by_hand.adopt, ports, policy)
        self._tried: Counter[VmId] = Counter()

    def look(self) -> Report:
        """The remaining plan."""
        return self._tick.plan()

    def rounds(self) -> Iterator[Report]:
        """Reports of all rounds, with outcomes. The last report has the remaining plan."""
        clock = self._ports.clock
        moved = clock.monotonic()
        while True:
            report = self._round()
            yield report
            if any(outcome.result is Result.DONE for outcome in report.outcomes):
                moved = clock.monotonic()
            if not self._goes_on(report, timedelta(seconds=clock.monotonic() - moved)):
                return
            clock.sleep(self._rest(report))

    def _round(self) -> Report:
        """Look and hand over. A silence of Redis or Azure is left to the next round."""
        try:
            report = self._tick.plan()
        except (Throttled, Unreachable) as away:
            return Report(plan=Plan(), errors=(away,))
        return replace(report, outcomes=self._take(report.plan))

    def _take(self, plan: Plan) -> tuple[Outcome, ...]:
        """Carry out the plan, without machines given up: a refused mark is a matter for an operator."""
        wanted = tuple(step for step in plan.steps if not self._given_up(step.vm_id))
        outcomes = actuate(replace(plan, steps=wanted), self._ports, self._policy)
        for outcome in outcomes:
            vm_id = outcome.step.vm_id
            if vm_id is not None and outcome.arrived:
                self._tried[vm_id] += self._policy.mark_attempts if isinstance(outcome.error, Refused) else 1
        return outcomes

    def _given_up(self, vm_id: VmId | None) -> bool:
        """Whether this adoption has given the machine up; a later adoption tries again."""
        return vm_id is not None and self._tried[vm_id] >= self._policy.mark_attempts

    def _goes_on(self, report: Report, idle: timedelta) -> bool:
        """Whether another round may hand over more. Operations under way get the time of a start to end."""
        if any(not self._given_up(step.vm_id) for step in report.plan.steps):
            return True
        waiting = {refusal.why for refusal in report.plan.refusals if not self._given_up(refusal.vm_id)}
        waiting.discard(Why.UNSEEN)  # the alarm of a silence: the errors tell of it too, and it has its own end below
        if waiting - _TAKES_TIME or any(isinstance(error, Throttled) for error in report.errors):
            return True
        # a scale set does not come by waiting
        away = [error for error in report.errors if not isinstance(error, Missing)]
        return bool(waiting or away) and idle < self._policy.start_timeout

    def _rest(self, report: Report) -> timedelta:
        """The time until a look can show news, and Azure's budgets allow a look."""
        errors: list[ScalerError | None] = [*report.errors, *(outcome.error for outcome in report.outcomes)]
        waits = [error.retry_after for error in errors if isinstance(error, Throttled)]
        return max([report.plan.look_again or self._policy.look_after_mark, *waits])


def is_left(report: Report) -> bool:
    """Whether steps, refusals or failed looks are left."""
    return bool(report.plan.steps or report.plan.refusals or report.errors)


def adopt(context: typer.Context, check: _Check = False, yes: Yes = False, as_json: AsJson = False) -> None:
    """Take over a running installation.

    Stop the old scaler first. Running, reserved and used machines are noted and marked; all other machines go the
    normal way. Set the tag scaler:managed when no machine is left.
    """
    operator: Operator = context.obj
    screen = Screen()
    for remark in not_adopted(operator):
        screen.remark(remark)
    operator.doors.registry.check(READER if check else SCALER)
    handover = Handover(operator.doors.ports("adopt"), operator.settings.policy)
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
    report, outcomes = Report(plan=Plan()), list[Outcome]()
    try:
        for report in handover.rounds():
            outcomes += report.outcomes
            if report.outcomes and not quiet:
                ticking.show_outcomes(screen, report.outcomes)
                screen.line(_so_far(report, outcomes), style="bold")
            for error in report.errors:
                screen.remark(f"waiting: {error}")
    except KeyboardInterrupt:
        screen.complain("interrupted: the adoption is not finished, and nothing is lost; run `scaler adopt` again")
        raise
    return replace(report, outcomes=tuple(outcomes))


def _so_far(report: Report, outcomes: list[Outcome]) -> str:
    done = len({outcome.step.vm_id for outcome in outcomes if outcome.result is Result.DONE})
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
