"""The scripts as Redis gets them: each with the parts it stands on, read from the package once."""

from enum import StrEnum
from functools import cache
from importlib.resources import files

_PARTS = ("json.lua", "time.lua", "machine.lua")


class ScriptName(StrEnum):
    """One per file in scripts/ that is a whole; the parts are prepended to those for one session."""

    APPLY = "apply"  # the scaler's batch of compare-and-sets
    RESERVE = "reserve"
    RELEASE = "release"
    CANCEL = "cancel"
    LOOK = "look"


@cache
def script_text(name: ScriptName) -> str:
    """The Lua text, complete."""
    parts = () if name is ScriptName.APPLY else _PARTS
    folder = files("scaler.registry") / "scripts"
    return "\n".join((folder / part).read_text("utf-8") for part in (*parts, f"{name}.lua"))
