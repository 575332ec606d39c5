"""The scripts for Redis: every script with its common parts, read from the package once."""

from enum import StrEnum
from functools import cache
from importlib.resources import files

_PARTS_OF_A_SESSION = ("contract.lua", "json.lua", "time.lua", "machine.lua")


class ScriptName(StrEnum):
    """The whole scripts in scripts/; the common parts are prepended to scripts of a session."""

    MEMBERS = "members"  # the scaler reads the index
    VALUES = "values"  # and the values behind it
    APPLY = "apply"  # the scaler's batch of compare-and-sets
    RESERVE = "reserve"
    RELEASE = "release"
    CANCEL = "cancel"
    LOOK = "look"

    @property
    def of_a_session(self) -> bool:
        """Whether the queue manager calls the script, about a session."""
        return self not in {ScriptName.MEMBERS, ScriptName.VALUES, ScriptName.APPLY}


_PARTS = {ScriptName.VALUES: ("server.lua",), ScriptName.APPLY: ("server.lua",)}


@cache
def script_text(name: ScriptName) -> str:
    """The Lua text, complete."""
    parts = _PARTS_OF_A_SESSION if name.of_a_session else _PARTS.get(name, ())
    folder = files("scaler.registry") / "scripts"
    return "\n".join((folder / part).read_text("utf-8") for part in (*parts, f"{name}.lua"))
