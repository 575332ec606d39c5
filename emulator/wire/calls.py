"""The log of calls: callers, requests, times, and statuses."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from threading import Lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request. `status` 0: it was never answered."""

    at: datetime  # Azure's clock
    method: str
    kind: str
    path: str
    status: int
    caller: str  # the `<name>` of `scaler-<name>` in the User-Agent; arm for anybody else
    request_id: str  # x-ms-client-request-id
    seconds: float
    left: str = ""  # x-ms-ratelimit-remaining-resource, as it was answered

    @property
    def arm(self) -> bool:
        """Whether it counts as a call to ARM; tokens and directories do not."""
        return self.kind not in {"token", "directory", "unknown"}


class CallLog:
    """Append-only, safe for threads."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._lock = Lock()

    def write(self, call: Call) -> None:
        """Append it."""
        with self._lock:
            self._calls.append(call)

    def __iter__(self) -> Iterator[Call]:
        with self._lock:
            return iter(tuple(self._calls))

    def __len__(self) -> int:
        with self._lock:
            return len(self._calls)

    def after(self, first: int) -> tuple[Call, ...]:
        """All but the first so many."""
        with self._lock:
            return tuple(self._calls[first:])

    def by_caller(self, since: datetime | None = None) -> Counter[str]:
        """How many ARM calls each caller made."""
        return Counter(each.caller for each in self._arm(since))

    def _arm(self, since: datetime | None) -> Iterator[Call]:
        return (each for each in self if each.arm and (since is None or each.at >= since))
