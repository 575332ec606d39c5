"""A clock that stands still while any part is away."""

from datetime import timedelta

from clock import ManualClock

from simulator.chaos_real.mischief import Lane
from simulator.chaos_real.outages import Outages


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def test_outages_that_overlap_count_once() -> None:
    clock = ManualClock()
    start, outages = clock.now(), Outages(clock.now)
    clock.advance(seconds(10))
    with outages.of(Lane.REDIS):
        clock.advance(seconds(2))
        with outages.of(Lane.ARM):
            clock.advance(seconds(3))
        clock.advance(seconds(1))
    clock.advance(seconds(4))
    assert outages.calm(clock.now()) == start + seconds(14)


def test_a_moment_before_or_within_an_outage_keeps_its_place() -> None:
    clock = ManualClock()
    start, outages = clock.now(), Outages(clock.now)
    with outages.of(Lane.HOSTS):
        clock.advance(seconds(5))
        assert outages.away(Lane.HOSTS)
        assert not outages.away(Lane.ARM)
        assert outages.calm(clock.now()) == start
    assert outages.calm(start - seconds(1)) == start - seconds(1)
    assert outages.calm(start + seconds(3)) == start
    assert outages.calm(start + seconds(6)) == start + seconds(1)


def test_the_same_part_may_be_away_again() -> None:
    clock = ManualClock()
    start, outages = clock.now(), Outages(clock.now)
    for _ in range(3):
        with outages.of(Lane.REDIS):
            clock.advance(seconds(1))
        clock.advance(seconds(2))
    assert outages.calm(clock.now()) == start + seconds(6)
