"""The clocks: one that moves only when somebody moves it, those that show it a little wrong, and the wall's."""

from datetime import UTC, datetime, timedelta
from time import monotonic

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


class WallClock:
    """The clock of a run in real time: the time of day at its start, and from there on a clock that never jumps.

    Azure, the visitors and the observer have it; Redis and the functions host have the machine's.
    """

    def __init__(self) -> None:
        self._started = datetime.now(UTC)
        self._monotonic = monotonic()
        self._began = 0.0

    def now(self) -> datetime:
        """The time of day."""
        return self._started + timedelta(seconds=monotonic() - self._monotonic)

    def begin(self) -> None:
        """Everything is set up: the run's seconds are counted from now on."""
        self._began = monotonic() - self._monotonic

    @property
    def seconds(self) -> float:
        """How long the run has lasted."""
        return monotonic() - self._monotonic - self._began

    def since_start(self, moment: datetime) -> float:
        """How many seconds into the run that was."""
        return (moment - self._started).total_seconds() - self._began
