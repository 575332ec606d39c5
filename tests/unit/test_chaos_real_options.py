"""What the user may choose, how a run is reckoned up, and that queue managers crash where they should."""

import json
from random import Random

import pytest
import redis
from simulator_builders import START

from scaler.model.instance import SessionId, VmId
from scaler.registry.sessions import Sight, Stage
from simulator.chaos_real.mischief import Mischief
from simulator.chaos_real.options import options
from simulator.chaos_real.reckoning import Reckoning
from simulator.chaos_real.web_site import Asked, Crashed, WebSite, crashing
from simulator.figures import Figures
from simulator.observer.wrong import Kind, Wrong
from simulator.options import InvalidOptions

WRONG = Wrong(kind=Kind.LOST, at=START, why="nobody knows", session="ann")
ANN = SessionId("ann")


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


def reckoning(*wrongs: Wrong, settled_in: float | None = 12.3, interrupted: bool = False) -> Reckoning:
    return Reckoning(
        seed=7,
        speed=20,
        seconds=60,
        redis="redis-server 7",
        figures=Figures(),
        wrongs=wrongs,
        survived={Mischief.HOST_KILLED: 3, Mischief.ARM_CUT: 0},
        restarts=4,
        forgettings=2,
        crashes=1,
        failed_ticks=9,
        arm_calls=100,
        settled_in=settled_in,
        bound=90,
        left=() if settled_in is not None else ("ab12 is running",),
        strays=0,
        interrupted=interrupted,
    )


def test_all_is_well_only_without_wrongs_and_settled() -> None:
    assert reckoning().exit_status == 0
    assert reckoning(WRONG).exit_status == 1
    assert reckoning(settled_in=None).exit_status == 1


def test_the_lines_say_what_was_survived_and_what_was_wrong() -> None:
    lines = dict(reckoning(WRONG, settled_in=None).as_lines())
    assert lines["survived  host killed 3"] is False
    assert lines["NOT SETTLED within 90 s:"] is True
    assert lines["          ab12 is running"] is True
    assert lines["reservations lost         1"] is True
    assert any("session ann: nobody knows" in line and wrong for line, wrong in lines.items())
    assert max(map(len, lines)) <= 120


def test_who_ends_it_early_is_told_that_it_has_not_settled() -> None:
    lines = dict(reckoning(settled_in=None, interrupted=True).as_lines())
    assert lines["ended before it had settled:"] is True


def test_the_json_line_has_a_number_for_everything_that_was_broken() -> None:
    found = json.loads(reckoning(WRONG).as_json())
    assert set(found["survived"]) == {each.name.lower() for each in Mischief}
    assert (found["survived"]["host_killed"], found["reservations_lost"], found["settled_in_s"]) == (3, 1, 12.3)


class AwayManager:
    """A queue manager whose Redis never answers."""

    def reserve(self, session: SessionId) -> VmId | None:
        raise redis.TimeoutError

    def look(self, session: SessionId, vm_id: VmId) -> Sight:
        return Sight(stage=Stage.UNKNOWN)

    def release(self, session: SessionId, vm_id: VmId) -> None:
        """Nobody hears it."""

    def cancel(self, session: SessionId, vm_id: VmId) -> None:
        """Nobody hears it."""


def test_who_asked_and_was_not_answered_is_remembered_with_the_moment() -> None:
    asked = Asked(lambda: START)
    with pytest.raises(redis.TimeoutError):
        WebSite(AwayManager(), asked).reserve(ANN)
    assert (asked.at, asked.unanswered) == ({"ann": START}, {"ann"})


def test_now_and_then_a_queue_manager_crashes_between_two_steps_and_always_at_the_same_ones() -> None:
    def crashes(seed: int) -> list[int]:
        asked, found = Asked(lambda: START), list[int]()
        pause = crashing(lambda _: None, Random(seed), asked)
        for step in range(300):
            try:
                pause(0.1)
            except Crashed:
                found.append(step)
        assert asked.crashes == len(found)
        return found

    assert crashes(1) == crashes(1) != crashes(2)
    assert 10 <= len(crashes(1)) <= 60
