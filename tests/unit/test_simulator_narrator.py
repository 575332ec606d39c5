"""What a newcomer reads: one line per change, and nothing twice."""

import io
from dataclasses import replace

import pytest
from simulator_builders import OFFERED, USED, azure, in_session, look, machine, second, told

from emulator.history import What
from scaler.model.instance import PowerState, ProvisioningState
from scaler.model.plan import Why
from simulator.clock import WallClock
from simulator.figures import Counts, Figures, power_word, status_word
from simulator.happenings import Did, Happening, Published, Told, Trouble
from simulator.narrator import Glance, Narrator
from simulator.view import WIDTH, Table

STEP = Told(at=second(1), event="step", controller="reconciler", why="marked", vm_id="vm", result="done")
HELD = replace(STEP, event="held", why="enough of these for one tick", result="")


def lines(*happenings: Happening, published: Published | None = OFFERED) -> list[str]:
    out = io.StringIO()
    glance = Glance(state=machine(PowerState.STOPPED).state, published=published)
    narrator = Narrator(Table(out, coloured=False), WallClock(), lambda _: glance)
    for each in happenings:
        narrator.tell(each)
    return out.getvalue().splitlines()


def cells(line: str) -> list[str]:
    return line.split()


def test_a_step_shows_both_sides_of_the_machine_and_why() -> None:
    (line,) = lines(replace(STEP, edge="ADMIT", why=Why.HORIZON_PASSED))
    assert cells(line)[1:5] == ["vm", "Available", "stopped", "ADMIT"]
    assert line.endswith(Why.HORIZON_PASSED)


def test_a_session_is_shown_whoever_names_it() -> None:
    assert "ann" in lines(told(1, "ann", Did.PROMISED))[0]
    assert "ann" in lines(azure(1, What.RUNNING), published=in_session("ann"))[0]
    assert "ann" in lines(replace(STEP, edge="OPEN", session="ann"))[0]


def test_what_was_not_done_says_so() -> None:
    failed = replace(STEP, order="Start", result="failed", error="QuotaReached: no cores")
    assert lines(failed)[0].endswith("marked – failed: QuotaReached: no cores")
    assert lines(replace(STEP, edge="OPEN", result="lost race"))[0].endswith("marked – lost race")


def test_what_would_be_done_says_that_it_is_not() -> None:
    (line,) = lines(replace(STEP, event="would", order="Delete", result=""))
    assert "(Delete)" in cells(line)
    assert line.endswith("marked – is not done: paused, or nobody allowed it")


def test_what_waits_tick_after_tick_is_told_once() -> None:
    assert len(lines(HELD, HELD, HELD)) == 1
    assert len(lines(HELD, STEP, HELD)) == 3


def test_two_controllers_that_wait_in_turn_for_the_same_scale_set_are_told_once_each() -> None:
    one, other = (replace(HELD, controller=name, vm_id="", scale_set="pixels") for name in ("cleaner", "provisioner"))
    assert len(lines(one, replace(other, why="no budget"), one, replace(other, why="no budget"))) == 2


def test_what_waits_is_held_back_only_where_somebody_should_look_at_it() -> None:
    assert "waiting" in lines(HELD)[0]
    assert "held back" in lines(replace(HELD, alarm=True))[0]


def test_the_same_trouble_is_told_once_even_in_the_hosts_words() -> None:
    failed = Told(at=second(1), event="tick_failed", controller="cleaner", why="tick failed: Redis is away\n")
    again = Trouble(at=second(1), what="cleaner: function failed: Unreachable: Redis is away")
    assert [line.partition("! ")[2] for line in lines(failed, again, failed)] == ["cleaner: tick failed: Redis is away"]
    assert len(lines(failed, Trouble(at=second(1), what="something else"))) == 2


@pytest.mark.parametrize("why", list(Why))
def test_no_line_is_wider_than_the_table(why: Why) -> None:
    for line in lines(replace(STEP, edge="EXPIRE", order="Delete", session="v1234", why=why)):
        assert len(line) <= WIDTH + len("EXPIRE+Delete") - 10


@pytest.mark.parametrize(
    ("published", "word"), [(None, "–"), (Published(), "–"), (OFFERED, "Available"), (USED, "used")]
)
def test_a_status_is_the_contracts_word_or_used(published: Published | None, word: str) -> None:
    assert status_word(published) == word


@pytest.mark.parametrize(
    ("power", "state", "word"),
    [
        (PowerState.UNKNOWN, ProvisioningState.CREATING, "creating"),
        (PowerState.UNKNOWN, ProvisioningState.FAILED, "failed"),
        (PowerState.RUNNING, ProvisioningState.DELETING, "deleting"),
        (PowerState.RUNNING, ProvisioningState.SUCCEEDED, "running"),
    ],
)
def test_a_power_state_is_azures_word_or_what_is_under_way(
    power: PowerState, state: ProvisioningState, word: str
) -> None:
    assert power_word(machine(power, provisioning=state).state) == word


def test_the_counts_say_how_many_of_what() -> None:
    counts = Counts(clock=WallClock(), figures=Figures(waits=[1.0, 2.0]), arm_calls=lambda: 60, speed=2)
    counts.look = look(
        1, machine(PowerState.RUNNING), machine(PowerState.STOPPED, OFFERED), machine(PowerState.RUNNING, USED)
    )
    assert tuple(counts.lines(30)) == (
        "Redis: 1 not offered yet, 1 Available, 1 used · Azure: 2 running, 1 stopped",
        "visitors: 0 let in, 0 waiting, waits p50 1.0 s, p95 2.0 s · 60 ARM calls per minute of the emulated world",
    )
    nothing = Counts(clock=WallClock(), figures=Figures(), arm_calls=lambda: 0, speed=1, look=look(1))
    assert tuple(nothing.lines(5)) == (
        "Redis: nothing yet · Azure: nothing yet",
        "visitors: 0 let in, 0 waiting, waits p50 –, p95 – · 0 ARM calls per minute of the emulated world",
    )
