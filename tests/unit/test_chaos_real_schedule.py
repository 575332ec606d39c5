"""What is broken when: from the seed alone, with something of everything, and never beyond what is promised."""

from itertools import pairwise

import pytest

from simulator.chaos_real.mischief import DECKS, Lane, Mischief, Prank
from simulator.chaos_real.schedule import MAY_FORGET, schedule

SEEDS = range(200)


def ends(prank: Prank) -> float:
    lag = prank.detail if prank.what is Mischief.REDIS_FAILED_OVER else 0.0
    return prank.at + lag + prank.lasts


def test_the_same_seed_breaks_the_same_things_and_another_one_others() -> None:
    assert schedule(7, 120, 20) == schedule(7, 120, 20)
    assert schedule(7, 120, 20) != schedule(8, 120, 20)


def test_a_longer_run_begins_like_a_shorter_one() -> None:
    long, short = schedule(7, 120, 20), schedule(7, 30, 20)
    assert all(long[lane][: len(short[lane])] == short[lane] for lane in Lane)


def test_two_minutes_have_everything_in_them() -> None:
    for seed in SEEDS:
        happened = {each.what for pranks in schedule(seed, 120, 20).values() for each in pranks}
        assert happened == set(Mischief), seed


def test_within_a_lane_one_thing_comes_after_the_other_and_all_are_over_in_time() -> None:
    for pranks in (each for seed in SEEDS for each in schedule(seed, 60, 20).values()):
        assert all(ends(before) < after.at for before, after in pairwise(pranks))
        assert all(ends(each) <= 60 for each in pranks)


@pytest.mark.parametrize("speed", [1, 5, 20, 40])
def test_two_forgetful_redises_are_further_apart_than_is_promised_to_be_survived(speed: float) -> None:
    for seed in SEEDS:
        pranks = schedule(seed, 600, speed)[Lane.REDIS]
        overs = [each for each in pranks if each.what in {Mischief.REDIS_FAILED_OVER, Mischief.REDIS_KILLED}]
        assert all(after.at - ends(before) > MAY_FORGET / speed for before, after in pairwise(overs))
        assert all(each.detail < MAY_FORGET / speed for each in overs)


def test_most_failovers_forget_something_and_some_nothing() -> None:
    pranks = [each for seed in SEEDS for each in schedule(seed, 60, 20)[Lane.REDIS]]
    forgotten = [each.detail > 0 for each in pranks if each.what is Mischief.REDIS_FAILED_OVER]
    assert 0.5 < sum(forgotten) / len(forgotten) < 0.9


def test_every_mischief_is_dealt_in_exactly_one_lane() -> None:
    assert {each: sum(each in deck for deck in DECKS.values()) for each in Mischief} == dict.fromkeys(Mischief, 1)
