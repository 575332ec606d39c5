"""What the user may choose, and what a run under faults comes to."""

import json

import pytest
from simulator_builders import START

from simulator.chaos_real.command_line import options
from simulator.chaos_real.faults import Fault
from simulator.chaos_real.report import Report
from simulator.figures import Figures
from simulator.observer.wrong import Kind, Wrong
from simulator.options import InvalidOptions

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


@pytest.mark.parametrize(("name", "text"), [("for", "soon"), ("seed", "x"), ("speed", "0"), ("visitors", "many")])
def test_what_cannot_be_used_is_named(name: str, text: str) -> None:
    with pytest.raises(InvalidOptions, match=f"{name.upper()}: '{text}' cannot be used"):
        options([f"--{name}", text], {})


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
