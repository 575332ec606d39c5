"""The record as a naive queue manager reads and writes it: a JSON object, and no more (docs/redis-contract.md)."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from scaler.model.instance import SessionId, VmId
from scaler.model.row import Status
from scaler.registry.reservations import Stage

type Fields = Mapping[str, Any]

_KNOWN = (
    *("vmId", "instanceId", "status", "used", "region", "publicIp", "privateIp"),
    *("sessionId", "clientIp", "createdAt", "updatedAt"),
)


def parsed(text: object) -> Fields | None:
    """The fields of a record; None without a readable record."""
    try:
        found = json.loads(text) if isinstance(text, bytes) else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


SEED = ("vmId", "instanceId", "status", "used")
"""The four fields of the first design."""
NO_SESSION = SessionId("")
"""The session of a queue manager that writes no id."""


def written(fields: Fields) -> bytes:
    """The text of a record."""
    return json.dumps(fields).encode()


def known(fields: Fields) -> Fields:
    """The fields that a Go or C# struct has members for."""
    return {name: fields[name] for name in _KNOWN if name in fields}


def is_free(fields: Fields) -> bool:
    """Rule 3: a record in another state after an SPOP is skipped."""
    return fields.get("status") == Status.AVAILABLE and not fields.get("used")


def reserved(fields: Fields, session: SessionId, now: datetime) -> Fields:
    """The fields after the third of the four steps."""
    ours = {"status": "Reserved", "sessionId": session, "clientIp": "192.0.2.8", "updatedAt": now.isoformat()}
    return {**fields, **ours}


def is_of(fields: Fields | None, session: SessionId) -> bool:
    """Rule 2: the session is compared every time; a nameless session by the lack of a name."""
    return fields is not None and (fields.get("sessionId") or "") == session


def stage_of(fields: Fields | None, session: SessionId) -> Stage:
    """The stage that a record shows to a visitor's poll."""
    if fields is None or not is_of(fields, session) or fields.get("status") == Status.AVAILABLE:
        return Stage.UNKNOWN
    if fields.get("used"):
        return Stage.ENDED
    if fields.get("status") == Status.UNAVAILABLE:
        return Stage.OPEN
    return Stage.RESERVED if fields.get("status") == Status.RESERVED else Stage.UNKNOWN


def moved_to(fields: Fields) -> VmId | None:
    """The machine that a session was moved to, by the record."""
    told = fields.get("movedTo")
    return VmId(told) if isinstance(told, str) and told else None


def addresses(fields: Fields) -> tuple[str, ...]:
    """Where the visitor is sent."""
    return tuple(fields[name] for name in ("privateIp", "publicIp") if isinstance(fields.get(name), str))
