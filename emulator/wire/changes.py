"""What a PUT or PATCH asks for and nobody can have here: refused, as ARM does, and never ignored in silence."""

from collections.abc import Set
from typing import Any

from emulator.refusals import ArmError
from emulator.wire.bodies import Json

# What ARM writes and clients send back as they read it, perhaps old by now
_ITS_OWN = frozenset(
    {
        "etag",
        "id",
        "instanceid",
        "name",
        "properties.instanceview",
        "properties.latestmodelapplied",
        "properties.modeldefinitionapplied",
        "properties.provisioningstate",
        "properties.timecreated",
        "properties.uniqueid",
        "properties.virtualmachineprofile.timecreated",
        "properties.vmid",
        "type",
    }
)


def refuse_changes(sent: Json, shown: Json, changeable: Set[str]) -> None:
    """Raises a 409 for the first value in `sent` that differs from what is shown. `changeable`: paths, lower case."""
    _compare(sent, shown, changeable | _ITS_OWN, "")


def _compare(sent: Json, shown: Json, skipped: Set[str], above: str) -> None:
    here = {name.lower(): value for name, value in shown.items()}
    for name, value in sent.items():
        path = f"{above}{name}"
        if path.lower() in skipped or value in (None, {}, []):
            continue
        present = here.get(name.lower())
        if isinstance(value, dict) and isinstance(present, dict):
            _compare(value, present, skipped, f"{path}.")
        elif isinstance(present, dict):
            raise ArmError(
                400, "InvalidRequestContent", f"The request content's '{path}' is not an object.", target=path
            )
        elif _bare(value) != _bare(present):
            changeable = " and ".join(sorted(skipped - _ITS_OWN))
            message = f"Changing property '{path}' is not allowed: the emulator can only change {changeable}."
            raise ArmError(409, "PropertyChangeNotAllowed", message, target=path)


def _bare(value: Any) -> Any:
    """ARM minds neither case nor the blank in `West Europe`."""
    return value.lower().replace(" ", "") if isinstance(value, str) else value
