"""What may be asked of the campaigns."""

from collections.abc import Sequence
from datetime import date

import pytest

from simulator.chaos.breaks import PLANTED
from simulator.chaos.options import ALL, MANY, BadUsage, Options, seed_of
from simulator.chaos.options import read as read_on
from simulator.chaos.weather import WEATHERS

TODAY = date(2026, 11, 29)


def read(words: Sequence[str]) -> Options:
    return read_on(words, TODAY)


def test_without_a_seed_a_day_has_campaigns_of_its_own_and_a_planted_bug_always_the_same() -> None:
    assert read([]).first == read(["--for", "5s"]).first == 20261129000 == seed_of(TODAY)
    assert read_on([], date(2026, 11, 30)).first == 20261130000
    assert read(["--seed", "0", "--seeds", "9"]).first == 0
    assert read(["--break", "spop-reserved"]).first == read(["--break", "all"]).first == 0


def test_nothing_asked_is_many_seeds_over_all_weathers() -> None:
    options = read([])
    assert (options.seeds, options.seconds, options.first) == (MANY, None, seed_of(TODAY))
    assert options.weathers == tuple(WEATHERS)
    assert options.jobs >= 1


def test_a_time_is_enough() -> None:
    options = read(["--for", "1.5m"])
    assert (options.seeds, options.seconds) == (None, 90.0)


def test_rounds_are_so_many_campaigns_in_every_weather() -> None:
    assert read(["--seed", "0", "--rounds", "2"]).seeds == 2 * len(WEATHERS)
    assert read(["--rounds", "1"]).weathers == tuple(WEATHERS)
    assert read(["--weather", "doubled", "--rounds", "3"]).seeds == 3


def test_a_planted_bug_has_its_rounds_in_the_weathers_that_it_prefers() -> None:
    options = read(["--break", "blind-writes", "--rounds", "2"])
    assert options.seeds == 2 * len(PLANTED["blind-writes"].weathers)


def test_seeds_and_a_time_hold_both() -> None:
    options = read(["--seeds=20", "--for=10s"])
    assert (options.seeds, options.seconds) == (20, 10.0)


def test_one_seed_is_replayed_in_the_weather_it_had_its_turn_in() -> None:
    second = tuple(WEATHERS)[1]
    assert read(["--seed", "1"]).weathers == (second,)
    assert read(["--seed", "1"]).seeds == 1


def test_a_seed_to_begin_with_goes_through_the_weathers() -> None:
    options = read(["--seed", "7", "--seeds", "3"])
    assert (options.first, options.seeds, options.weathers) == (7, 3, tuple(WEATHERS))


def test_part_of_a_weathers_name_is_enough() -> None:
    assert read(["--weather", "doubled"]).weathers == ("late and doubled orders",)


def test_a_whole_name_wins_over_those_that_contain_it() -> None:
    assert read(["--weather", "a failover"]).weathers == ("a failover",)
    assert read(["--weather", "Unruly queue managers"]).weathers == ("unruly queue managers",)


def test_a_bug_is_planted_in_the_weathers_it_prefers() -> None:
    for name, planted in PLANTED.items():
        assert read(["--break", name]).weathers == (planted.weathers or tuple(WEATHERS))


def test_every_preferred_weather_exists() -> None:
    assert {each for planted in PLANTED.values() for each in planted.weathers} <= WEATHERS.keys()


@pytest.mark.parametrize(
    ("words", "mistake"),
    [
        (["--sedes", "3"], "unrecognized arguments: --sedes 3"),
        (["faster"], "unrecognized arguments: faster"),
        (["--seeds"], "argument --seeds: expected one argument"),
        (["--seeds", "0"], "argument --seeds: 0: a whole number of at least 1"),
        (["--seeds", "many"], "argument --seeds: many: a whole number"),
        (["--seed", "-1"], "argument --seed: -1: a whole number of at least 0"),
        (["--jobs", "0"], "argument --jobs: 0: a whole number of at least 1"),
        (["--for", "soon"], "argument --for: soon: a time like 60s"),
        (["--for", "0s"], "argument --for: 0s: a time like 60s"),
        (["--weather", "hail"], "argument --weather: hail: there is none of that name"),
        (["--weather", "failover"], "argument --weather: failover: which of these?"),
        (["--break", "everything"], "argument --break: everything: there is none of that name"),
    ],
)
def test_a_mistake_is_named(words: list[str], mistake: str) -> None:
    with pytest.raises(BadUsage) as caught:
        read(words)
    assert mistake in str(caught.value)


def test_every_bug_may_be_asked_for_at_once() -> None:
    options = read(["--break", "all", "--seeds", "100"])
    assert (options.planted, options.seeds) == (ALL, 100)
    assert options.weathers == tuple(WEATHERS)
