"""Lines that fit: whatever is in them, and however narrow the screen is."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from simulator.live.layout import Column, Piece, flowing, plain, rows, span

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
