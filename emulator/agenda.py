"""What is due when: nothing happens between two questions, it has happened by the time of the second."""

from collections.abc import Callable
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count


class Agenda:
    """Due callbacks, run in order of their time; while one runs, `at` is its due time."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()
        self.at = now()

    def after(self, delay: timedelta, action: Callable[[], None]) -> None:
        """Run `action` so much later than the moment that is being dealt with."""
        heappush(self._due, (self.at + delay, next(self._order), action))

    def catch_up(self) -> None:
        """Run all that is due by now."""
        now = max(self._now(), self.at)
        while self._due and self._due[0][0] <= now:
            due, _, action = heappop(self._due)
            self.at = max(due, self.at)
            action()
        self.at = now

    @property
    def next_due(self) -> datetime | None:
        """When something happens next; None: nothing will."""
        return self._due[0][0] if self._due else None
