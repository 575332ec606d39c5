"""The one clock of a run: the time of day at its start, and from there on a clock that never jumps."""

from datetime import UTC, datetime, timedelta
from time import monotonic


class RunClock:
    """Azure's clock, the visitors' and the observer's; Redis and the functions host have the machine's."""

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
