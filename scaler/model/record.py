"""The record: what the registry publishes about a machine, shared with the queue manager (docs/redis-contract.md)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from scaler.model.instance import InstanceId, SessionId, VmId


class Status(StrEnum):
    """The record's status, and with it the one index set its key belongs to."""

    AVAILABLE = "Available"  # fresh, at rest, never handed out
    RESERVED = "Reserved"  # a session asked for it
    UNAVAILABLE = "Unavailable"  # opened, presumed to be in use, or used


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One machine's record. Texts are as the queue manager wrote them; nothing here ever addresses Azure."""

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
        """Whose machine this is: the session that the record names, else one with the name of its machine.

        A machine serves one session in its life, so the vm id names that session well enough.
        """
        return self.session_id or SessionId(self.vm_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A value that is not a record (not JSON, no status, …). Its bytes are left alone, and `why` is logged once."""

    why: str
