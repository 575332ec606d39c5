"""A watch: one timer invocation of several ticks, until shortly before the next timer."""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from scaler.errors import Missing, ScalerError, Throttled
from scaler.model.instance import VmId
from scaler.ports import Clock
from scaler.report import Report
from scaler.telemetry import Telemetry

PROBE_EVERY = timedelta(milliseconds=250)  # a reservation waits 125 ms on average, for four commands a second
AFTER_FAILURE = timedelta(seconds=1)  # a blip of Redis should not cost the rest of a watch


class Ticking(Protocol):
    """What a watch needs of a tick."""

    def run(self) -> Report:
        """One pass; raises ScalerError when Redis or Azure is away."""
        ...


class Watch:
    """Ticks when it is due, and whenever the probe shows something new."""

    def __init__(
        self, tick: Ticking, telemetry: Telemetry, clock: Clock, probe: Callable[[], frozenset[VmId]] | None = None
    ) -> None:
        self._tick = tick
        self._telemetry = telemetry
        self._clock = clock
        self._probe = probe
        self._known: frozenset[VmId] = frozenset()
        self._due = 0.0
        self._missing: Missing | None = None  # a configured scale set that is not there

    def run(self, duration: timedelta) -> None:
        """Watch for that long; zero is one tick. Raises the last tick's error when it failed.

        A configured scale set that Azure does not have is a mistake in the settings, or a loss: the other scale sets'
        work goes on, and the error is raised at the end.
        """
        end = self._clock.monotonic() + duration.total_seconds()
        self._due = self._clock.monotonic()
        self._known = frozenset()
        self._missing = None
        failure: ScalerError | None = None
        while True:
            failure = self._look(failure)
            rest = self._rest(failure)
            if self._clock.monotonic() + rest > end:
                break
            self._clock.sleep(timedelta(seconds=rest))
        if failure is not None and not isinstance(failure, Throttled):
            raise failure
        if self._missing is not None:
            raise self._missing

    def _look(self, before: ScalerError | None) -> ScalerError | None:
        """Tick if there is reason to. Returns why the latest tick could not be done, if it could not."""
        try:
            current = self._probe() if self._probe is not None else frozenset()
            ticks = bool(current - self._known) or self._clock.monotonic() >= self._due
            if ticks:
                self._tick_once()
            self._known = current
        except ScalerError as error:
            if before is None or str(error) != str(before):
                self._telemetry.failed(error)
            again = error.retry_after if isinstance(error, Throttled) else AFTER_FAILURE
            self._due = self._clock.monotonic() + again.total_seconds()
            self._known = frozenset()
            return error
        return None if ticks else before

    def _tick_once(self) -> None:
        report = self._tick.run()
        self._telemetry.report(report)
        self._missing = next((each for each in report.errors if isinstance(each, Missing)), self._missing)
        again = report.look_again
        self._due = self._clock.monotonic() + (again.total_seconds() if again is not None else float("inf"))

    def _rest(self, failure: ScalerError | None) -> float:
        """Until the next probe, or the next due tick."""
        until_due = max(self._due - self._clock.monotonic(), 0.0)
        if self._probe is None:
            return max(until_due, 0.05)
        return PROBE_EVERY.total_seconds() if failure is None else AFTER_FAILURE.total_seconds()
