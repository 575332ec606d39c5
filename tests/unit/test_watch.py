"""Watches: ticks when due and after a failure; the starter's, and what is reserved meanwhile."""

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from builders import ASKED, ref
from clock import ManualClock

from scaler.actuate import Outcome, Result
from scaler.errors import BeingListed, Missing, ScalerError, Throttled, Unreachable
from scaler.model.instance import VmId
from scaler.model.plan import Mark, Plan, Step, Why
from scaler.report import Report
from scaler.telemetry import Telemetry
from scaler.telemetry.lines import read
from scaler.watch import Lane, Run, StartersWatch, watch

SECOND = timedelta(seconds=1)


class CountingTick:
    """Notes when it ran; wants to look again after `again`; fails where told to."""

    def __init__(self, clock: ManualClock, again: timedelta | None = None, *failures: ScalerError | None) -> None:
        self.clock, self.again, self.failures = clock, again, list(failures)
        self.ran_at: list[float] = []
        self.held_back: dict[str, Any] = {}

    def run(self) -> Report:
        self.ran_at.append(self.clock.monotonic())
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        return Report(plan=Plan(look_again=self.again), **self.held_back)


def run(tick: CountingTick, duration: timedelta) -> None:
    watch(tick.run, duration, Telemetry("reconciler"), tick.clock)


def test_a_watch_of_no_length_is_one_tick() -> None:
    tick = CountingTick(ManualClock(), again=SECOND)
    run(tick, timedelta(0))
    assert tick.ran_at == [0.0]


@pytest.mark.parametrize(("error", "tries"), [(BeingListed, 6), (Throttled, 1)])
def test_a_watch_of_no_length_waits_for_the_listing_of_another_controller_and_for_no_budget(
    error: type[Throttled], tries: int
) -> None:
    """Timers of the same second: the other one would be ahead at every firing."""
    tick = CountingTick(ManualClock())
    tick.held_back = {"errors": (error("not now", SECOND),)}
    run(tick, timedelta(0))
    assert tick.ran_at == [float(second) for second in range(tries)], "and not for ever"


def test_it_ticks_again_when_the_plan_says_so_and_ends_before_the_next_timer() -> None:
    tick = CountingTick(ManualClock(), again=4 * SECOND)
    run(tick, 10 * SECOND)
    assert tick.ran_at == [0.0, 4.0, 8.0]


def test_without_anything_to_look_at_again_it_ends_at_once() -> None:
    tick = CountingTick(ManualClock())
    run(tick, 10 * SECOND)
    assert (tick.ran_at, tick.clock.monotonic()) == ([0.0], 0.0)


def test_a_failed_tick_is_one_line_and_the_next_one_works(caplog: pytest.LogCaptureFixture) -> None:
    away = Unreachable("Redis at 127.0.0.1:6379 does not answer")
    tick = CountingTick(ManualClock(), 1 * SECOND, away, away)
    run(tick, 3 * SECOND)
    assert tick.ran_at == [0.0, 1.0, 2.0, 3.0]
    assert [read(line.getMessage())[0] for line in caplog.records] == [f"tick failed: {away}"]


def test_a_watch_whose_last_tick_failed_fails_so_that_the_invocation_does() -> None:
    tick = CountingTick(ManualClock(), None, Unreachable("away"))
    with pytest.raises(Unreachable):
        run(tick, timedelta(0))


def test_a_watch_that_waits_for_a_budget_has_not_failed() -> None:
    tick = CountingTick(ManualClock(), None, Throttled("no budget now", SECOND))
    run(tick, timedelta(0))
    assert tick.ran_at == [0.0]


def test_a_failure_is_not_forgotten_while_the_watch_waits_for_a_budget() -> None:
    held = [Throttled("no budget for list requests now", 30 * SECOND)] * 2
    tick = CountingTick(ManualClock(), None, Unreachable("503"), *held)
    with pytest.raises(Unreachable, match="503"):
        run(tick, 40 * SECOND)
    assert tick.ran_at == [0.0, 1.0, 31.0]


def test_a_look_that_was_held_back_is_tried_again_when_its_gate_opens() -> None:
    tick = CountingTick(ManualClock())
    tick.held_back = {"errors": (Throttled("no budget for list requests now", 12 * SECOND), Unreachable("away"))}
    run(tick, 25 * SECOND)
    assert tick.ran_at == [0.0, 12.0, 24.0]


def test_an_order_that_was_held_back_is_tried_again_when_its_gate_opens() -> None:
    tick = CountingTick(ManualClock(), again=20 * SECOND)
    step = Step(why=Why.NEW_AT_REST, order=Mark(ref=ref(), etag=None, rests_on=ASKED))
    held = Outcome(step=step, result=Result.FAILED, error=Throttled("no budget for mark requests now", 12 * SECOND))
    tick.held_back = {"outcomes": (Outcome(step=step, result=Result.DONE), held)}
    run(tick, 25 * SECOND)
    assert tick.ran_at == [0.0, 12.0, 24.0]


def test_a_tick_that_nothing_but_a_gate_ended_is_tried_again_when_the_gate_opens() -> None:
    held = Throttled("no budget now", 12 * SECOND)
    tick = CountingTick(ManualClock(), None, held, held)
    run(tick, 25 * SECOND)
    assert tick.ran_at == [0.0, 12.0, 24.0]


def test_a_missing_scale_set_fails_the_watch_at_its_end_and_does_not_slow_it_down() -> None:
    clock, missing = ManualClock(), Missing("404 ResourceNotFound")

    class Misses(CountingTick):
        def run(self) -> Report:
            return replace(super().run(), errors=(missing,) if len(self.ran_at) == 1 else ())

    tick = Misses(clock, SECOND)
    with pytest.raises(Missing):
        run(tick, 2 * SECOND)
    assert tick.ran_at == [0.0, 1.0, 2.0]


# -- the starter's watch: what is reserved is started within a moment, whatever else is being looked at or started

PATIENCE = 60.0  # real seconds, until a test that waits for another thread has failed
type Probe = Callable[[], frozenset[VmId]]


class AtOnce(Executor):
    """The same thread."""

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = Future[Any]()
        try:
            future.set_result(call(*args, **kwargs))
        except ScalerError as error:
            future.set_exception(error)
        return future


def nobody() -> frozenset[VmId]:
    return frozenset()


class Watched:
    """A watch over two kinds of ticks on one clock, all on this thread."""

    def __init__(self, probe: Probe | None = None, *failures: ScalerError | None) -> None:
        self.clock = ManualClock()
        self.starts, self.rest = CountingTick(self.clock, None, *failures), CountingTick(self.clock)
        self.probe = probe or nobody

    def run(self, duration: timedelta) -> None:
        lanes = Lane([self.starts.run], AtOnce().submit), Lane([self.rest.run], AtOnce().submit)
        StartersWatch(*lanes, Telemetry("starter"), self.clock, self.probe).run(duration)

    def reserved_from(self, moment: float) -> None:
        self.probe = lambda: frozenset({VmId("a")}) if self.clock.monotonic() >= moment else frozenset()


def test_a_watch_of_no_length_is_one_tick_of_each_kind() -> None:
    watched = Watched()
    watched.run(timedelta(0))
    assert (watched.starts.ran_at, watched.rest.ran_at) == ([0.0], [0.0])


def test_a_new_reservation_is_acted_on_within_250_milliseconds() -> None:
    watched = Watched()
    watched.reserved_from(3.1)
    watched.run(9.5 * SECOND)
    assert watched.starts.ran_at[0] == 0.0
    assert len(watched.starts.ran_at) == 2
    assert 3.1 <= watched.starts.ran_at[1] <= 3.1 + 0.25


def test_a_reservation_that_goes_away_needs_no_tick() -> None:
    watched = Watched()
    watched.probe = lambda: frozenset({VmId("a")}) if watched.clock.monotonic() < 3 else frozenset()
    watched.run(9.5 * SECOND)
    assert watched.starts.ran_at == [0.0]


def test_what_was_started_is_looked_at_when_its_start_said_so() -> None:
    watched = Watched()
    watched.starts.again = 5 * SECOND
    watched.run(9.5 * SECOND)
    assert watched.rest.ran_at[0] == 0.0
    assert 5.0 <= watched.rest.ran_at[1] <= 5.5


def test_the_rest_is_not_looked_at_again_when_the_next_timer_is_near() -> None:
    watched = Watched()
    watched.rest.again = 4 * SECOND
    watched.run(9.5 * SECOND)
    assert len(watched.rest.ran_at) == 3
    assert watched.clock.monotonic() <= 9.5


def test_a_failing_probe_is_a_failed_tick_and_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched()

    def probe() -> frozenset[VmId]:
        if watched.clock.monotonic() < 2:
            raise Unreachable("Redis does not answer")
        return frozenset()

    watched.probe = probe
    watched.run(4 * SECOND)
    assert watched.starts.ran_at == [2.0]
    (line,) = caplog.messages
    assert line.startswith("tick failed: Redis does not answer")


def test_a_failed_tick_is_one_line_and_is_tried_again_after_a_second(caplog: pytest.LogCaptureFixture) -> None:
    away = Unreachable("ARM does not answer")
    watched = Watched(None, away, away)
    watched.run(4 * SECOND)
    assert [round(each) for each in watched.starts.ran_at] == [0, 1, 2]
    (line,) = caplog.messages
    assert line.startswith(f"tick failed: {away}")


def test_a_tick_that_a_gate_ended_is_tried_again_when_the_gate_opens() -> None:
    watched = Watched(None, Throttled("no budget now", 3 * SECOND))
    watched.run(5 * SECOND)
    assert [round(each) for each in watched.starts.ran_at] == [0, 3]


def test_a_starters_watch_whose_last_tick_failed_fails_so_that_the_invocation_does() -> None:
    with pytest.raises(Unreachable):
        Watched(None, Unreachable("away")).run(timedelta(0))


def test_a_failed_start_is_not_forgotten_while_the_watch_waits_for_a_budget() -> None:
    with pytest.raises(Unreachable, match="503"):
        Watched(None, Unreachable("503"), Throttled("no budget now", 30 * SECOND)).run(3 * SECOND)


def test_a_starters_watch_that_waits_for_a_budget_has_not_failed() -> None:
    Watched(None, Throttled("no budget now", SECOND)).run(timedelta(0))


class Slow:
    """A tick that goes on until a newcomer has been started."""

    def __init__(self) -> None:
        self.begun, self.started = Event(), Event()
        self.saw_the_start: list[bool] = []

    def run(self) -> Report:
        self.begun.set()
        self.saw_the_start.append(self.started.wait(PATIENCE))
        return Report(plan=Plan())

    def probe(self) -> frozenset[VmId]:
        return frozenset({VmId("a")}) if self.begun.is_set() else frozenset()


class Starting:
    """A tick that starts whoever came while the slow one was under way."""

    def __init__(self, slow: Slow) -> None:
        self._slow = slow

    def run(self) -> Report:
        if self._slow.begun.is_set():
            self._slow.started.set()
        return Report(plan=Plan())


@pytest.mark.parametrize("slow_one", ["a look at the rest", "another start"])
@pytest.mark.parametrize("duration", [9.5 * SECOND, timedelta(0)], ids=["in the middle", "at the end of the watch"])
def test_a_reservation_is_started_while_a_slow_tick_is_under_way(slow_one: str, duration: timedelta) -> None:
    clock, slow = ManualClock(), Slow()
    starts: list[Run] = [slow.run, Starting(slow).run] if slow_one == "another start" else [Starting(slow).run]
    rest: Run = CountingTick(clock).run if slow_one == "another start" else slow.run
    with ThreadPoolExecutor(3) as threads:
        lanes = Lane(starts, threads.submit), Lane([rest], threads.submit)
        StartersWatch(*lanes, Telemetry("starter"), clock, slow.probe).run(duration)
    assert slow.saw_the_start == [True]
