"""What is broken when: from the seed alone, with something of everything, and never beyond what is promised."""

from itertools import pairwise

import pytest

from simulator.chaos_real.faults import DECKS, MAY_FORGET, Fault, Injection, Target, schedule

SEEDS = range(200)


def ends(injection: Injection) -> float:
    return injection.at + injection.lag + injection.lasts


def test_the_same_seed_breaks_the_same_things_and_another_one_others() -> None:
    assert schedule(7, 120, 20) == schedule(7, 120, 20)
    assert schedule(7, 120, 20) != schedule(8, 120, 20)


def test_a_longer_run_begins_like_a_shorter_one() -> None:
    long, short = schedule(7, 120, 20), schedule(7, 30, 20)
    assert all(long[target][: len(short[target])] == short[target] for target in Target)


def test_two_minutes_have_everything_in_them() -> None:
    for seed in SEEDS:
        happened = {each.what for injections in schedule(seed, 120, 20).values() for each in injections}
        assert happened == set(Fault), seed


def test_on_one_target_one_thing_comes_after_the_other_and_all_are_over_in_time() -> None:
    for injections in (each for seed in SEEDS for each in schedule(seed, 60, 20).values()):
        assert all(ends(before) < after.at for before, after in pairwise(injections))
        assert all(ends(each) <= 60 for each in injections)


@pytest.mark.parametrize("speed", [1, 5, 20, 40])
def test_two_forgetful_redises_are_further_apart_than_is_promised_to_be_survived(speed: float) -> None:
    for seed in SEEDS:
        injections = schedule(seed, 600, speed)[Target.REDIS]
        overs = [each for each in injections if each.what in {Fault.REDIS_FAILED_OVER, Fault.REDIS_KILLED}]
        assert all(after.at - ends(before) > MAY_FORGET / speed for before, after in pairwise(overs))
        assert all(each.lag < MAY_FORGET / speed for each in overs)


def test_most_failovers_forget_something_and_some_nothing() -> None:
    injections = [each for seed in SEEDS for each in schedule(seed, 60, 20)[Target.REDIS]]
    forgotten = [each.lag > 0 for each in injections if each.what is Fault.REDIS_FAILED_OVER]
    assert 0.5 < sum(forgotten) / len(forgotten) < 0.9


def test_every_fault_is_dealt_to_exactly_one_target() -> None:
    assert {each: sum(each in deck for deck in DECKS.values()) for each in Fault} == dict.fromkeys(Fault, 1)
