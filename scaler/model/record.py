"""The record: published facts about a machine, shared with the queue manager (docs/redis-contract.md)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from scaler.model.instance import InstanceId, SessionId, VmId


class Status(StrEnum):
    """The record's status, which also names the index set for the key."""

    AVAILABLE = "Available"  # fresh, at rest, never handed out
    RESERVED = "Reserved"  # a session asked for it
    UNAVAILABLE = "Unavailable"  # opened, presumed to be in use, or used


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A machine's record. Texts are the queue manager's own, and are never used as an address in Azure."""

    vm_id: VmId
    instance_id: InstanceId
    status: Status
    used: bool = False
    warm: bool = False  # derived from the power state at every reconciler tick
    region: str | None = None
    public_ip: str | None = None
    private_ip: str | None = None
    session_id: SessionId | None = None
    client_ip: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    moved_to: VmId | None = None  # where its session went on, when this machine could not be had
    moved_from: VmId | None = None  # where its session was before
    move_reason: str | None = None  # why, for the visitor's eyes; beside either
    extra: tuple[tuple[str, str], ...] = ()  # the queue manager's own fields: name, raw JSON text; kept to the byte

    @property
    def session(self) -> SessionId:
        """The machine's session: the session in the record, else a session with the machine's own id as a name.

        A machine serves a single session in its life, so the vm id names that session well enough.
        """
        return self.session_id or SessionId(self.vm_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A value that is no record (not JSON, no status, …). The bytes are left alone, and `why` is logged once."""

    why: str
