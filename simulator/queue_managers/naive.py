"""A queue manager as found in the wild: separate steps, no compare-and-set, and no fields but those it knows."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

from redis import Redis

from scaler.model.instance import SessionId, VmId
from scaler.model.record import Status
from scaler.registry.keys import Keys
from scaler.registry.sessions import Sight, Stage

_KNOWN = ("vmId", "instanceId", "status", "used", "region", "publicIp", "privateIp", "createdAt")
_STAGES = {Status.RESERVED: Stage.RESERVED, Status.UNAVAILABLE: Stage.OPEN}


class Naive:
    """Implements QueueManager; between two steps it dawdles for the next of `pauses`."""

    def __init__(self, client: Redis, keys: Keys, pauses: tuple[float, ...], dawdle: Callable[[float], None]) -> None:
        self._client = client
        self._keys = keys
        self._pauses: Iterator[float] = cycle(pauses)
        self._dawdle = dawdle

    def reserve(self, session: SessionId) -> VmId | None:
        """SPOP, GET, SET, SADD."""
        taken = self._client.spop(self._keys.index(Status.AVAILABLE))
        if not isinstance(taken, bytes):
            return None
        self._rest()
        record = self._get(taken.decode())
        if record is None:
            return None
        self._rest()
        self._set(taken.decode(), {**record, "status": "Reserved", "sessionId": session})
        self._rest()
        self._client.sadd(self._keys.index(Status.RESERVED), taken)
        return VmId(taken.decode().rpartition(":")[2])

    def look(self, session: SessionId, vm_id: VmId) -> Sight:
        """GET, and a comparison of the session."""
        record = self._get(self._keys.instance(vm_id))
        if record is None or record.get("sessionId") != session:
            return Sight(stage=Stage.UNKNOWN)
        if record.get("used"):
            return Sight(stage=Stage.ENDED)
        return Sight(stage=_STAGES.get(record["status"], Stage.UNKNOWN))

    def release(self, session: SessionId, vm_id: VmId) -> None:
        """GET, SET used."""
        key = self._keys.instance(vm_id)
        record = self._get(key)
        if record is None or record.get("sessionId") != session:
            return
        self._rest()
        self._set(key, {**record, "used": True})

    def cancel(self, session: SessionId, vm_id: VmId) -> None:
        """The same: it does not know the difference."""
        self.release(session, vm_id)

    def _rest(self) -> None:
        self._dawdle(next(self._pauses))

    def _get(self, key: str) -> dict[str, Any] | None:
        text = self._client.get(key)
        record = json.loads(text) if isinstance(text, bytes) else None
        return record if isinstance(record, dict) else None

    def _set(self, key: str, record: dict[str, Any]) -> None:
        """As a Go or C# struct is marshalled: what it has no member for is gone."""
        known = {name: record[name] for name in (*_KNOWN, "sessionId", "clientIp") if name in record}
        known["updatedAt"] = datetime.now(UTC).isoformat()
        self._client.set(key, json.dumps(known))
