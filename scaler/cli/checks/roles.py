"""The actions of the scaler's role, the loss without an action, and the comparison with a caller's permissions."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from scaler.cli.checks.shape import inside
from scaler.model.instance import Orchestration


class Action(NamedTuple):
    """An action of the role. `of_group`: the resource group is the scope."""

    name: str
    loss: str
    optional: bool = False
    of_group: bool = False


_SETS, _VMS = "Microsoft.Compute/virtualMachineScaleSets", "Microsoft.Compute/virtualMachines"
_MEMBERS = f"{_SETS}/virtualMachines"
_UNTOLD = "visitors who are let in together are not told the addresses of their machines"
_ALONE = "a visitor is not told the address of their machine"
_GROUP_TAGS = Action(
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "tags of the resource group have no effect",
    optional=True,
    of_group=True,
)
_EVERYWHERE = (
    Action(f"{_SETS}/read", "no machine is made"),
    Action(f"{_SETS}/write", "no machine is made"),
    Action(f"{_SETS}/delete/action", "used machines are not deleted, and are billed"),
    Action(f"{_MEMBERS}/read", "no machine is made"),
    Action(f"{_MEMBERS}/write", "no machine is marked"),
    _GROUP_TAGS,
)
_LISTED = "all machines' addresses are listed where one machine is opened"
_CARDS = "networkInterfaces"
ACTIONS: Mapping[Orchestration, tuple[Action, ...]] = {
    Orchestration.UNIFORM: (
        *_EVERYWHERE,
        Action(f"{_SETS}/start/action", "no visitor's machine is started"),
        Action(f"{_SETS}/powerOff/action", "machines are powered off one by one, however many", optional=True),
        Action(f"{_SETS}/deallocate/action", "machines are deallocated one by one, however many", optional=True),
        Action(f"{_SETS}/{_CARDS}/read", _UNTOLD, optional=True),
        Action(f"{_SETS}/publicIPAddresses/read", _UNTOLD, optional=True),
        Action(f"{_MEMBERS}/powerOff/action", "new machines are not kept warm"),
        Action(f"{_MEMBERS}/deallocate/action", "new machines run for ever, and are billed"),
        Action(f"{_MEMBERS}/{_CARDS}/read", _LISTED, optional=True),
        Action(f"{_MEMBERS}/{_CARDS}/ipConfigurations/publicIPAddresses/read", _LISTED, optional=True),
    ),
    Orchestration.FLEXIBLE: (
        *_EVERYWHERE,
        Action(f"{_VMS}/read", "no machine is made", of_group=True),
        Action(f"{_VMS}/start/action", "no visitor's machine is started", of_group=True),
        Action(f"{_VMS}/powerOff/action", "new machines are not kept warm", of_group=True),
        Action(f"{_VMS}/deallocate/action", "new machines run for ever, and are billed", of_group=True),
        Action(f"Microsoft.Network/{_CARDS}/read", f"{_ALONE}; {_UNTOLD}", optional=True, of_group=True),
        Action("Microsoft.Network/publicIPAddresses/read", f"{_ALONE}; {_UNTOLD}", optional=True, of_group=True),
    ),
}
"""The actions of docs/azure-role.json and docs/azure-role-flexible.json, with the losses seen in docs/identities.md."""


def allowed(action: str, permissions: Sequence[object]) -> bool:
    """Whether an entry of the permissions has the action, and not among `notActions`."""
    return any(
        _matches(inside(each, "actions"), action) and not _matches(inside(each, "notActions"), action)
        for each in permissions
    )


def _matches(patterns: object, action: str) -> bool:
    """`*` stands for any text, slashes included; letter case does not count."""
    texts: list[object] = patterns if isinstance(patterns, list) else []
    return any(re.fullmatch(re.escape(str(text)).replace(r"\*", ".*"), action, re.IGNORECASE) for text in texts)


def lacking(orchestration: Orchestration, of_set: Sequence[object], of_group: Sequence[object]) -> Iterator[Action]:
    """The missing actions, by the permissions at the scale set and at the resource group."""
    for action in ACTIONS[orchestration]:
        if not allowed(action.name, of_group if action.of_group else of_set):
            yield action
