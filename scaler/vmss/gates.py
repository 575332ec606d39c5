"""When not to ask ARM: a 429's Retry-After, a budget of our own for listings, and the budgets that ARM reports."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from threading import Lock

from scaler.errors import Throttled
from scaler.ports import Clock


class Kind(StrEnum):
    """What a request is for. ARM counts them in different buckets."""

    LIST = "list"  # one page
    VIEW = "view"
    GET = "get"
    START = "start"
    POWER_OFF = "power_off"  # a batch
    POWER_OFF_ONE = "power_off_one"
    DEALLOCATE = "deallocate"  # a batch: refills at 4 a minute per scale set
    DEALLOCATE_ONE = "deallocate_one"
    DELETE = "delete"
    MARK = "mark"
    CAPACITY = "capacity"

    @property
    def reads(self) -> bool:
        """Reads and writes are throttled apart."""
        return self in {Kind.LIST, Kind.VIEW, Kind.GET}


# What ARM says is left in a bucket, and whom it concerns. Start, restart and power-off are counted per subscription
# only. VmssQueuedVMOperations is not here: it shows 0 in healthy answers.
BUCKETS: Mapping[str, frozenset[Kind]] = {
    "HighCostGetVMScaleSetResource": frozenset({Kind.LIST}),
    "HighCostGetVMScaleSetSubscriptionMaximum": frozenset({Kind.LIST}),
    "GetVMScaleSetResource": frozenset({Kind.VIEW}),
    "GetVMScaleSetSubscriptionMaximum": frozenset({Kind.VIEW}),
    "VMScaleSetActionsResource": frozenset({Kind.CAPACITY}),
    "VMScaleSetActionsSubscriptionMaximum": frozenset({Kind.CAPACITY, Kind.START}),
    "DeleteVMScaleSetResource": frozenset({Kind.DEALLOCATE}),
    "DeleteVMScaleSetSubscriptionMaximum": frozenset({Kind.DEALLOCATE, Kind.POWER_OFF}),
}
_HEADER = "x-ms-ratelimit-remaining-resource"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The numbers. `at_speed` makes a minute shorter (the local run)."""

    minute: timedelta = timedelta(minutes=1)
    pages_a_minute: float = 6  # ARM grants 10 a minute per scale set; others (portal, alerts) want some
    pause: timedelta = timedelta(seconds=15)  # a bucket at its end: a quarter of ARM's window refills it a little
    nearly_empty: int = 1  # the last request in a bucket is left to whoever else looks at the scale set

    def at_speed(self, speed: float) -> "Budget":
        """The same budget in a world that runs `speed` times faster."""
        return replace(self, minute=self.minute / speed, pause=self.pause / speed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What was asked, what was held back, and what ARM last said is left: for telemetry."""

    asked: Mapping[Kind, int]
    held_back: Mapping[Kind, int]
    remaining: Mapping[str, int]


class Gates:
    """Shared by everything that asks ARM about one scale set; thread-safe. Times are the clock's monotonic seconds."""

    def __init__(self, clock: Clock, budget: Budget | None = None) -> None:
        self._clock = clock
        self._budget = budget or Budget()
        self._lock = Lock()
        self._pages = self._budget.pages_a_minute
        self._filled_at = clock.monotonic()
        self._throttled_until = {True: 0.0, False: 0.0}  # by Kind.reads
        self._paused_until: dict[Kind, float] = {}
        self._asked: Counter[Kind] = Counter()
        self._held_back: Counter[Kind] = Counter()
        self._remaining: dict[str, int] = {}

    def admit(self, kind: Kind, *, underway: bool = False) -> None:
        """Raise Throttled instead of a request that ARM, or our own budget, would not bear.

        A listing begins when the budget holds one page; its further pages (`underway`) may run it into debt, because
        half a listing is worth nothing. Only a 429 stops them.
        """
        with self._lock:
            now = self._clock.monotonic()
            wait = self._throttled_until[kind.reads] - now
            if not underway:
                wait = max(wait, self._paused_until.get(kind, now) - now, self._wait_for_page(kind, now))
            if wait > 0:
                self._held_back[kind] += 1
                raise Throttled(f"no budget for {kind} requests now", timedelta(seconds=wait))
            self._pages -= kind is Kind.LIST

    def sent(self, kind: Kind) -> None:
        """A request goes out now."""
        with self._lock:
            self._asked[kind] += 1

    def throttled(self, kind: Kind, wait: timedelta) -> None:
        """ARM answered 429: nothing of this lane (reads or writes) is sent before `wait` is over."""
        with self._lock:
            until = self._clock.monotonic() + wait.total_seconds()
            self._throttled_until[kind.reads] = max(self._throttled_until[kind.reads], until)

    def heard(self, headers: Mapping[str, str]) -> None:
        """Learn from an answer what is left. `headers`: names in lower case."""
        left = dict(_buckets(headers.get(_HEADER, "")))
        if not left:
            return
        with self._lock:
            self._remaining.update(left)
            until = self._clock.monotonic() + self._budget.pause.total_seconds()
            for name in left.keys() & BUCKETS.keys():
                if left[name] <= self._budget.nearly_empty:
                    self._paused_until.update(dict.fromkeys(BUCKETS[name], until))

    @property
    def usage(self) -> Usage:
        """A copy of the counters."""
        with self._lock:
            return Usage(asked=dict(self._asked), held_back=dict(self._held_back), remaining=dict(self._remaining))

    def _wait_for_page(self, kind: Kind, now: float) -> float:
        if kind is not Kind.LIST:
            return 0.0
        rate = self._budget.pages_a_minute / self._budget.minute.total_seconds()
        filled = self._pages + (now - self._filled_at) * rate
        self._pages, self._filled_at = min(filled, self._budget.pages_a_minute), now
        return (1 - self._pages) / rate if self._pages < 1 else 0.0


def _buckets(header: str) -> list[tuple[str, int]]:
    """`Microsoft.Compute/Name;11,Microsoft.Compute/Other;1499` -> names and numbers; what does not fit is skipped."""
    pairs = (each.strip().rpartition("/")[2].partition(";") for each in header.split(","))
    return [(name, int(left)) for name, _, left in pairs if name and left.isascii() and left.isdigit()]
