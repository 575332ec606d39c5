"""The clocks: virtual time, clocks that show virtual time a little wrong, and the wall's."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


class VirtualClock:
    """The true time of a campaign. Implements scaler.ports.Clock: a sleep lets time pass for all."""

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

    advance = sleep


class ConcurrentClock(VirtualClock):
    """A virtual clock on which several requests may be under way at the same time."""

    _sleeper: timedelta | None = None  # until when the request has slept that is made now, one of several

    def sleep(self, duration: timedelta) -> None:
        """Let time pass: of several requests only as much as the requests before this one have not waited for."""
        if self._sleeper is not None:
            self._sleeper += duration
            duration = max(self._sleeper - self._passed, timedelta(0))
        super().sleep(duration)

    def together(self, requests: Sequence[Callable[[], object]]) -> Sequence[object]:
        """Implements scaler.ports.Together: the requests take as long as the slowest of them."""
        began, results = self._passed, []
        for request in requests:
            self._sleeper = began
            results.append(request())
        self._sleeper = None
        return results


class SkewedClock:
    """A clock that runs as fast as the true clock, and is ahead or behind."""

    def __init__(self, true: VirtualClock, ahead: timedelta = timedelta(0)) -> None:
        self._true = true
        self.ahead = ahead

    def now(self) -> datetime:
        """The time shown."""
        return self._true.now() + self.ahead

    def truly(self, shown: datetime) -> datetime:
        """The true time of a time shown."""
        return shown - self.ahead

    def monotonic(self) -> float:
        """Seconds since a moment of its own."""
        return self._true.monotonic() + self.ahead.total_seconds()

    def sleep(self, duration: timedelta) -> None:
        """Let time pass for all."""
        self._true.sleep(duration)


class WallClock:
    """The clock of a run in real time: the time of day at its start, and from there on a clock that never jumps.

    The clock of Azure, visitors and observer; Redis and the functions host have the machine's.
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
        """The second of the run of a moment."""
        return (moment - self._started).total_seconds() - self._began
