"""The scripts as Redis gets them: each with the parts it stands on, read from the package once."""

from enum import StrEnum
from functools import cache
from importlib.resources import files

_PARTS_OF_A_SESSION = ("json.lua", "time.lua", "machine.lua")


class ScriptName(StrEnum):
    """One per file in scripts/ that is a whole; the parts are prepended to those for one session."""

    MEMBERS = "members"  # the scaler reads the index
    VALUES = "values"  # and the values behind it
    APPLY = "apply"  # the scaler's batch of compare-and-sets
    RESERVE = "reserve"
    RELEASE = "release"
    CANCEL = "cancel"
    LOOK = "look"

    @property
    def of_a_session(self) -> bool:
        """Whether it is the queue manager's: asked about one session."""
        return self not in {ScriptName.MEMBERS, ScriptName.VALUES, ScriptName.APPLY}


_PARTS = {ScriptName.VALUES: ("server.lua",), ScriptName.APPLY: ("server.lua",)}


@cache
def script_text(name: ScriptName) -> str:
    """The Lua text, complete."""
    parts = _PARTS_OF_A_SESSION if name.of_a_session else _PARTS.get(name, ())
    folder = files("scaler.registry") / "scripts"
    return "\n".join((folder / part).read_text("utf-8") for part in (*parts, f"{name}.lua"))
