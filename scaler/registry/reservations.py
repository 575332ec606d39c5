"""The queue manager's client: atomic and idempotent, so that no crash between two steps loses a machine."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

import msgspec
import redis

from scaler.errors import Garbled
from scaler.model.ending import Ending
from scaler.model.instance import InstanceId, SessionId, VmId
from scaler.model.row import Record, Status
from scaler.model.waits import Waits
from scaler.registry.failures import address, holder_of, translated
from scaler.registry.keys import Keys, ScriptName, script_text
from scaler.registry.record_json import MAX_SESSION_BYTES, decode_record
from scaler.registry.rights import SCRIPTS
from scaler.registry.waits_json import decode_waits


class Stage(StrEnum):
    """Where a session is."""

    RESERVED = "reserved"  # a machine is kept for it and being started
    OPEN = "open"  # it may go in
    REFUSED = "refused"  # no machine could be had; the reason is for the visitor's eyes
    ENDED = "ended"  # it is over, whoever ended it
    UNKNOWN = "unknown"  # no machine names it (any more)


class Phase(StrEnum):
    """The progress of a waiting session."""

    WAITING = "waiting"  # the start of its machine is not ordered yet
    STARTING = "starting"  # it is
    BOOTING = "booting"  # its machine runs, and the app on it is not ready yet (SCALER_READY_WHEN=healthy)
    RUNNING = "running"  # its machine is ready, and its addresses are asked for


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
    expected_ready_at: datetime | None = None  # when it may probably go in, as told by the latest step
    hot_since: datetime | None = None  # its machine runs and is ready since then: it may go in within a second

    @classmethod
    def of(cls, record: Record) -> "Reservation":
        """What a visitor may know of the record."""
        return cls(**{field.name: getattr(record, field.name) for field in fields(cls)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a polling visitor is told."""

    stage: Stage
    reservation: Reservation | None = None  # while reserved or open
    reason: str | None = None  # where refused, or ended by the scaler
    phase: Phase | None = None  # while reserved
    expected_ready_at: datetime | None = None  # while reserved: never over, as far as known
    ends_at: datetime | None = None  # while open: not before; None: unlimited, or not known
    ended_because: Ending | None = None  # where refused or ended, as far as known


class _More(msgspec.Struct, rename="camel"):
    """The fifth part of the answer of look."""

    phase: Phase | None = None
    expected_ready_at: datetime | None = None
    ends_at: datetime | None = None
    ended_because: Ending | None = None


_more = msgspec.json.Decoder(_More)
_NO_CHARACTER = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


def check_session(session: SessionId) -> None:
    """Raises ValueError for what is no session id; with the scripts' own words (machine.lua)."""
    size = len(session.encode("utf-8", "replace"))
    if not 0 < size <= MAX_SESSION_BYTES or _NO_CHARACTER.search(session):
        raise ValueError(f"a session id is 1 to {MAX_SESSION_BYTES} bytes of UTF-8 without control characters")


class Reservations:
    """Every call is a script and a round trip. Raises scaler.errors, and ValueError for a bad session id.

    A session id is 1 to 1,024 bytes of UTF-8 without control characters, unique for a visitor's stay. Pass `vm_id` if
    known: the pointer from session to machine is forgotten a day after the last write.
    """

    def __init__(self, client: redis.Redis | redis.RedisCluster, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._index = [keys.index(status) for status in Status]
        self._translated = partial(translated, address(client), holder_of(client, SCRIPTS, keys.prefix))
        self._scripts: Mapping[ScriptName, Any] = {
            name: client.register_script(script_text(name)) for name in ScriptName if name.of_a_session
        }

    def reserve(self, session: SessionId, client_ip: str | None = None) -> Reservation | None:
        """Reserve a machine for a session, the same machine at every call; None when all machines are taken."""
        return self._run(ScriptName.RESERVE, session, client_ip, lambda it: _reserved(*it) if it is not None else None)

    def release(self, session: SessionId, vm_id: VmId | None = None, *, by_hand: bool = False) -> Leaving:
        """The session that was let in has ended. Asking twice does no harm. `by_hand`: an operator ends the session."""
        return self._run(ScriptName.RELEASE, session, vm_id, lambda it: Leaving(it.decode()), _by(by_hand))

    def cancel(self, session: SessionId, vm_id: VmId | None = None, *, by_hand: bool = False) -> Leaving:
        """The visitor gave up, wherever the session is. Asking twice does no harm."""
        return self._run(ScriptName.CANCEL, session, vm_id, lambda it: Leaving(it.decode()), _by(by_hand))

    def look(self, session: SessionId, vm_id: VmId | None = None) -> Sight:
        """Tell the stage of a session. Writes only to put a missing key of the machine back into its set."""
        return self._run(ScriptName.LOOK, session, vm_id, lambda it: _sight(*it), "more")

    def waits(self) -> Waits:
        """Read the facts for visitors without a machine: free machines by tier, the usual waits, the next to come.

        One GET. Empty where nothing is published, or the text cannot be read.
        """
        with self._translated():
            try:
                raw: Any = self._client.get(self._keys.waits)
            except redis.exceptions.NoPermissionError:
                raise
            except redis.exceptions.ResponseError:  # it holds something else than a string
                raw = None
        return decode_waits(raw)

    def _run[Answer](
        self, name: ScriptName, session: SessionId, detail: str | None, read: Callable[[Any], Answer], *more: str
    ) -> Answer:
        check_session(session)
        keys = [self._keys.session(session), *self._index]
        with self._translated():
            return read(self._scripts[name](keys=keys, args=[session, detail or "", *more]))


def _by(by_hand: bool) -> str:
    return "operator" if by_hand else ""


def _sight(stage: bytes, vm_id: bytes, text: bytes, reason: bytes, more: bytes) -> Sight:
    record, told = decode_record(VmId(vm_id.decode()), text), _more.decode(more)
    return Sight(
        stage=Stage(stage.decode()),
        reservation=Reservation.of(record) if isinstance(record, Record) else None,
        reason=reason.decode() or None,
        phase=told.phase,
        expected_ready_at=told.expected_ready_at,
        ends_at=told.ends_at,
        ended_because=told.ended_because,
    )


def _reserved(vm_id: bytes, text: bytes) -> Reservation:
    record = decode_record(VmId(vm_id.decode()), text)
    if not isinstance(record, Record):
        raise Garbled(f"the reserved record of {vm_id!r} cannot be read: {record.why}")
    return Reservation.of(record)
