"""Faults of answers (truncated, slow, dropped, …), injected for the next requests."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from threading import Lock
from typing import Any

_HUGE = 64 * 1024 * 1024
_SIPS = 20


class AnswerFault(StrEnum):
    """One way to spoil an answer."""

    TRUNCATED = "truncated"  # half of the JSON, with a matching Content-Length
    CUT = "cut"  # half of the JSON, and then the connection is closed
    NOT_JSON = "not-json"  # a page for people, with status 200
    WRONG_SHAPE = "wrong-shape"  # JSON, but not of this resource
    NO_DATE = "no-date"
    BAD_DATE = "bad-date"
    SLOW = "slow"  # a trickle: no pause long enough for a read time-out
    HUGE = "huge"  # 64 MiB around the answer
    BAD_GATEWAY = "bad-gateway"  # 502 with a page for people
    UNAUTHORIZED = "unauthorized"  # 401: the token is said to have expired
    DROPPED = "dropped"  # the order was carried out, and the connection closed without an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer in bytes, just before it is written."""

    status: int
    headers: dict[str, str]
    content: bytes
    length: int | None = None  # a Content-Length that is not the content's
    padding: int = 0  # blanks before it: JSON does not mind them
    trickle: float = 0.0  # seconds over which it is written
    dropped: bool = False

    def pieces(self) -> Iterator[bytes]:
        """The content in portions, as written to the socket."""
        if self.padding:
            yield b" " * self.padding
        step = max(1, -(-len(self.content) // _SIPS)) if self.trickle else max(1, len(self.content))
        for start in range(0, len(self.content), step):
            yield self.content[start : start + step]

    @property
    def content_length(self) -> int:
        """What the header says."""
        return self.padding + len(self.content) if self.length is None else self.length

    @property
    def pause(self) -> float:
        """Seconds before each portion."""
        return self.trickle / _SIPS


@dataclass(slots=True)
class _Planned:
    how: AnswerFault
    kind: str | None
    seconds: float


@dataclass(slots=True)
class AnswerInjector:
    """What is planned for the next answers."""

    _planned: list[_Planned] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def plan(self, how: AnswerFault, *, kind: str | None = None, times: int = 1, seconds: float = 2.0) -> None:
        """Spoil the next `times` answers (to calls of `kind`, if given); `seconds` is how long SLOW takes."""
        with self._lock:
            self._planned += [_Planned(how, kind, seconds) for _ in range(times)]

    def spoiled(self, reply: Reply, kind: str) -> Reply:
        """The reply, spoiled if a fault is planned."""
        with self._lock:
            found = next((fault for fault in self._planned if fault.kind in {None, kind}), None)
            if found is None:
                return reply
            self._planned.remove(found)
        return _spoilt(reply, found)


_EXPIRED = b'{"error": {"code": "ExpiredAuthenticationToken", "message": "This token has expired."}}'


def _spoilt(reply: Reply, plan: _Planned) -> Reply:
    headers, content, half = reply.headers, reply.content, len(reply.content) // 2
    page = {**headers, "content-type": "text/html"}
    changes: dict[AnswerFault, dict[str, Any]] = {
        AnswerFault.TRUNCATED: {"content": content[:half]},
        AnswerFault.CUT: {"content": content[:half], "length": len(content)},
        AnswerFault.NOT_JSON: {"content": b"<html><body>Sign in</body></html>", "headers": page},
        AnswerFault.WRONG_SHAPE: {"content": b'["value", null, 7]'},
        AnswerFault.NO_DATE: {"headers": {name: value for name, value in headers.items() if name != "date"}},
        AnswerFault.BAD_DATE: {"headers": {**headers, "date": "yesterday"}},
        AnswerFault.SLOW: {"trickle": plan.seconds},
        AnswerFault.HUGE: {"padding": _HUGE},
        AnswerFault.BAD_GATEWAY: {"status": 502, "content": b"<html><body>Bad gateway</body></html>", "headers": page},
        AnswerFault.UNAUTHORIZED: {"status": 401, "content": _EXPIRED},
        AnswerFault.DROPPED: {"dropped": True},
    }
    return replace(reply, **changes[plan.how])
