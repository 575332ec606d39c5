"""Time that moves only when a test says so."""

from datetime import UTC, datetime, timedelta


class ManualClock:
    """Implements scaler.ports.Clock; `now` is what an emulated Azure or Redis takes for the time."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._passed = timedelta()

    def now(self) -> datetime:
        """The time of day."""
        return self._start + self._passed

    def monotonic(self) -> float:
        """Seconds since the test began."""
        return self._passed.total_seconds()

    def sleep(self, duration: timedelta) -> None:
        """Let time pass."""
        self.advance(duration)

    def advance(self, duration: timedelta) -> None:
        """Let time pass."""
        self._passed += duration
