"""Watches: one timer invocation of several ticks, until shortly before the next timer.

The starter's watch probes for reservations all the time, and no start waits for a look at another machine. Starting and
opening are separate ticks, on separate threads. Overlapping ticks are safe, because ticks of a controller may overlap
on two hosts anyway: every write is compared with the facts of its decision (docs/protocol.md).
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import timedelta

from scaler.errors import BeingListed, Missing, ScalerError, Throttled
from scaler.model.instance import VmId
from scaler.ports import Clock
from scaler.report import Report
from scaler.telemetry import Telemetry

_SHORTEST = 0.05  # seconds between two ticks
AFTER_FAILURE = timedelta(seconds=1)  # a blip of Redis should not cost the rest of a watch
PROBE_EVERY = timedelta(milliseconds=250)  # a reservation waits 125 ms on average, for four commands a second
_LISTED_WITHIN = 5.0  # seconds for which the first tick of a watch waits for another controller's listing
_NEVER = float("inf")

type Run = Callable[[], Report]
"""One tick; raises ScalerError when Redis or Azure is away."""
type Probe = Callable[[], frozenset[VmId]]
"""The machines that the index calls reserved."""
type Submit = Callable[[Run], Future[Report]]
"""Has a tick run by another thread: concurrent.futures.Executor.submit."""


class Results:
    """The results of a kind of ticks, as the end of a watch needs these."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self.failure: ScalerError | None = None  # of the latest tick
        self.missing: Missing | None = None  # a configured scale set that is not there
        self.waits_for_a_listing = True  # of another controller, which has held up every tick so far

    def hear(self, result: Run) -> timedelta | None:
        """Log the result of a tick. Returns how soon another tick would find news."""
        try:
            report = result()
        except ScalerError as error:
            self._telemetry.failed_tick(error, self.failure)
            self.waits_for_a_listing = False
            if self.failure is None or not isinstance(error, Throttled):  # to wait for a budget ends no failure
                self.failure = error
            return error.retry_after if isinstance(error, Throttled) else AFTER_FAILURE
        self._telemetry.report(report)
        self.waits_for_a_listing &= any(isinstance(each, BeingListed) for each in report.errors)
        self.missing = next((gone for gone in report.errors if isinstance(gone, Missing)), self.missing)
        self.failure = None
        return report.look_again


def _raise_first(*failures: ScalerError | None) -> None:
    """Raise the first failure. Waiting for a budget is none."""
    for failure in failures:
        if failure is not None and not isinstance(failure, Throttled):
            raise failure


def watch(tick: Run, duration: timedelta, telemetry: Telemetry, clock: Clock) -> None:
    """Tick when it is due, for a time; zero means a single tick. Raises the error of the last tick if that tick failed.

    Where another controller is listing at that moment, the first tick is tried again until that listing is there:
    timers of the same second would else keep a controller without a watch from ever looking.

    A configured scale set that Azure does not have is a mistake in the settings, or a loss: work on the rest goes on,
    and the error is raised at the end.
    """
    end, results = clock.monotonic() + duration.total_seconds(), Results(telemetry)
    while (again := results.hear(tick)) is not None:
        rest = max(again.total_seconds(), _SHORTEST)
        if clock.monotonic() + rest > end + (_LISTED_WITHIN if results.waits_for_a_listing else 0.0):
            break
        clock.sleep(timedelta(seconds=rest))
    _raise_first(results.failure, results.missing)


class Lane:
    """Ticks of a kind, on a thread for each tick; as many at the same time as the lane has ticks."""

    def __init__(self, ticks: Sequence[Run], submit: Submit) -> None:
        self._idle = list(ticks)
        self._submit = submit
        self._under_way: list[tuple[Run, Future[Report]]] = []
        self.due = _NEVER

    @property
    def busy(self) -> bool:
        """Whether any tick is under way."""
        return bool(self._under_way)

    def due_by(self, moment: float) -> None:
        """A tick is wanted then, or sooner."""
        self.due = min(self.due, moment)

    def begin(self, now: float) -> None:
        """Begin the due tick, if a tick is due and a thread is free."""
        if self.due <= now and self._idle:
            tick = self._idle.pop(0)
            self.due = _NEVER
            self._under_way.append((tick, self._submit(tick)))

    def ended(self) -> list[Future[Report]]:
        """The ticks that have ended since the last question."""
        over = [running for running in self._under_way if running[1].done()]
        self._under_way = [running for running in self._under_way if running not in over]
        self._idle += [tick for tick, _ in over]
        return [future for _, future in over]


class StartersWatch:
    """One timer invocation of the starter. Only the thread that calls `run` writes to the log."""

    def __init__(self, starts: Lane, rest: Lane, telemetry: Telemetry, clock: Clock, probe: Probe) -> None:
        """`starts`: ticks that start new reservations; `rest`: ticks that look at started machines, and open them."""
        self._starts, self._rest = starts, rest
        self._telemetry = telemetry
        self._clock = clock
        self._probe = probe
        self._known = frozenset[VmId]()
        self._unprobed: ScalerError | None = None  # why the latest probe failed, if it did
        self._results = {lane: Results(telemetry) for lane in (starts, rest)}

    def run(self, duration: timedelta) -> None:
        """Watch for a time, and then until no tick is under way; reservations that come meanwhile are started too.

        Raises the last error of the probe or of a tick, or the error of a scale set that Azure does not have.
        """
        end = self._clock.monotonic() + duration.total_seconds()
        for lane in self._results:
            lane.due = self._clock.monotonic()
        last_round = False
        while True:
            self._hear(self._starts, self._rest)
            self._hear(self._rest)
            wait = self._look(and_begin_the_rest=not last_round)
            left = end - self._clock.monotonic()
            if left <= 0 and not (self._starts.busy or self._rest.busy):
                break
            last_round = left <= wait
            self._clock.sleep(timedelta(seconds=min(wait, left) if left > 0 else wait))
        results = self._results.values()
        _raise_first(self._unprobed, *(each.failure for each in results), *(each.missing for each in results))

    def _look(self, *, and_begin_the_rest: bool) -> float:
        """Probe, and begin the ticks that are due. Returns the seconds until the next probe."""
        try:
            current = self._probe()
        except ScalerError as error:
            self._telemetry.failed_tick(error, self._unprobed)
            self._unprobed, self._known = error, frozenset()
            return AFTER_FAILURE.total_seconds()
        now = self._clock.monotonic()
        if current - self._known:
            self._starts.due_by(now)
            self._rest.due_by(now)
        self._unprobed, self._known = None, current
        self._starts.begin(now)
        if and_begin_the_rest:
            self._rest.begin(now)
        return PROBE_EVERY.total_seconds()

    def _hear(self, lane: Lane, *following: Lane) -> None:
        """Log the lane's ended ticks. A wish to look again concerns the following lanes as well."""
        for future in lane.ended():
            again = self._results[lane].hear(future.result)
            if again is not None:
                for due in (lane, *following):
                    due.due_by(self._clock.monotonic() + again.total_seconds())
