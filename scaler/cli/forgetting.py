"""`scaler forget`: clear the registry of a scale set that is not configured any more, and is gone."""

from dataclasses import replace
from typing import Annotated

import typer

from scaler.cli.environment import AsJson, Operator, Yes
from scaler.cli.rounds import ByHand
from scaler.cli.screen import Screen
from scaler.controllers import forgetting
from scaler.errors import Missing, Refused
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import ScaleSetName
from scaler.model.plan import Plan, Why
from scaler.report import Report
from scaler.settings import SCALE_SET_NAME


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
        ports=replace(operator.ports("forget"), scale_sets={}),
        policy=operator.settings.policy,
    )
    change.run(Screen(), yes=yes, as_json=as_json)


def _look(operator: Operator, name: ScaleSetName) -> Report:
    snapshot = operator.doors.registry.read()
    cloud = _shown(operator, name)
    plan = forgetting.decide(Fleet.join(snapshot, cloud, operator.settings.policy), name)
    alive = [each for each in plan.refusals if each.why is Why.STILL_THERE]
    if alive:
        raise Refused(
            f"Azure still shows {len(alive)} of the machines of {name}, and nobody would look after them: delete them,"
            " or the scale set, first; or take it into AZURE_VMSS_NAME again"
        )
    return Report(plan=plan if plan.steps else Plan(), complaints=snapshot.complaints)


def _shown(operator: Operator, name: ScaleSetName) -> Cloud:
    """Azure's machines under the name in the configured resource group; empty for a scale set that is gone."""
    with operator.door_to(name) as door:
        try:
            view = door.view()
            return Cloud().with_listing(view, door.list_instances(), operator.settings.policy)
        except Missing:
            return Cloud()
