"""The names of the contract: keys shared with the queue manager, keys of the scaler's own, and the scripts."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from string import ascii_lowercase, digits

from scaler.model.instance import SessionId, VmId
from scaler.model.row import Status

_LONGEST_VM_ID, _OF_A_VM_ID = 64, (digits + ascii_lowercase + "-").encode()
LONGEST_MEMBER = 100
"""Bytes of an index member behind the prefix, with a reserve: a longer member is no record's key, and is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Every key of one installation. Two installations in one Redis have different prefixes."""

    prefix: str = "vmss"

    def __post_init__(self) -> None:
        if not self.prefix or any(not each.isprintable() or each.isspace() for each in self.prefix):
            raise ValueError(f"a key prefix is one printable word, not {self.prefix!r}")

    @property
    def in_one_slot(self) -> bool:
        """Whether a clustered Redis keeps all keys together: only the text in braces is hashed."""
        _, brace, rest = self.prefix.partition("{")
        return bool(brace) and rest.find("}") > 0

    def instance(self, vm_id: VmId) -> str:
        """The machine's record; also its member in the index."""
        return f"{self.prefix}:instance:{vm_id}"

    def notes(self, vm_id: VmId) -> str:
        """What the scaler decided about the machine."""
        return f"{self.prefix}:notes:{vm_id}"

    def session(self, session: SessionId) -> str:
        """The machine a session was given last: its vm id."""
        return f"{self.prefix}:session:{session}"

    def index(self, status: Status) -> str:
        """The set of the record keys with this status."""
        return f"{self.prefix}:status:{status.lower()}"

    @property
    def offers(self) -> str:
        """The members of `available` in the order in which `reserve` gives them away: a sorted set, and a hint only."""
        return f"{self.prefix}:status:offers"

    @property
    def pause(self) -> str:
        """While this key exists, the controllers that read Redis give no orders but starts."""
        return f"{self.prefix}:pause"

    @property
    def scale_sets(self) -> str:
        """The scale sets of the scaler that runs now."""
        return f"{self.prefix}:scale-sets"

    @property
    def ceilings(self) -> str:
        """What Azure lately refused to make, for `scaler status` and `scaler plan`."""
        return f"{self.prefix}:refused"

    def alive(self, controller: str) -> str:
        """The latest sign of life of a controller, for `scaler status`."""
        return f"{self.prefix}:alive:{controller}"

    def history(self, controller: str, number: int) -> str:
        """A sample of a controller, for `scaler web`; `number` counts the minutes since 1970."""
        return f"{self.prefix}:history:{controller}:{number}"

    @property
    def waits(self) -> str:
        """Facts for the visitors of a web site: measured waits, free machines, the next machine to come."""
        return f"{self.prefix}:waits"

    @property
    def confirm(self) -> str:
        """Written right before every WAIT, so that the wait is for something."""
        return f"{self.prefix}:confirm"

    @property
    def trial(self) -> str:
        """Written and deleted at a start, to try the commands."""
        return f"{self.prefix}:trial"

    def vm_id_of(self, member: bytes) -> VmId | None:
        """The machine of an index member; None for a member that is no record key.

        A vm id is lower case: under another spelling a second key would stand for the same machine.
        """
        head = f"{self.prefix}:instance:".encode()
        name = member[len(head) :]
        is_vm_id = (
            member.startswith(head) and 1 <= len(name) <= _LONGEST_VM_ID and not name.translate(None, _OF_A_VM_ID)
        )
        return VmId(name.decode()) if is_vm_id else None


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
        return self not in _OF_THE_SCALER


_OF_THE_SCALER = {
    ScriptName.MEMBERS: ("server",),
    ScriptName.VALUES: ("server",),
    ScriptName.APPLY: ("server", "time"),
}
_OF_A_SESSION = ("contract", "json", "time", "machine")


@cache
def script_text(name: ScriptName) -> str:
    folder = files("scaler.registry") / "scripts"
    parts = (*_OF_THE_SCALER.get(name, _OF_A_SESSION), name)
    return "\n".join((folder / f"{part}.lua").read_text("utf-8") for part in parts)
