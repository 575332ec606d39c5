"""Who comes when: the same crowd for the same seed, with some of every kind."""

from dataclasses import replace
from itertools import islice
from statistics import mean

from simulator.happenings import Manner
from simulator.visits import Habits, Visit, visits

HABITS = Habits(per_minute=60, speed=20, session_limit=180)


def crowd(seed: int = 1, habits: Habits = HABITS, size: int = 2000) -> list[Visit]:
    return list(islice(visits(seed, habits), size))


def test_a_seed_brings_the_same_crowd_again_and_another_one_another() -> None:
    assert crowd(1, size=50) == crowd(1, size=50)
    assert crowd(1, size=50) != crowd(2, size=50)


def test_they_come_at_the_rate_that_was_asked_for_and_the_first_ones_faster() -> None:
    gaps = [each.gap for each in crowd()]
    assert 0.9 < mean(gaps[10:]) < 1.1
    assert mean(each.gap for seed in range(200) for each in crowd(seed, size=10)) < 0.4


def test_nobody_comes_if_none_are_wanted() -> None:
    assert crowd(habits=Habits(per_minute=0, speed=20, session_limit=180)) == []


def test_there_are_some_of_every_kind() -> None:
    found = crowd()
    assert 0.25 < mean(each.manner is Manner.NAIVE for each in found) < 0.35
    assert 0.05 < mean(each.patience < 5 for each in found) < 0.12
    assert 0.02 < mean(not each.releases for each in found) < 0.06


def test_one_may_come_whose_queue_manager_writes_no_session_id() -> None:
    found = crowd(habits=replace(HABITS, nameless=3), size=50)
    assert [each.number for each in found if each.manner is Manner.NAMELESS] == [3]
    others = [(mine, plain) for mine, plain in zip(found, crowd(size=50), strict=True) if mine.number != 3]
    assert all(mine == plain for mine, plain in others)


def test_nobody_means_to_stay_until_their_limit_but_those_who_never_leave() -> None:
    assert max(each.stay for each in crowd(habits=Habits(per_minute=60, speed=20, session_limit=2))) <= 1.6


def test_without_a_limit_everybody_leaves() -> None:
    assert all(each.releases for each in crowd(habits=Habits(per_minute=60, speed=20, session_limit=0)))


def test_everybody_has_a_name_of_their_own() -> None:
    assert len({each.session for each in crowd()}) == 2000
