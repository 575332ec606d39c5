"""One time that moves only when somebody moves it, and the clocks that show it, each a little wrong."""

from datetime import UTC, datetime, timedelta

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


class VirtualClock:
    """The true time. Implements scaler.ports.Clock: whoever sleeps lets time pass for everybody."""

    def __init__(self, start: datetime = BEGINNING) -> None:
        self._start = start
        self._passed = timedelta()

    def now(self) -> datetime:
        """The time of day."""
        return self._start + self._passed

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return self._passed.total_seconds()

    def sleep(self, duration: timedelta) -> None:
        """Let time pass."""
        self._passed += duration

    def advance(self, duration: timedelta) -> None:
        """Let time pass."""
        self._passed += duration


class SkewedClock:
    """Somebody's own clock: it runs as fast as the true one, and shows something else."""

    def __init__(self, true: VirtualClock, ahead: timedelta = timedelta(0)) -> None:
        self._true = true
        self.ahead = ahead

    def now(self) -> datetime:
        """What it shows."""
        return self._true.now() + self.ahead

    def truly(self, shown: datetime) -> datetime:
        """The true time when it showed that."""
        return shown - self.ahead

    def monotonic(self) -> float:
        """Seconds since a moment of its own."""
        return self._true.monotonic() + self.ahead.total_seconds()

    def sleep(self, duration: timedelta) -> None:
        """Let time pass, for everybody."""
        self._true.sleep(duration)
