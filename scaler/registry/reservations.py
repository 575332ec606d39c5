"""The queue manager's client: atomic and idempotent, so that no crash between two steps loses a machine."""

from collections.abc import Callable, Mapping
from typing import Any

import redis

from scaler.errors import Garbled
from scaler.model.instance import SessionId, VmId
from scaler.model.record import Record, Status
from scaler.registry.failures import address, translated
from scaler.registry.keys import Keys
from scaler.registry.lua import ScriptName, script_text
from scaler.registry.record_json import decode_record
from scaler.registry.sessions import Leaving, Reservation, Sight, Stage, check_session


class Reservations:
    """Every call is a script and a round trip. Raises scaler.errors, and ValueError for a bad session id.

    A session id is 1 to 1,024 bytes of UTF-8 without control characters, unique for a visitor's stay. Pass `vm_id` if
    known: the pointer from session to machine is forgotten a day after the last write.
    """

    def __init__(self, client: redis.Redis | redis.RedisCluster, keys: Keys) -> None:
        self._keys = keys
        self._where = address(client)
        self._scripts: Mapping[ScriptName, Any] = {
            name: client.register_script(script_text(name)) for name in ScriptName if name.of_a_session
        }

    def reserve(self, session: SessionId, client_ip: str | None = None) -> Reservation | None:
        """Reserve a machine for a session, the same machine at every call; None when all machines are taken."""
        return self._run(ScriptName.RESERVE, session, client_ip, lambda it: _reserved(*it) if it is not None else None)

    def release(self, session: SessionId, vm_id: VmId | None = None) -> Leaving:
        """The session that was let in has ended. Asking twice does no harm."""
        return self._run(ScriptName.RELEASE, session, vm_id, lambda it: Leaving(it.decode()))

    def cancel(self, session: SessionId, vm_id: VmId | None = None) -> Leaving:
        """The visitor gave up, wherever the session is. Asking twice does no harm."""
        return self._run(ScriptName.CANCEL, session, vm_id, lambda it: Leaving(it.decode()))

    def look(self, session: SessionId, vm_id: VmId | None = None) -> Sight:
        """Tell the stage of a session. Writes only to put a missing key of the machine back into its set."""
        return self._run(ScriptName.LOOK, session, vm_id, lambda it: _sight(*it))

    def _run[Answer](
        self, name: ScriptName, session: SessionId, detail: str | None, read: Callable[[Any], Answer]
    ) -> Answer:
        check_session(session)
        keys = [self._keys.session(session), *(self._keys.index(status) for status in Status)]
        with translated(self._where):
            return read(self._scripts[name](keys=keys, args=[session, detail or ""]))


def _sight(stage: bytes, vm_id: bytes, text: bytes, reason: bytes) -> Sight:
    record = decode_record(VmId(vm_id.decode()), text)
    return Sight(
        stage=Stage(stage.decode()),
        reservation=Reservation.of(record) if isinstance(record, Record) else None,
        reason=reason.decode() or None,
    )


def _reserved(vm_id: bytes, text: bytes) -> Reservation:
    record = decode_record(VmId(vm_id.decode()), text)
    if not isinstance(record, Record):
        raise Garbled(f"the reserved record of {vm_id!r} cannot be read: {record.why}")
    return Reservation.of(record)
