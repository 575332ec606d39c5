"""When a part was away, so that what nobody could do then is held against nobody."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Lock

from simulator.chaos_real.mischief import Lane


class Outages:
    """Written by the lanes, read by the observer: any thread may call. `now` is the run's clock."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._out: Counter[Lane] = Counter()
        self._spans: list[tuple[datetime, datetime | None]] = []  # in which anything was away
        self._lock = Lock()

    @contextmanager
    def of(self, part: Lane) -> Iterator[None]:
        """It is away until the end of the block."""
        with self._lock:
            if not self._out.total():
                self._spans.append((self._now(), None))
            self._out[part] += 1
        try:
            yield
        finally:
            with self._lock:
                self._out[part] -= 1
                if not self._out.total():
                    self._spans[-1] = (self._spans[-1][0], self._now())

    def away(self, part: Lane) -> bool:
        """Right now."""
        return self._out[part] > 0

    def calm(self, moment: datetime) -> datetime:
        """That moment on a clock that stands still during outages."""
        with self._lock:
            spans = tuple(self._spans)
        lost = ((min(end or moment, moment) - start) for start, end in spans if start < moment)
        return moment - sum(lost, timedelta(0))
