"""Faults of real parts: their schedule, how it is carried out, what may be chosen, and what a run comes to."""

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from threading import Event

import pytest
from simulator_builders import START

from simulator.chaos_real.command_line import options
from simulator.chaos_real.faults import DECKS, MAY_FORGET, Fault, Injection, Target, schedule
from simulator.chaos_real.injector import Breaking, Injector
from simulator.chaos_real.report import Report
from simulator.clock import WallClock
from simulator.figures import Figures
from simulator.observer.wrong import Kind, Wrong
from simulator.parts.environment import SetupFailed

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


CUT, SILENT = Fault.ARM_CUT, Fault.ARM_SILENT


def injection(what: Fault, at: float) -> Injection:
    return Injection(what=what, at=at, lasts=0.5)


def carried_out(injections: Sequence[Injection], ways: Mapping[Fault, Breaking]) -> Injector:
    """To their end."""
    injector = Injector(WallClock(), Event())
    injector.begin({Target.ARM: injections}, ways)
    injector.join()
    assert injector.done
    return injector


def test_each_target_gets_its_faults_in_their_order_and_they_are_counted() -> None:
    done: list[Injection] = []
    injections = (injection(CUT, 0.0), injection(SILENT, 0.02), injection(CUT, 0.04))
    injector = carried_out(injections, {CUT: done.append, SILENT: done.append})
    assert tuple(done) == injections
    assert injector.survived == {CUT: 2, SILENT: 1}
    assert injector.seconds >= 0.04


def test_what_has_not_begun_when_all_is_over_never_begins() -> None:
    over = Event()
    injector = Injector(WallClock(), over)
    injector.begin({Target.ARM: (injection(CUT, 3600.0),)}, {CUT: lambda _: None})
    assert not injector.done
    over.set()
    injector.join()
    assert injector.survived == {}


def test_where_there_was_nothing_to_break_nothing_was_survived() -> None:
    injections = (injection(CUT, 0.0), injection(SILENT, 0.0))
    assert carried_out(injections, {CUT: lambda _: False, SILENT: lambda _: None}).survived == {SILENT: 1}


def test_what_cannot_be_mended_is_said_and_ends_the_faults_of_that_target() -> None:
    def break_down(_: Injection) -> None:
        raise SetupFailed("redis-server two does not answer")

    injector = carried_out((injection(CUT, 0.0), injection(CUT, 0.0)), {CUT: break_down})
    assert injector.failure == "ARM connections cut, and then it could not be mended: redis-server two does not answer"
    assert (injector.survived, injector.broken) == ({}, set())


def test_faults_that_were_never_begun_can_be_waited_for() -> None:
    Injector(WallClock(), Event()).join()


WRONG = Wrong(kind=Kind.LOST, at=START, why="nobody knows", session="ann")


def test_without_a_choice_it_breaks_things_for_two_minutes() -> None:
    chosen = options([], {})
    assert (chosen.seconds, chosen.speed, chosen.seed, chosen.json) == (120, 20, 1, False)
    assert chosen.visitors_per_minute == 16


def test_an_option_beats_the_variable_of_its_name() -> None:
    chosen = options(["--for", "30s", "--seed=7", "--json"], {"FOR": "1h", "SEED": "3", "SPEED": "10"})
    assert (chosen.seconds, chosen.speed, chosen.seed, chosen.json) == (30, 10, 7, True)
    assert chosen.visitors_per_minute == 8
    assert options([], {"VISITORS": "3"}).visitors_per_minute == 3
    assert options(["--visitors", "4"], {"VISITORS": "3"}).visitors_per_minute == 4


def test_variables_that_make_passes_on_empty_are_not_choices() -> None:
    assert options([], {"FOR": "", "SEED": "", "JSON": ""}).seconds == 120


def report(*wrongs: Wrong, settled_in: float | None = 12.3, interrupted: bool = False) -> Report:
    return Report(
        seed=7,
        speed=20,
        seconds=60,
        redis="redis-server 7",
        figures=Figures(),
        wrongs=wrongs,
        survived={Fault.HOST_KILLED: 3, Fault.ARM_CUT: 0},
        restarts=4,
        forgettings=2,
        crashes=1,
        failed_ticks=9,
        calls={"starter": 100},
        settled_in=settled_in,
        bound=90,
        left=() if settled_in is not None else ("ab12 is running",),
        interrupted=interrupted,
    )


def test_all_is_well_only_without_wrongs_and_settled() -> None:
    assert report().exit_status == 0
    assert report(WRONG).exit_status == 1
    assert report(settled_in=None).exit_status == 1


def test_the_lines_say_what_was_survived_and_what_was_wrong() -> None:
    found = report(WRONG, settled_in=None)
    lines = dict(found.verdict())
    assert "survived  host killed 3" in found.as_lines()
    assert lines["NOT SETTLED within 90 s:"] is True
    assert lines["          ab12 is running"] is True
    assert lines["reservations lost         1"] is True
    assert any("session ann: nobody knows" in line and wrong for line, wrong in lines.items())
    assert max(map(len, found.as_lines())) <= 120


def test_who_ends_it_early_is_told_that_it_has_not_settled() -> None:
    lines = dict(report(settled_in=None, interrupted=True).verdict())
    assert lines["ended before it had settled:"] is True


def test_the_json_line_has_a_number_for_everything_that_was_broken() -> None:
    found = json.loads(report(WRONG).as_json())
    assert set(found["survived"]) == {each.name.lower() for each in Fault}
    assert (found["survived"]["host_killed"], found["reservations_lost"], found["settled_in_s"]) == (3, 1, 12.3)
