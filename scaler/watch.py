"""A watch: one timer invocation of several ticks, until shortly before the next timer."""

from datetime import timedelta
from typing import Protocol

from scaler.errors import Missing, ScalerError, Throttled
from scaler.ports import Clock
from scaler.report import Report
from scaler.telemetry import Telemetry

_SHORTEST = 0.05  # seconds between two ticks
AFTER_FAILURE = timedelta(seconds=1)  # a blip of Redis should not cost the rest of a watch


class Ticking(Protocol):
    """What a watch needs of a tick."""

    def run(self) -> Report:
        """One pass; raises ScalerError when Redis or Azure is away."""
        ...


class Watch:
    """Ticks when it is due."""

    def __init__(self, tick: Ticking, telemetry: Telemetry, clock: Clock) -> None:
        self._tick = tick
        self._telemetry = telemetry
        self._clock = clock
        self._due = 0.0
        self._missing: Missing | None = None  # a configured scale set that is not there

    def run(self, duration: timedelta) -> None:
        """Watch for a time; zero means a single tick. Raises the error of the last tick if that tick failed.

        A configured scale set that Azure does not have is a mistake in the settings, or a loss: work on the rest
        goes on, and the error is raised at the end.
        """
        end = self._clock.monotonic() + duration.total_seconds()
        self._missing = None
        failure: ScalerError | None = None
        while True:
            failure = self._tick_once(failure)
            rest = max(self._due - self._clock.monotonic(), _SHORTEST)
            if self._clock.monotonic() + rest > end:
                break
            self._clock.sleep(timedelta(seconds=rest))
        if failure is not None and not isinstance(failure, Throttled):
            raise failure
        if self._missing is not None:
            raise self._missing

    def _tick_once(self, before: ScalerError | None) -> ScalerError | None:
        """Returns why the tick could not be done, if it could not. `before`: the same of the tick before."""
        try:
            report = self._tick.run()
        except ScalerError as error:
            self._telemetry.failed_tick(error, before)
            again = error.retry_after if isinstance(error, Throttled) else AFTER_FAILURE
            self._due = self._clock.monotonic() + again.total_seconds()
            # to wait for a budget is no failure, and does not end one: nothing has succeeded since
            return before if before is not None and isinstance(error, Throttled) else error
        self._telemetry.report(report)
        self._missing = next((gone for gone in report.errors if isinstance(gone, Missing)), self._missing)
        again_in = report.look_again
        self._due = self._clock.monotonic() + (again_in.total_seconds() if again_in is not None else float("inf"))
        return None
