"""The same answer in a pipe and on terminals of several widths."""

import re
from datetime import timedelta

import pytest
from cli.console import Console
from cli.estate import Estate
from go_scaler import Machine

from scaler.cli.screen import age, printable
from scaler.model.plan import spelled
from scaler.model.row import Status

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
_COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9][0-9;]*m")
SESSION = "a-session-with-a-rather-long-name-as-some-queue-managers-give-them"


@pytest.fixture
def settled(estate: Estate) -> Estate:
    """Some machines, one with a long session id, one used."""
    estate.settle(
        Machine(status=Status.UNAVAILABLE, session=SESSION, runs=True),
        Machine(status=Status.UNAVAILABLE, session="gone", used=True),
        Machine(status=Status.AVAILABLE),
    )
    return estate


def test_a_pipe_gets_whole_ids_no_colours_and_a_line_for_each_machine(settled: Estate, console: Console) -> None:
    piped = console.pipe("status")
    assert piped.status == 0
    assert "\x1b" not in piped.out
    assert all(vm.vm_id in piped.out for vm in settled.azure.vms)
    assert SESSION in piped.out
    assert not [line for line in piped.out.splitlines() if line != line.rstrip()]
    assert piped.out == console.pipe("status", COLUMNS="40").out, "a pipe has no width"


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        *((columns, ("status",)) for columns in (80, 100, 120, 200)),
        (80, ("plan",)),
        (80, ("adopt", "--check")),
        (80, ("settings",)),
    ],
)
def test_a_terminal_is_not_overrun(settled: Estate, console: Console, columns: int, words: tuple[str, ...]) -> None:
    shown = _CONTROL.sub("", console.terminal(columns, *words))
    assert max(len(line) for line in shown.splitlines()) <= columns
    if words == ("settings",):
        return
    first = settled.azure.vms[0].vm_id
    assert (first in shown) == (columns >= 150), "whole ids only where there is room"
    assert first[:8] in shown


def test_colours_are_for_terminals_that_want_them(settled: Estate, console: Console) -> None:
    assert _COLOUR.search(console.terminal(100, "plan"))
    assert not _COLOUR.search(console.terminal(100, "plan", NO_COLOR="1"))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0s"),
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (61, "1m1s"),
        (3599, "59m"),
        (3600, "1h"),
        (90000, "1d1h"),
        (864000, "10d"),
    ],
)
def test_an_age_has_two_units_at_most(seconds: float, text: str) -> None:
    assert age(timedelta(seconds=seconds)) == text


def test_facts_that_are_not_known_are_left_out() -> None:
    assert spelled({"session": "s-1", "attempt": 0, "vm": None, "why": ""}) == "session=s-1 attempt=0"


def test_what_a_terminal_would_obey_is_shown_as_its_code() -> None:
    assert printable("a\x1b[2J\x07\nb é 😀 \ud800") == "a\\x1b[2J\\x07\\x0ab é 😀 \\xd800"
