"""A frame on screens of several sizes: as many lines as there are, none too long, and the interesting ones first."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_builders import ADMIT, coloured, controller, frame, machine, screen
from rich.cells import cell_len
from simulator_builders import second

from scaler.model.instance import Tier
from scaler.model.row import Status
from simulator.happenings import Did
from simulator.live.frame import Budget, Frame, Health
from simulator.live.layout import Column, Piece, flowing, plain, rows, span
from simulator.observer.wrong import Kind, Wrong

SIZES = [(80, 24), (100, 30), (120, 40), (200, 50), (60, 15), (20, 4), (1, 1)]
WRONG = Wrong(
    kind=Kind.LEAKED,
    at=second(9),
    why="it has been billed for 39.0 s, and nobody is on it or does anything to it",
    vm_id="cafe-0",
    session="v0007",
)
RED, BOLD_RED, YELLOW = "\x1b[1;37;41m", "\x1b[1;31m", "\x1b[33m"
WAITS = controller(health=Health.WAITING)


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


@pytest.mark.parametrize(("height", "lines"), [(15, 0), (24, 1), (40, 2)])
def test_a_legend_says_what_the_signs_mean_where_there_is_room(height: int, lines: int) -> None:
    shown = screen(frame(machine(0)), 120, height)
    found = [number for number, line in enumerate(shown) if line.startswith("legend")]
    assert [height - number for number in found] == ([lines] if lines else [])
    assert not lines or "– not offered yet · used: never again · ✓ marked · visit: session" in shown[found[0]]


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"redis": "127.0.0.1:6379/0", "statuses": {"Available": 1}}, "Redis at 127.0.0.1:6379/0 · 1 Available"),
        (
            {"did": {Did.ARRIVED: 9, Did.OPENED: 3, Did.REFUSED: 1, Did.GAVE_UP: 3, Did.EXPIRED: 1}, "waiting": 2},
            "visitors 9 came · 3 let in · 2 waiting · 3 gave up · 1 refused · 1 stayed until their limit",
        ),
        (
            {"waits": (2.5, 5.0), "waits_on": {Tier.WARM: (0.45, 0.9), Tier.COLD: (4.5, 9.0)}},
            "waits all p50 50s p95 1m40s (2) · warm p50 9s p95 18s (2) · cold p50 1m30s p95 3m00s (2)",
        ),
        (
            {"waits": (0.05, 0.45), "waits_on": {Tier.HOT: (0.05,), Tier.WARM: (0.45,), Tier.COLD: ()}},
            "waits all p50 1s p95 9s (2) · hot p50 1s p95 1s (1) · warm p50 9s p95 9s (1) · cold",
        ),
        (
            {"rounds": (replace(WAITS, calls=4.25, steps=7, waited=2, why="enough", since=timedelta(seconds=8)),)},
            "starter waiting 3s ago 40s 4.2 7 2 0 8s ago: enough",
        ),
    ],
)
def test_the_head_says(fields: dict[str, object], line: str) -> None:
    shown = [" ".join(each.split()) for each in screen(frame(**fields))]
    assert any(each.startswith(line) for each in shown)


@pytest.mark.parametrize(
    ("fields", "words", "style"),
    [
        ({"rounds": (WAITS,)}, "waiting", ""),
        ({"rounds": (replace(WAITS, health=Health.HELD),)}, "held back", YELLOW),
        ({"rounds": (replace(WAITS, health=Health.OFF),)}, "off", BOLD_RED),
        ({"rounds": (replace(WAITS, health=Health.OFF),)}, "its timer is disabled", BOLD_RED),
        ({"rounds": (replace(WAITS, health=Health.SILENT),)}, "nothing is heard of it, though", BOLD_RED),
        ({"budgets": (Budget(what="marks", left=3, burst=12),)}, "left: marks 3/12", ""),
        ({"budgets": (Budget(what="marks", left=2, burst=12),)}, "left: marks 2/12", YELLOW),
        ({"budgets": (Budget(what="marks", left=1, burst=12),)}, "left: marks 1/12", BOLD_RED),
    ],
)
def test_what_somebody_should_look_at_and_nothing_else_is_coloured(
    fields: dict[str, object], words: str, style: str
) -> None:
    row = "starter" if "rounds" in fields else "left: marks"
    (line,) = [line for line in coloured(frame(**fields)) if row in line]
    assert f"{style}{words}" in line
    assert style or YELLOW not in line


COLUMNS = (
    Column(title="id", width=3, right=True),
    Column(title="vm", width=4, screen=40),
    Column(title="why", width=0),
)
WIDTHS = st.integers(min_value=1, max_value=120)
ANY_TEXT = st.text(max_size=80)


def row(width: int, **cells: str) -> str:
    (line,) = rows(COLUMNS, width, [{title: Piece(text) for title, text in cells.items()}])
    return line.plain


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59.4, "59s"),
        (59.6, "1m00s"),
        (60, "1m00s"),
        (725, "12m05s"),
        (3599, "59m59s"),
        (3600, "1h00m"),
        (11_100, "3h05m"),
        (86_399, "23h59m"),
        (86_400, "1d00h"),
        (1_047_600, "12d03h"),
    ],
)
def test_a_span_has_two_units_and_six_cells_at_most(seconds: float, text: str) -> None:
    assert span(timedelta(seconds=seconds)) == text


def test_columns_are_aligned_and_the_last_one_takes_what_is_left() -> None:
    assert row(30, id="7", why="it runs") == "  7 it runs".ljust(30)
    assert row(40, id="7", vm="cafe", why="it runs") == "  7 cafe it runs".ljust(40)


def test_what_is_cut_off_says_so() -> None:
    assert row(20, id="12345", why="it runs, and was started").rstrip() == "12… it runs, and wa…"


@given(width=WIDTHS, text=ANY_TEXT)
def test_no_text_makes_a_line_longer_or_two_of_it(width: int, text: str) -> None:
    for line in (row(width, id=text, vm=text, why=text), plain(text, "bold", width).plain):
        assert cell_len(line) <= width
        assert len(line.splitlines()) <= 1


@given(width=st.integers(min_value=12, max_value=120), texts=st.lists(st.text("abc é漢", min_size=1, max_size=30)))
def test_pieces_flow_without_one_being_lost(width: int, texts: list[str]) -> None:
    lines = list(flowing("label  ", [Piece(each) for each in texts], width))
    assert all(line.cell_len <= width for line in lines)
    assert lines[0].plain.startswith("label")
    if all(cell_len(each) <= width - len("label  ") for each in texts):
        wanted = " ".join(" ".join(texts).split()).replace(" ", "")
        assert "".join(line.plain.removeprefix("label") for line in lines).replace("·", "").replace(" ", "") == wanted


def test_costs_have_a_line_where_there_are_prices() -> None:
    def titles(shown: Frame) -> list[str]:
        return [line.split()[0] for line in screen(shown, 120, 40) if line.strip()]

    assert "costs" not in titles(frame(machine(0)))
    assert "costs" in titles(frame(machine(0), costs="2.00 EUR per hour, 0.00 idle; 3.25 so far"))
