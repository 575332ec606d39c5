"""A watch: ticks when due, and after a failure."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clock import ManualClock

from scaler.actuate import Outcome, Result
from scaler.errors import Missing, ScalerError, Throttled, Unreachable
from scaler.model.instance import InstanceId, InstanceRef, ScaleSetName, VmId
from scaler.model.plan import Mark, Plan, Step, Why
from scaler.model.sighting import Method, Sighting
from scaler.report import Report
from scaler.telemetry import Telemetry, read
from scaler.watch import Watch

SECOND = timedelta(seconds=1)


REF = InstanceRef(scale_set=ScaleSetName("vmss"), instance_id=InstanceId("1"), vm_id=VmId("a"))
LOOK = Sighting(
    scale_set=REF.scale_set,
    unique_id="u",
    at=datetime(2026, 1, 1, tzinfo=UTC),
    sent=0.0,
    by=Method.TARGETED,
    complete=True,
    plausible=True,
    consent=True,
    capacity=1,
    etag=None,
)


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


def watch(tick: CountingTick) -> Watch:
    return Watch(tick.run, Telemetry("reconciler"), tick.clock)


def test_a_watch_of_no_length_is_one_tick() -> None:
    tick = CountingTick(ManualClock(), again=SECOND)
    watch(tick).run(timedelta(0))
    assert tick.ran_at == [0.0]


def test_it_ticks_again_when_the_plan_says_so_and_ends_before_the_next_timer() -> None:
    tick = CountingTick(ManualClock(), again=4 * SECOND)
    watch(tick).run(10 * SECOND)
    assert tick.ran_at == [0.0, 4.0, 8.0]


def test_without_anything_to_look_at_again_it_ends_at_once() -> None:
    tick = CountingTick(ManualClock())
    watch(tick).run(10 * SECOND)
    assert (tick.ran_at, tick.clock.monotonic()) == ([0.0], 0.0)


def test_a_failed_tick_is_one_line_and_the_next_one_works(caplog: pytest.LogCaptureFixture) -> None:
    away = Unreachable("Redis at 127.0.0.1:6379 does not answer")
    tick = CountingTick(ManualClock(), 1 * SECOND, away, away)
    watch(tick).run(3 * SECOND)
    assert tick.ran_at == [0.0, 1.0, 2.0, 3.0]
    assert [read(line.getMessage())[0] for line in caplog.records] == [f"tick failed: {away}"]


def test_a_watch_whose_last_tick_failed_fails_so_that_the_invocation_does() -> None:
    tick = CountingTick(ManualClock(), None, Unreachable("away"))
    with pytest.raises(Unreachable):
        watch(tick).run(timedelta(0))


def test_a_watch_that_waits_for_a_budget_has_not_failed() -> None:
    tick = CountingTick(ManualClock(), None, Throttled("no budget now", SECOND))
    watch(tick).run(timedelta(0))
    assert tick.ran_at == [0.0]


def test_a_failure_is_not_forgotten_while_the_watch_waits_for_a_budget() -> None:
    held = [Throttled("no budget for list requests now", 30 * SECOND)] * 2
    tick = CountingTick(ManualClock(), None, Unreachable("503"), *held)
    with pytest.raises(Unreachable, match="503"):
        watch(tick).run(40 * SECOND)
    assert tick.ran_at == [0.0, 1.0, 31.0]


def test_a_look_that_was_held_back_is_tried_again_when_its_gate_opens() -> None:
    tick = CountingTick(ManualClock())
    tick.held_back = {"errors": (Throttled("no budget for list requests now", 12 * SECOND), Unreachable("away"))}
    watch(tick).run(25 * SECOND)
    assert tick.ran_at == [0.0, 12.0, 24.0]


def test_an_order_that_was_held_back_is_tried_again_when_its_gate_opens() -> None:
    tick = CountingTick(ManualClock(), again=20 * SECOND)
    step = Step(why=Why.NEW_AT_REST, order=Mark(ref=REF, etag=None, rests_on=LOOK))
    held = Outcome(step=step, result=Result.FAILED, error=Throttled("no budget for mark requests now", 12 * SECOND))
    tick.held_back = {"outcomes": (Outcome(step=step, result=Result.DONE), held)}
    watch(tick).run(25 * SECOND)
    assert tick.ran_at == [0.0, 12.0, 24.0]


def test_a_tick_that_nothing_but_a_gate_ended_is_tried_again_when_the_gate_opens() -> None:
    held = Throttled("no budget now", 12 * SECOND)
    tick = CountingTick(ManualClock(), None, held, held)
    watch(tick).run(25 * SECOND)
    assert tick.ran_at == [0.0, 12.0, 24.0]


def test_a_missing_scale_set_fails_the_watch_at_its_end_and_does_not_slow_it_down() -> None:
    clock, missing = ManualClock(), Missing("404 ResourceNotFound")

    class Misses(CountingTick):
        def run(self) -> Report:
            return replace(super().run(), errors=(missing,) if len(self.ran_at) == 1 else ())

    tick = Misses(clock, SECOND)
    with pytest.raises(Missing):
        watch(tick).run(2 * SECOND)
    assert tick.ran_at == [0.0, 1.0, 2.0]
