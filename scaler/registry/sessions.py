"""A session and its machine: the answers to a queue manager."""

from dataclasses import dataclass
from enum import StrEnum

from scaler.model.instance import InstanceId, SessionId, VmId
from scaler.model.record import Record, Status
from scaler.registry.record_json import MAX_SESSION_BYTES


class Stage(StrEnum):
    """Where a session is."""

    RESERVED = "reserved"  # a machine is kept for it and being started
    OPEN = "open"  # it may go in
    REFUSED = "refused"  # no machine could be had; the reason is for the visitor's eyes
    ENDED = "ended"  # it is over, whoever ended it
    UNKNOWN = "unknown"  # no machine names it (any more)


class Leaving(StrEnum):
    """The end of a session, in one word."""

    RELEASED = "released"  # it was let in; its machine is used now
    CANCELLED = "cancelled"  # before any start: the machine is Available again
    ABANDONED = "abandoned"  # after a start was ordered: the machine is used now
    ENDED = "ended"  # it was over before; nothing was done
    RESERVED = "reserved"  # release() of a session that was never let in: cancel() it
    UNKNOWN = "unknown"  # no machine names it, or what names it cannot be trusted now; nothing was done


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A session's machine. The addresses are there once the machine is open."""

    vm_id: VmId
    instance_id: InstanceId
    status: Status
    warm: bool
    region: str | None
    public_ip: str | None
    private_ip: str | None
    moved_from: VmId | None = None  # the machine it had before, which could not be had
    move_reason: str | None = None  # why, for the visitor's eyes

    @classmethod
    def of(cls, record: Record) -> "Reservation":
        """What a visitor may know of the record."""
        return cls(
            vm_id=record.vm_id,
            instance_id=record.instance_id,
            status=record.status,
            warm=record.warm,
            region=record.region,
            public_ip=record.public_ip,
            private_ip=record.private_ip,
            moved_from=record.moved_from,
            move_reason=record.move_reason,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a polling visitor is told."""

    stage: Stage
    reservation: Reservation | None = None  # while reserved or open
    reason: str | None = None  # where refused


def check_session(session: SessionId) -> None:
    """Raises ValueError for what is no session id; with the scripts' own words (machine.lua)."""
    size = len(session.encode("utf-8", "replace"))
    control = any(ord(each) < 32 or ord(each) == 127 for each in session)
    if not 0 < size <= MAX_SESSION_BYTES or control or any("\ud800" <= each <= "\udfff" for each in session):
        raise ValueError(f"a session id is 1 to {MAX_SESSION_BYTES} bytes of UTF-8 without control characters")
