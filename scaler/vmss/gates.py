"""When not to ask ARM: a 429's Retry-After, the scaler's own budget of listings, and the budgets that ARM reports."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from threading import Lock

from scaler.errors import Throttled
from scaler.ports import Clock


class Lane(StrEnum):
    """Requests that a 429 holds back together, because the same part of Azure answers and throttles them."""

    READS = "reads"  # of Microsoft.Compute
    STARTS = "starts"  # a visitor waits for each: only a 429 to a start closes this lane
    WRITES = "writes"  # all other writes to Microsoft.Compute
    NETWORK = "network"  # reads of Microsoft.Network: addresses can wait, listings cannot
    TAGS = "tags"  # Microsoft.Resources, which keeps the tags


class Kind(StrEnum):
    """The purpose of a request: ARM counts each purpose in a bucket of its own."""

    LIST = "list"  # one page of the scale set's own list
    LIST_VMS = "list_vms"  # one page of the resource group's VMs: how Flexible ones show their power
    VIEW = "view"
    GET = "get"
    NETWORK = "network"  # one page of network interfaces or public addresses
    TAG = "tag"
    GROUP = "group"  # the resource group, for its tags
    START = "start"  # a batch
    START_ONE = "start_one"
    POWER_OFF = "power_off"  # a batch
    POWER_OFF_ONE = "power_off_one"
    DEALLOCATE = "deallocate"  # a batch: refills at 4 a minute per scale set
    DEALLOCATE_ONE = "deallocate_one"
    DELETE = "delete"
    MARK = "mark"  # charged to the scale set's own bucket, as the capacity is: refills at 4 a minute
    CAPACITY = "capacity"

    @property
    def lane(self) -> Lane:
        """Reads and writes are throttled apart, and so are the services."""
        match self:
            case Kind.LIST | Kind.LIST_VMS | Kind.VIEW | Kind.GET:
                return Lane.READS
            case Kind.NETWORK:
                return Lane.NETWORK
            case Kind.START | Kind.START_ONE:
                return Lane.STARTS
            case Kind.TAG | Kind.GROUP:
                return Lane.TAGS
            case _:
                return Lane.WRITES


# What ARM says is left in a bucket, and which kinds wait when little is. Starts never wait for that: visitors wait for
# starts, and ARM counts starts per subscription only. VmssQueuedVMOperations is missing: healthy answers show 0.
BUCKETS: Mapping[str, frozenset[Kind]] = {
    "HighCostGetVMScaleSetResource": frozenset({Kind.LIST}),
    "HighCostGetVMScaleSetSubscriptionMaximum": frozenset({Kind.LIST}),
    "GetVMScaleSetResource": frozenset({Kind.VIEW}),
    "GetVMScaleSetSubscriptionMaximum": frozenset({Kind.VIEW}),
    "VMScaleSetActionsResource": frozenset({Kind.CAPACITY, Kind.MARK}),
    "VMScaleSetActionsSubscriptionMaximum": frozenset({Kind.CAPACITY, Kind.MARK}),
    "DeleteVMScaleSetResource": frozenset({Kind.DEALLOCATE}),
    "DeleteVMScaleSetSubscriptionMaximum": frozenset({Kind.DEALLOCATE, Kind.POWER_OFF}),
}
BATCH_FROM = 8
"""Stops: a batch costs one of 4 requests a minute of the scale set; single orders have a bucket for each machine."""
HEADER = "x-ms-ratelimit-remaining-resource"
_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The numbers. `at_speed` makes a minute shorter (the local run)."""

    minute: timedelta = timedelta(minutes=1)
    pages_a_minute: float = 6  # of each list: ARM grants 10 per scale set; others (portal, alerts) want some
    granted_a_minute: float = 10  # by ARM, to everybody who lists a scale set; its bucket holds three minutes' pages
    granted_at_once: int = 30
    pause: timedelta = timedelta(seconds=15)  # a bucket at its end: a quarter of ARM's window refills it a little
    nearly_empty: int = 1  # the last request in a bucket is left to whoever else looks at the scale set
    kept_from_marks: int = 1  # marks leave one more to the capacity: many marks would starve the one PATCH a minute

    def at_speed(self, speed: float) -> "Budget":
        """The same budget in a world that runs `speed` times faster."""
        return replace(self, minute=self.minute / speed, pause=self.pause / speed)


class Gates:
    """Shared by all requests about a scale set; thread-safe. Times are the clock's monotonic seconds."""

    def __init__(self, clock: Clock, budget: Budget | None = None) -> None:
        self._clock = clock
        self._budget = budget or Budget()
        self._lock = Lock()
        # lists that the scaler itself holds to a budget: each page costs ARM a look at every machine on it
        self._lists = {kind: _Lists(self._budget, clock.monotonic()) for kind in (Kind.LIST, Kind.LIST_VMS)}
        self._throttled_until = dict.fromkeys(Lane, 0.0)
        self._paused_until: dict[Kind, float] = {}
        self.asked: Counter[Kind] = Counter()
        """Requests that went out, for tests and benchmarks."""

    def admit(self, kind: Kind, *, underway: bool = False) -> None:
        """Raise Throttled instead of a request that ARM, or the scaler's own budget, would not bear.

        A listing begins when the budget holds a page; further pages (`underway`) may run into debt, because half a
        listing is worth nothing. For the same reason no listing begins, or goes on, when ARM's remaining budget is
        too small for its pages: another process may be listing the same scale set.
        """
        with self._lock:
            now = self._clock.monotonic()
            lists = self._lists.get(kind)
            wait = self._throttled_until[kind.lane] - now
            if not underway:
                wait = max(wait, self._paused_until.get(kind, now) - now)
            if lists:
                wait = max(wait, lists.wait(now, underway))
            if wait > 0:
                raise Throttled(f"no budget for {kind} requests now", timedelta(seconds=wait))
            if lists:
                lists.asked(underway)

    def listed(self, kind: Kind, pages: int) -> None:
        """A listing is complete: the next one will take about as many pages."""
        with self._lock:
            if kind in self._lists:
                self._lists[kind].complete(pages)

    def sent(self, kind: Kind) -> None:
        """A request goes out now."""
        with self._lock:
            self.asked[kind] += 1

    def throttled(self, kind: Kind, wait: timedelta) -> None:
        """ARM answered 429: nothing of this lane is sent before `wait` is over."""
        with self._lock:
            until = self._clock.monotonic() + wait.total_seconds()
            self._throttled_until[kind.lane] = max(self._throttled_until[kind.lane], until)

    def heard(self, headers: Mapping[str, str]) -> None:
        """Learn from the headers of an answer what is left."""
        left, budget = _buckets(headers.get(HEADER, "")), self._budget
        with self._lock:
            now = self._clock.monotonic()
            until = now + budget.pause.total_seconds()
            for kind, lists in self._lists.items():
                told = [number for name, number in left.items() if kind in BUCKETS[name]]
                if told:
                    lists.heard(min(told), now)
            for name, number in left.items():
                for kind in BUCKETS[name]:
                    if number <= budget.nearly_empty + (budget.kept_from_marks if kind is Kind.MARK else 0):
                        self._paused_until[kind] = until


class _Lists:
    """The budgets for one kind of list, in pages: the scaler's own, and ARM's by its last answer and the refill.

    The scaler's own refills steadily, and debt is paid first. Between two answers of ARM the scaler does not hear of
    other processes that list the same scale set. So a listing begins only when ARM's bucket would hold another
    listing, and as many pages more as other processes took lately.
    """

    def __init__(self, budget: Budget, now: float) -> None:
        self._budget = budget
        self._rate, self._granted_rate = (
            pages / budget.minute.total_seconds() for pages in (budget.pages_a_minute, budget.granted_a_minute)
        )
        self._allowed, self._filled_at = budget.pages_a_minute, now
        self._granted: tuple[float, float] | None = None  # how many, and when ARM said so
        self._whole = 1  # pages of the last complete listing
        self._walked = 0  # pages of the one under way
        self._others = 0.0  # pages that others took since ours before that one
        self._stopped = False  # the last one ended half-way because of what ARM said

    def wait(self, now: float, underway: bool) -> float:
        """Seconds until a page may be asked for: the first page of a listing, or a further page (`underway`)."""
        return self._wait_to_go_on(now) if underway else max(self._wait_for_ours(now), self._wait_to_begin(now))

    def asked(self, underway: bool) -> None:
        """Note a request for a page."""
        self._allowed -= 1
        self._walked = self._walked + 1 if underway else 1

    def heard(self, left: int, now: float) -> None:
        """Note how many pages ARM has left, after the answered page."""
        taken = max(0.0, self._granted_now(now) - 1 - left) if self._granted is not None else 0.0
        self._others = taken if self._walked == 1 else self._others + taken
        self._granted = left, now

    def complete(self, pages: int) -> None:
        """A listing has taken so many pages."""
        self._whole, self._stopped = pages, False

    def _wait_for_ours(self, now: float) -> float:
        """Seconds until the scaler's own budget holds a whole page."""
        refilled = self._allowed + (now - self._filled_at) * self._rate
        self._allowed, self._filled_at = min(refilled, self._budget.pages_a_minute), now
        return max(0.0, (1 - self._allowed) / self._rate)

    def _wait_to_begin(self, now: float) -> float:
        """Seconds until the bucket holds the listing, and the share of other processes meanwhile."""
        return self._until(2 * self._whole + self._others + self._budget.nearly_empty, now)

    def _wait_to_go_on(self, now: float) -> float:
        """Zero while the bucket holds the rest of the listing; else seconds until the listing can begin anew.

        Before the first complete listing no listing is stopped: should ARM's numbers be wrong, only a 429 counts.
        """
        self._whole = max(self._whole, self._walked + 1)  # there is one page more
        if self._stopped or self._until(self._whole - self._walked, now) <= 0:
            return 0.0
        self._stopped = True
        return self._wait_to_begin(now)

    def _until(self, wanted: float, now: float) -> float:
        """Seconds until so many pages are left; more than the bucket ever holds is not waited for."""
        lacking = min(wanted, self._budget.granted_at_once) - self._granted_now(now)
        return max(0.0, lacking / self._granted_rate)

    def _granted_now(self, now: float) -> float:
        """Remaining pages, if no other process takes pages. Full before ARM's first answer."""
        left, heard_at = self._granted or (self._budget.granted_at_once, now)
        return min(left + (now - heard_at) * self._granted_rate, self._budget.granted_at_once)


def _buckets(header: str) -> dict[str, int]:
    """`Microsoft.Compute/Name;11,Microsoft.Compute/Other;1499` -> known names and numbers; all else is skipped."""
    pairs = (part.strip().rpartition("/")[2].partition(";") for part in header.split(","))
    return {name: int(left) for name, _, left in pairs if name in BUCKETS and _NUMBER.fullmatch(left)}
