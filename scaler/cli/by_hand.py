"""`scaler distrust` and `forget`: changes by hand, shown and agreed to first, repeated after a lost race."""

from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import Annotated

import typer

from scaler.actuate import Outcome, Ports, Result, actuate
from scaler.cli import ticking
from scaler.cli.environment import AsJson, Exit, Operator, Yes, sure
from scaler.cli.screen import Screen
from scaler.controllers import by_hand
from scaler.errors import Missing, Refused
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import ScaleSetName
from scaler.model.plan import Plan, Why, counted
from scaler.model.policy import Policy
from scaler.report import Report
from scaler.settings import SCALE_SET_NAME
from scaler.tick import Tick

_ROUNDS = 5  # who is always faster than we are is no coincidence: an operator should hear of it


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """A change by hand, in rounds: every round begins with a look."""

    title: str
    question: str
    look: Callable[[], Report]
    ports: Ports
    policy: Policy
    afterwards: str = ""  # what follows, for people

    def run(self, screen: Screen, *, yes: bool, as_json: bool) -> None:
        """Run the command. Exits with 1 if steps are left."""
        report, outcomes = self.look(), tuple[Outcome, ...]()
        if not as_json:
            ticking.show(screen, self.title, report)
        if report.plan.steps:
            sure(self.question, yes=yes)
            report, outcomes = self._made(report)
            if not as_json:
                ticking.show_outcomes(screen, outcomes)
                if self.afterwards:
                    screen.remark(self.afterwards)
        if as_json:
            screen.json(ticking.document(replace(report, outcomes=outcomes)))
        if report.plan.steps:
            left = counted(len(report.plan.steps), "step")
            screen.complain(f"{left} left: somebody else changed the machines meanwhile; run it again")
            raise typer.Exit(Exit.NOT_DONE)

    def _made(self, report: Report) -> tuple[Report, tuple[Outcome, ...]]:
        """The remaining plan, and the last outcome for each machine: a lost race only if no later round won."""
        outcomes = dict[str, Outcome]()
        for _ in range(_ROUNDS):
            outcomes |= {str(outcome.step.vm_id): outcome for outcome in actuate(report.plan, self.ports, self.policy)}
            report = self.look()
            if not report.plan.steps or all(outcome.result is not Result.LOST_RACE for outcome in outcomes.values()):
                break
        return report, tuple(outcomes.values())


def distrust(context: typer.Context, yes: Yes = False, as_json: AsJson = False) -> None:
    """Spend every Available machine, after an old snapshot of Redis was restored.

    They are deleted and replaced; nobody can reserve them any more, paused or not. What is Reserved is named, and left
    alone.
    """
    operator: Operator = context.obj
    ports, policy = operator.doors.ports("distrust"), operator.settings.policy
    change = ByHand(
        title="distrust",
        question="Shall these be used from now on, deleted and replaced?",
        look=Tick(by_hand.distrust, ports, policy).plan,
        ports=ports,
        policy=policy,
    )
    change.run(Screen(), yes=yes, as_json=as_json)


def _scale_set_name(text: str) -> ScaleSetName:
    """A name as AZURE_VMSS_NAME takes it. Raises BadParameter."""
    name = text.strip()
    if not SCALE_SET_NAME.fullmatch(name):
        raise typer.BadParameter(f"expected the scale set's resource name, not {name[:80]!r}")
    return ScaleSetName(name.lower())


_ScaleSet = Annotated[
    ScaleSetName,
    typer.Option(
        "--scale-set",
        metavar="NAME",
        parser=_scale_set_name,
        help="The scale set, as it was configured.",
        show_default=False,
    ),
]


def forget(context: typer.Context, name: _ScaleSet, yes: Yes = False, as_json: AsJson = False) -> None:
    """Forget the machines of a scale set that is not configured any more.

    Records, notes and index entries go; a session that is still in the registry ends. Refused while the scale set is
    configured, or while Azure shows a machine of the scale set.
    """
    operator: Operator = context.obj
    if name in operator.settings.scale_sets:
        raise Refused(
            f"{name} is configured, and its machines are looked after: take it out of AZURE_VMSS_NAME first, in the"
            " settings of the function app and in yours"
        )
    change = ByHand(
        title=name,
        question=f"Shall all that is known of {name} be forgotten?",
        look=lambda: _look(operator, name),
        ports=replace(operator.doors.ports("forget"), scale_sets={}),
        policy=operator.settings.policy,
    )
    change.run(Screen(), yes=yes, as_json=as_json)


def _look(operator: Operator, name: ScaleSetName) -> Report:
    snapshot, cloud = operator.doors.registry.read(), Cloud()
    with closing(operator.doors_to(name)) as doors, suppress(Missing):
        door = doors.scale_sets[name]
        cloud = cloud.with_listing(door.view(), door.list_instances(), operator.settings.policy)
    plan = by_hand.forget(Fleet.join(snapshot, cloud, operator.settings.policy), name)
    alive = [refusal for refusal in plan.refusals if refusal.why is Why.STILL_THERE]
    if alive:
        raise Refused(
            f"Azure still shows {len(alive)} of the machines of {name}, and nobody would look after them: delete them,"
            " or the scale set, first; or take it into AZURE_VMSS_NAME again"
        )
    return Report(plan=plan if plan.steps else Plan(), complaints=snapshot.complaints)
