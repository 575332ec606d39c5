"""How a controller fares, by what is heard of it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from simulator_builders import second

from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.plan import Why
from simulator.happenings import Happening, Ticked, Told, Trouble
from simulator.live.frame import Health, Round
from simulator.live.rounds import Rounds

STEP = Told(at=second(1), event="step", controller="cleaner", why="used", result="done")
HELD = replace(STEP, event="held", why=Why.BREAKER, result="")
FAILED = replace(STEP, event="tick_failed", why="tick failed: Redis is away", result="")
TICKED = Ticked(at=second(1), controller="cleaner")
CRASHED = Trouble(at=second(1), what="cleaner: function failed: ValueError: no such thing", controller="cleaner")
EVERY = 2.0  # seconds between two firings; twice that and a second of slack is too long a silence


def rounds(*off: Actor) -> Rounds:
    return Rounds({name: timedelta(seconds=EVERY) for name in CONTROLLERS}, frozenset(off), speed=20)


def cleaner(found: Rounds, seconds: float) -> Round:
    (row,) = [each for each in found.at(seconds, {"cleaner": 3.5}) if each.name == "cleaner"]
    return row


def after(*happenings: Happening, at: float = 10.0, now: float = 10.0) -> Round:
    found = rounds()
    for each in happenings:
        found.see(each, at)
    return cleaner(found, now)


def test_what_it_did_what_waited_and_what_failed_is_counted() -> None:
    row = after(STEP, STEP, replace(STEP, result="lost race"), HELD, replace(STEP, result="failed"), FAILED)
    assert (row.steps, row.waited, row.failed) == (2, 1, 2)


@pytest.mark.parametrize("sign", [STEP, HELD, FAILED, TICKED, CRASHED])
def test_whatever_is_heard_of_it_is_a_sign_of_life(sign: Happening) -> None:
    assert after(sign).ticked == timedelta(0)


def test_a_call_to_arm_is_one_too_and_others_do_not_matter() -> None:
    found = rounds()
    found.called("arm", 10)
    found.see(Trouble(at=second(1), what="Redis does not answer"), 10)
    assert cleaner(found, 10).ticked is None
    found.called("cleaner", 10)
    assert cleaner(found, 10).ticked == timedelta(0)


@pytest.mark.parametrize(
    ("happening", "health"),
    [
        (STEP, Health.WELL),
        (replace(STEP, result="lost race"), Health.WELL),
        (HELD, Health.WAITING),
        (replace(HELD, alarm=True), Health.HELD),
        (replace(HELD, event="complaint"), Health.HELD),
        (replace(HELD, event="would"), Health.WELL),
        (replace(HELD, why=Why.PAUSED), Health.PAUSED),
        (FAILED, Health.FAILED),
        (replace(STEP, result="expired"), Health.FAILED),
        (CRASHED, Health.FAILED),
    ],
)
def test_its_health_is_that_of_what_was_not_done_lately(happening: Happening, health: Health) -> None:
    assert after(happening).health is health


@pytest.mark.parametrize(("ago", "health"), [(2.9, Health.WAITING), (3.0, Health.WAITING), (3.1, Health.WELL)])
def test_what_waited_is_forgiven_after_a_firing_without(ago: float, health: Health) -> None:
    found = rounds()
    found.see(HELD, 10)
    found.see(TICKED, 10 + ago)
    assert cleaner(found, 10 + ago).health is health
    assert cleaner(found, 10 + ago).why == Why.BREAKER


@pytest.mark.parametrize(("ago", "health"), [(4.9, Health.WELL), (5.0, Health.WELL), (5.1, Health.SILENT)])
def test_silence_for_more_than_two_firings_shows(ago: float, health: Health) -> None:
    assert after(TICKED, now=10 + ago).health is health


@pytest.mark.parametrize(("seconds", "health"), [(0, Health.STARTING), (5.0, Health.STARTING), (5.1, Health.SILENT)])
def test_so_does_one_that_never_ticks(seconds: float, health: Health) -> None:
    row = cleaner(rounds(), seconds)
    assert (row.health, row.ticked) == (health, None)


def test_a_tick_that_failed_is_not_counted_again_when_its_function_fails_with_the_same_words() -> None:
    again = replace(CRASHED, what="cleaner: function failed: Unreachable: Redis is away")
    assert after(FAILED, again).failed == 1
    assert after(FAILED, again).why == "Redis is away"
    assert after(FAILED, CRASHED).failed == 2
