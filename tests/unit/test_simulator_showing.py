"""Which view a run gets: live where somebody looks at a terminal, lines where a program reads."""

import io
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TextIO

import pytest
from simulator_builders import second

from scaler.model.policy import Capacity, Mode
from simulator.figures import Figures, Summary
from simulator.live.screen import can_be_drawn_on
from simulator.observer.wrong import Kind, Wrong
from simulator.options import InvalidOptions, Viewing
from simulator.showing import chosen, conclude, in_words, is_coloured, lines, live
from simulator.view import Colour

XTERM = {"TERM": "xterm-256color"}


@pytest.fixture
def ends() -> Iterator[tuple[int, TextIO]]:
    """Both ends of a terminal: where what is shown comes out, and the program's."""
    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb"), os.fdopen(theirs, "w") as out:
        yield ours, out


def shown_on(terminal: int, out: TextIO) -> str:
    """All of it: a terminal hands on what was written when it likes, so the program's end is closed first."""
    out.close()
    text = b""
    with suppress(OSError):  # EIO: there is no more, and nobody to write any
        while some := os.read(terminal, 65_536):
            text += some
    return text.decode()


@pytest.fixture
def terminal(ends: tuple[int, TextIO]) -> TextIO:
    return ends[1]


PIPE = io.StringIO()
CALM = Summary(figures=Figures(), wrongs=(), calls={}, redis="redis-server 7.0.15", speed=20.0, seconds=30.0)


def test_on_a_terminal_it_is_live(terminal: TextIO) -> None:
    assert chosen(Viewing.AUTO, terminal, XTERM) is live
    assert chosen(Viewing.LIVE, terminal, XTERM) is live


@pytest.mark.parametrize("environ", [{}, {"TERM": "dumb"}, {**XTERM, "CI": "true"}])
def test_where_nothing_can_be_drawn_or_a_machine_looks_on_it_is_lines(
    environ: dict[str, str], terminal: TextIO
) -> None:
    assert chosen(Viewing.AUTO, terminal, environ) is lines


def test_in_a_pipe_it_is_lines() -> None:
    assert chosen(Viewing.AUTO, PIPE, XTERM) is lines


def test_what_the_user_says_counts_for_more(terminal: TextIO) -> None:
    assert chosen(Viewing.LINES, terminal, XTERM) is lines
    assert chosen(Viewing.LIVE, terminal, {**XTERM, "CI": "true"}) is live


def test_what_cannot_be_is_refused_with_the_remedy(terminal: TextIO) -> None:
    for out, environ in ((PIPE, XTERM), (terminal, {"TERM": "dumb"})):
        with pytest.raises(InvalidOptions, match=r"^VIEW: .*VIEW=lines"):
            chosen(Viewing.LIVE, out, environ)


def test_colours_are_for_terminals_and_for_those_who_want_them(terminal: TextIO) -> None:
    assert is_coloured(terminal, XTERM)
    assert not is_coloured(terminal, {**XTERM, "NO_COLOR": "1"})
    assert not is_coloured(PIPE, XTERM)


def test_in_the_end_what_was_wrong_is_in_red(ends: tuple[int, TextIO]) -> None:
    shown, out = ends
    wrong = Wrong(kind=Kind.LEAKED, at=second(1), why="it is billed for nothing", vm_id="vm")
    conclude(replace(CALM, wrongs=(wrong,)), out, XTERM)
    lines = shown_on(shown, out).splitlines()
    assert [line for line in lines if "\x1b" in line] == [
        f"{Colour.RED}machines leaked           1\x1b[0m",
        f"{Colour.RED}WRONG (machines leaked) vm vm: it is billed for nothing\x1b[0m",
    ]


def test_in_the_end_nothing_is_in_red_where_nothing_was_wrong(ends: tuple[int, TextIO]) -> None:
    shown, out = ends
    conclude(CALM, out, XTERM)
    assert "\x1b" not in shown_on(shown, out)


@pytest.mark.parametrize("term", ["xterm", "screen-256color", "linux", "vt100"])
def test_an_ordinary_terminal_can_be_drawn_on(term: str, terminal: TextIO) -> None:
    assert can_be_drawn_on(terminal, {"TERM": term})


def test_a_number_that_follows_the_visitors_is_not_called_a_number() -> None:
    assert in_words(Capacity(desired=14, warm=5)) == "14 machines, 5 warm"
    assert in_words(Capacity(desired=1)) == "1 machine, 0 warm"
    follows = Capacity(mode=Mode.AUTO, desired=14, least=1, warm_follows=True)
    assert in_words(follows) == "auto, 1 to 20 machines, a part of them warm"
