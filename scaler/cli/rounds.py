"""A change by hand: shown, agreed to, made; and where somebody else was faster, looked at and made again."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import typer

from scaler.actuate import Outcome, Ports, Result, actuate
from scaler.cli import ticking
from scaler.cli.environment import Exit, sure
from scaler.cli.screen import Screen
from scaler.model.policy import Policy
from scaler.report import Report

_ROUNDS = 5  # who is always faster than we are is no coincidence: an operator should hear of it


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """One such change. Every round rests on a look of its own."""

    title: str
    question: str
    look: Callable[[], Report]
    ports: Ports
    policy: Policy

    def run(self, screen: Screen, *, yes: bool, as_json: bool) -> None:
        """The whole of the command. Ends with 1 where something is left."""
        report, outcomes = self.look(), tuple[Outcome, ...]()
        if not as_json:
            ticking.show(screen, self.title, report)
        if report.plan.steps:
            sure(self.question, yes=yes)
            report, outcomes = self._made(report)
            if not as_json:
                screen.table(ticking.OUTCOMES, ticking.outcome_rows(screen, outcomes), ticking.FOLD)
        if as_json:
            screen.json(ticking.document(replace(report, outcomes=outcomes)))
        if report.plan.steps:
            screen.complain(f"{len(report.plan.steps)} are left: somebody else changed them meanwhile; run it again")
            raise typer.Exit(Exit.NOT_DONE)

    def _made(self, report: Report) -> tuple[Report, tuple[Outcome, ...]]:
        """The remaining plan, and the last outcome for each machine: a lost race only if no later round won."""
        outcomes = dict[str, Outcome]()
        for _ in range(_ROUNDS):
            outcomes |= {str(each.step.vm_id): each for each in actuate(report.plan, self.ports, self.policy)}
            report = self.look()
            if not report.plan.steps or all(each.result is not Result.LOST_RACE for each in outcomes.values()):
                break
        return report, tuple(outcomes.values())
