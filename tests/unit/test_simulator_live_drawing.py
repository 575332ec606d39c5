"""A frame on screens of several sizes: as many lines as there are, none too long, and the interesting ones first."""

from dataclasses import replace
from datetime import timedelta

import pytest
from live_builders import ADMIT, coloured, controller, frame, machine, screen
from rich.cells import cell_len
from simulator_builders import second

from scaler.model.row import Status
from simulator.figures import Tier
from simulator.happenings import Did
from simulator.live.frame import Budget, Health
from simulator.observer.wrong import Kind, Wrong

SIZES = [(80, 24), (100, 30), (120, 40), (200, 50), (60, 15), (20, 4), (1, 1)]
WRONG = Wrong(
    kind=Kind.LEAKED,
    at=second(9),
    why="it has been billed for 39.0 s, and nobody is on it or does anything to it",
    vm_id="cafe-0",
    session="v0007",
)
RED = "\x1b[1;37;41m"


def row_of(lines: list[str], instance_id: str) -> str:
    """The line of the machine with that id."""
    (found,) = [line for line in machine_rows(lines) if line.split()[0] == instance_id]
    return found


def machine_rows(lines: list[str]) -> list[str]:
    """What stands between the machines' heading and that of the events, but for the remark on those left out."""
    begin = next(number for number, line in enumerate(lines) if line.startswith(" id Redis") or "last step" in line)
    end = next((number for number, line in enumerate(lines) if line.strip().startswith(("at ", "legend"))), len(lines))
    return [line for line in lines[begin + 1 : end] if line.strip() and not line.startswith("…")]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("number", [0, 1, 14, 500])
@pytest.mark.parametrize("wrongs", [0, 1, 30])
def test_every_screen_is_filled_exactly(width: int, height: int, number: int, wrongs: int) -> None:
    many = frame(*(machine(each) for each in range(number)), events=(ADMIT,) * 100, wrongs=(WRONG,) * wrongs)
    lines = screen(many, width, height)
    assert len(lines) == height
    assert max(map(cell_len, lines)) <= width


@pytest.mark.parametrize(("width", "height"), SIZES[:4])
def test_the_head_is_on_every_ordinary_screen(width: int, height: int) -> None:
    text = "\n".join(screen(frame(machine(0)), width, height))
    for word in ("3m20s emulated", "Ctrl-C ends it", "visitors", "waits", "listings 27/30", "cleaner", "ADMIT"):
        assert word in text


def test_a_machines_row_says_all_of_it() -> None:
    start = replace(ADMIT, step="Start", why="reserved", seconds=4)
    shown = machine(3, Status.RESERVED, power="starting", tier=Tier.COLD, session="v0007", last=start)
    cells = row_of(screen(frame(shown), width=120), "3").split()
    assert cells == ["3", "cafe", "Reserved", "starting", "✓", "cold", "5m00s", "v0007", "Start", "2m00s", "reserved"]


def test_the_scale_set_is_named_where_there_are_several() -> None:
    one, other = machine(0), machine(0, scale_set="vmss-pixels-2")
    assert "vmss-pixels" not in "\n".join(screen(frame(one)))
    assert [line.split()[0] for line in machine_rows(screen(frame(one, other)))] == ["vmss-pixels", "vmss-pixels-2"]


def test_machines_that_all_fit_keep_their_order_whatever_becomes_of_them() -> None:
    statuses = (Status.AVAILABLE, Status.RESERVED, "used", Status.UNAVAILABLE)
    shown = frame(*(machine(number, status) for number, status in enumerate(statuses)))
    assert [line.split()[0] for line in machine_rows(screen(shown))] == ["0", "1", "2", "3"]


def test_of_too_many_machines_the_interesting_ones_are_shown_and_the_others_counted() -> None:
    quiet = [machine(number) for number in range(40)]
    busy = [machine(50, Status.RESERVED), machine(51, "used"), machine(52, power="failed")]
    lines = screen(frame(*quiet, *busy), 80, 24)
    assert [line.split()[0] for line in machine_rows(lines)][:3] == ["52", "50", "51"]
    (remark,) = [line for line in lines if line.startswith("…")]
    left_out = 43 - len(machine_rows(lines))
    assert remark.rstrip() == f"… and {left_out} more: {left_out} Available"


@pytest.mark.parametrize("height", range(22, 36))
def test_no_machine_is_lost_and_there_is_always_room_for_events(height: int) -> None:
    events = tuple(replace(ADMIT, why=f"event {number}") for number in range(9))
    lines = screen(frame(*(machine(number) for number in range(14)), events=events), height=height)
    left_out = sum(int(line.split()[2]) for line in lines if line.startswith("…"))
    assert len(machine_rows(lines)) + left_out == 14
    assert left_out != 1  # it would have fitted into the line that says so
    shown = [line for line in lines if "event " in line]
    assert "event 7" in shown[-2]
    assert "event 8" in shown[-1]


def test_a_wrong_is_on_top_in_white_on_red_and_stays_readable() -> None:
    wrong = replace(WRONG, session="ann-of-the-portal")
    shown = frame(machine(0, wronged=True), wrongs=(wrong,))
    title, *red = [line for line in coloured(shown) if RED in line]
    assert "WRONG – machines leaked: 1" in title
    assert coloured(shown).index(title) == 1
    assert len(red) == 3  # two lines about it, and its machine's row
    text = " ".join(" ".join(screen(shown)[2:4]).split())
    assert text == f"vm cafe visit ann-of-the-portal – {wrong.why}"


def test_of_many_wrongs_the_first_and_the_latest_are_shown_and_all_are_counted() -> None:
    wrongs = tuple(replace(WRONG, session=f"v{number}") for number in range(30))
    text = "\n".join(screen(frame(wrongs=wrongs)))
    assert "WRONG – machines leaked: 30" in text
    assert "visit v0 " in text
    assert "visit v29 " in text
    assert "visit v15 " not in text


def test_waits_are_told_apart_by_tier() -> None:
    shown = frame(waits=(2.5, 5.0), waits_on={Tier.WARM: (0.45, 0.9), Tier.COLD: (4.5, 9.0)})
    (line,) = [line for line in screen(shown) if line.startswith("waits")]
    assert line.split(maxsplit=1)[1] == (
        "all p50 50s p95 1m40s (2) · warm p50 9s p95 18s (2) · cold p50 1m30s p95 3m00s (2)"
    )


def test_visitors_are_counted() -> None:
    did = {Did.ARRIVED: 9, Did.OPENED: 3, Did.REFUSED: 1, Did.GAVE_UP: 3, Did.EXPIRED: 1}
    shown = frame(did=did, waiting=2)
    (line,) = [line for line in screen(shown) if line.startswith("visitors")]
    assert "9 came · 3 let in · 2 waiting · 3 gave up · 1 refused · 1 stayed until their limit" in line


def test_a_controller_that_waits_says_why_and_since_when() -> None:
    waiting = controller(
        health=Health.WAITING, calls=4.25, steps=7, waited=2, why="enough of these", since=timedelta(seconds=8)
    )
    (line,) = [line for line in screen(frame(rounds=(waiting,))) if line.startswith("starter")]
    assert " ".join(line.split()) == "starter waiting 3s ago 40s 4.2 7 2 0 8s ago: enough of these"


@pytest.mark.parametrize(("health", "style"), [(Health.WAITING, ""), (Health.HELD, "\x1b[33m")])
def test_only_what_somebody_should_look_at_is_held_back_in_colour(health: Health, style: str) -> None:
    (line,) = [line for line in coloured(frame(rounds=(controller(health=health),))) if "starter" in line]
    assert f"{style}{health}" in line
    assert style or "\x1b[33m" not in line


def test_the_address_of_redis_is_shown() -> None:
    shown = screen(frame(redis="127.0.0.1:6379/0", statuses={"Available": 1}))
    assert any(line.startswith("Redis     at 127.0.0.1:6379/0 · 1 Available") for line in shown)


@pytest.mark.parametrize(("height", "lines"), [(15, 0), (24, 1), (40, 2)])
def test_a_legend_says_what_the_signs_mean_where_there_is_room(height: int, lines: int) -> None:
    shown = screen(frame(machine(0)), 120, height)
    found = [number for number, line in enumerate(shown) if line.startswith("legend")]
    assert [height - number for number in found] == ([lines] if lines else [])
    assert not lines or "– not offered yet · used: never again · ✓ marked · visit: session" in shown[found[0]]


@pytest.mark.parametrize(
    ("health", "words"), [(Health.OFF, "its timer is disabled"), (Health.SILENT, "nothing is heard of it, though")]
)
def test_a_controller_that_does_not_tick_is_red_and_says_so(health: Health, words: str) -> None:
    shown = frame(rounds=(controller(health=health, ticked=None),))
    (line,) = [line for line in coloured(shown) if "starter" in line]
    assert words in line
    assert f"\x1b[1;31m{health}" in line


@pytest.mark.parametrize(("left", "style"), [(12, ""), (3, ""), (2, "\x1b[33m"), (1, "\x1b[1;31m")])
def test_a_budget_that_runs_low_is_coloured(left: int, style: str) -> None:
    shown = frame(budgets=(Budget(what="marks", left=left, burst=12),))
    (line,) = [line for line in coloured(shown) if f"marks {left}/12" in line]
    assert f"{style}left: marks {left}/12" in line
    assert style or "\x1b[33m" not in line
