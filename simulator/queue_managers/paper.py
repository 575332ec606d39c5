"""The record as a naive queue manager reads and writes it: a JSON object, and no more (docs/redis-contract.md)."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from scaler.model.instance import SessionId, VmId
from scaler.model.record import Status
from scaler.registry.sessions import Stage

type Paper = Mapping[str, Any]

_KNOWN = (
    *("vmId", "instanceId", "status", "used", "region", "publicIp", "privateIp"),
    *("sessionId", "clientIp", "createdAt", "updatedAt"),
)


def parsed(text: object) -> Paper | None:
    """None where there is no record, or something that is none."""
    try:
        found = json.loads(text) if isinstance(text, bytes) else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


SEED = ("vmId", "instanceId", "status", "used")
"""The four fields of the design that all of this began with."""
NO_SESSION = SessionId("")
"""What a queue manager calls its session that writes no id."""


def written(paper: Paper) -> bytes:
    """As it stands in Redis."""
    return json.dumps(paper).encode()


def known(paper: Paper) -> Paper:
    """As a Go or C# struct is marshalled: what it has no member for is gone."""
    return {name: paper[name] for name in _KNOWN if name in paper}


def is_free(paper: Paper) -> bool:
    """Rule 3: what is anything else after an SPOP is skipped."""
    return paper.get("status") == Status.AVAILABLE and not paper.get("used")


def reserved(paper: Paper, session: SessionId, now: datetime) -> Paper:
    """What the third of the four steps writes."""
    ours = {"status": "Reserved", "sessionId": session, "clientIp": "192.0.2.8", "updatedAt": now.isoformat()}
    return {**paper, **ours}


def is_of(paper: Paper | None, session: SessionId) -> bool:
    """Rule 2: the session is compared, every time; with none, where it writes none."""
    return paper is not None and (paper.get("sessionId") or "") == session


def stage_of(paper: Paper | None, session: SessionId) -> Stage:
    """What the record says to a visitor who polls."""
    if paper is None or not is_of(paper, session) or paper.get("status") == Status.AVAILABLE:
        return Stage.UNKNOWN
    if paper.get("used"):
        return Stage.ENDED
    if paper.get("status") == Status.UNAVAILABLE:
        return Stage.OPEN
    return Stage.RESERVED if paper.get("status") == Status.RESERVED else Stage.UNKNOWN


def moved_to(paper: Paper) -> VmId | None:
    """Where the session went on, if the record says so."""
    told = paper.get("movedTo")
    return VmId(told) if isinstance(told, str) and told else None


def addresses(paper: Paper) -> tuple[str, ...]:
    """Where the visitor is sent."""
    return tuple(paper[name] for name in ("privateIp", "publicIp") if isinstance(paper.get(name), str))
