"""`scaler drain`: no new machines in a scale set, and its Available machines taken back; sessions end as always."""

from typing import Annotated

import typer

from scaler.cli.by_hand import ByHand
from scaler.cli.environment import AsJson, Operator, Yes, sure
from scaler.cli.screen import Screen
from scaler.controllers import by_name
from scaler.errors import Refused
from scaler.model.fleet import Fleet
from scaler.model.instance import ScaleSetName
from scaler.model.plan import Plan
from scaler.model.policy import Policy
from scaler.tick import Tick

_NONE = "0"
_Name = Annotated[str, typer.Argument(metavar="SCALE_SET", help="One that is configured.", show_default=False)]
_Undo = Annotated[bool, typer.Option("--undo", help="Take the tag of `scaler drain` away: machines are made again.")]


def drain(context: typer.Context, name: _Name, undo: _Undo = False, yes: Yes = False, as_json: AsJson = False) -> None:
    """Empty a scale set: make no more machines there, and take its Available machines back.

    A tag of the scale set says so (TOTAL_NODES=0; scaler:max=0 where scale sets share a number, and the others grow).
    Reserved machines are started, and sessions end as always. Machines that are being made become Available later: run
    the command again for these, or wait an hour. Where Redis does not answer, the tag is set all the same, and the
    command ends with 1: no machine is made any more, but the Available ones stay on offer. Run the command again then.
    """
    operator: Operator = context.obj
    scale_set, policy = ScaleSetName(name.strip().lower()), operator.settings.policy
    door = operator.doors.scale_sets.get(scale_set)
    if door is None:
        configured = ", ".join(operator.settings.scale_sets)
        raise Refused(
            f"{name[:80]} is not configured (AZURE_VMSS_NAME={configured}), so the scaler makes nothing there"
        )
    tag, screen = "scaler:max" if scale_set in policy.weights else "TOTAL_NODES", Screen()
    if undo:
        door.set_tag(tag, _NONE, takes=True)
        left = door.view().tags.get(tag.lower())
        if left is not None:
            raise Refused(f"the tag {tag}={left.value} of {scale_set} is not that of a drain, and stays")
        screen.line(f"the tag {tag}={_NONE} of {scale_set} is gone: machines are made again from the next look on")
        return
    kept = door.view().tags.get(tag.lower())
    if kept is not None and kept.value != _NONE:
        raise Refused(
            f"the tag {tag}={kept.value} of {scale_set} is there already: a drain would overwrite the tag, and --undo"
            " would take it away. Note the value, and delete the tag first (`az tag update --operation Delete`)"
        )
    sure(f"Shall {scale_set} get no more machines, and its Available ones be deleted?", yes=yes)
    door.set_tag(tag, _NONE)
    screen.remark(
        f"{tag}={_NONE} by tag of {scale_set}: no machine is made there until `scaler drain {scale_set} --undo`"
    )

    def decide(fleet: Fleet, policy: Policy) -> Plan:
        return by_name.spend(fleet, policy, by_name.offered(fleet, scale_set))

    ports = operator.doors.ports("drain")
    change = ByHand(title=scale_set, question="", look=Tick(decide, ports, policy).plan, ports=ports, policy=policy)
    change.run(screen, yes=True, as_json=as_json)
