"""Events: those to come, in a queue on any clock; and those that happened, in a history for checkers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from heapq import heappop, heappush
from itertools import count


class What(StrEnum):
    """A kind of event. Orders are written on arrival, if accepted."""

    CREATED = "created"  # the VM object exists, and Azure works on it
    CREATE_FAILED = "create-failed"
    RUNNING = "running"  # the power state became running, for whatever reason
    STOPPED = "stopped"
    DEALLOCATED = "deallocated"
    DELETED = "deleted"  # gone
    START_ORDERED = "start-ordered"
    STOP_ORDERED = "stop-ordered"  # power-off
    DEALLOCATE_ORDERED = "deallocate-ordered"
    RESTART_ORDERED = "restart-ordered"
    REIMAGE_ORDERED = "reimage-ordered"
    REDEPLOY_ORDERED = "redeploy-ordered"
    DELETE_ORDERED = "delete-ordered"
    PROTECT_ORDERED = "protect-ordered"
    UNPROTECT_ORDERED = "unprotect-ordered"
    ORDER_REFUSED = "order-refused"  # one that arrived late and met a 4xx nobody read
    ORDER_SWALLOWED = "order-swallowed"
    START_FAILED = "start-failed"
    PREEMPTED = "preempted"
    ROLLED_BACK = "rolled-back"  # a protection that did not last
    CAPACITY_SET = "capacity-set"
    MODEL_CHANGED = "model-changed"  # another image or health extension: VMs that are there already do not have it
    EVICTED = "evicted"
    SHUT_DOWN = "shut-down"  # from inside
    RESTARTED_ITSELF = "restarted-itself"
    TURNED_FAILED = "turned-failed"
    FELL_SILENT = "fell-silent"  # the guest gives its health extension no verdict for a while
    LIED = "lied"  # it gives wrong ones for a while: the contrary of the truth, or another at every probe


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An entry of the history. `at`: the arrival of an order; `given_at`: the time when the caller gave the order."""

    at: datetime
    what: What
    by: str  # the caller, or platform, guest, somebody
    vm_id: str | None = None  # None: about the whole scale set
    instance_id: str | None = None
    given_at: datetime | None = None
    detail: str = ""


class History:
    """An append-only list with listeners, which are called for every new event."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.listeners: list[Callable[[Event], None]] = []

    def write(self, event: Event) -> None:
        """Append it."""
        self.events.append(event)
        for listener in self.listeners:
            listener(event)

    def of(self, vm_id: str) -> tuple[Event, ...]:
        """One machine's life."""
        return tuple(event for event in self.events if event.vm_id == vm_id)

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)


class EventQueue:
    """Callbacks by due time; while a callback runs, `at` is the callback's due time."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()
        self.at = now()

    def after(self, delay: timedelta, action: Callable[[], None]) -> None:
        """Run `action` so much later than the moment that is being dealt with."""
        heappush(self._due, (self.at + delay, next(self._order), action))

    def catch_up(self) -> None:
        """Run all due callbacks."""
        now = self.now
        while self._due and self._due[0][0] <= now:
            due, _, action = heappop(self._due)
            self.at = max(due, self.at)
            action()
        self.at = now

    @property
    def now(self) -> datetime:
        """The clock, before the callbacks that are due by then."""
        return max(self._now(), self.at)

    @property
    def next_due(self) -> datetime | None:
        """The due time of the next callback; None without callbacks."""
        return self._due[0][0] if self._due else None
