"""The schedule carried out: in its order, at its time, with an end to it, and a word when something stays broken."""

from threading import Event

from simulator.chaos_real.lanes import Lanes
from simulator.chaos_real.mischief import Lane, Mischief, Prank
from simulator.chaos_real.outages import Outages
from simulator.chaos_real.stage import Stage
from simulator.clock import RunClock
from simulator.parts.setup_failed import SetupFailed

CUT, SLOW = Mischief.ARM_CUT, Mischief.REDIS_SLOW


def prank(what: Mischief, at: float) -> Prank:
    return Prank(what=what, at=at, lasts=0.5, detail=0.1)


def stage(over: Event) -> Stage:
    clock = RunClock()
    return Stage(clock, Outages(clock.now), over)


def test_each_lane_does_its_things_in_their_order_and_counts_them() -> None:
    done: list[tuple[Mischief, float, float]] = []
    on = stage(Event())
    deeds = {each: lambda lasts, detail, each=each: done.append((each, lasts, detail)) for each in (CUT, SLOW)}
    lanes = Lanes({Lane.ARM: (prank(CUT, 0.0), prank(SLOW, 0.02), prank(CUT, 0.04))}, deeds, on)
    lanes.begin()
    lanes.join()
    assert lanes.done
    assert done == [(CUT, 0.5, 0.1), (SLOW, 0.5, 0.1), (CUT, 0.5, 0.1)]
    assert on.survived == {CUT: 2, SLOW: 1}
    assert on.seconds >= 0.04


def test_what_has_not_begun_when_all_is_over_never_begins() -> None:
    over = Event()
    on = stage(over)
    lanes = Lanes({Lane.ARM: (prank(CUT, 3600.0),)}, {CUT: lambda *_: None}, on)
    lanes.begin()
    assert not lanes.done
    over.set()
    lanes.join()
    assert on.survived == {}


def test_where_there_was_nothing_to_break_nothing_was_survived() -> None:
    on = stage(Event())
    lanes = Lanes({Lane.ARM: (prank(CUT, 0.0), prank(SLOW, 0.0))}, {CUT: lambda *_: False, SLOW: lambda *_: None}, on)
    lanes.begin()
    lanes.join()
    assert on.survived == {SLOW: 1}


def test_what_cannot_be_mended_is_said_and_ends_its_lane() -> None:
    def break_down(*_: float) -> None:
        raise SetupFailed("redis-server two does not answer")

    on = stage(Event())
    lanes = Lanes({Lane.REDIS: (prank(SLOW, 0.0), prank(SLOW, 0.0))}, {SLOW: break_down}, on)
    lanes.begin()
    lanes.join()
    assert on.failure == "Redis slow, and then it could not be mended: redis-server two does not answer"
    assert on.survived == {}


def test_lanes_that_were_never_begun_can_be_waited_for() -> None:
    Lanes({Lane.REDIS: (prank(SLOW, 0.0),)}, {}, stage(Event())).join()
