"""The screen takes a terminal and gives it back; and the README's picture tells nothing of where it was made."""

import re
import signal
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from live_builders import ADMIT, frame, machine
from rich.console import Console
from simulator_builders import OFFERED, look, second
from simulator_builders import machine as seen

from emulator.wire.exchange import CallLog
from scaler.model.edges import CONTROLLERS
from scaler.model.instance import PowerState, Tier
from scaler.model.row import Status
from simulator.clock import WallClock
from simulator.figures import Figures
from simulator.live.board import Board
from simulator.live.rounds import Rounds, Spending
from simulator.live.screen import Screen, svg, variety
from simulator.narrator import Glance, Narrator
from simulator.observer.wrong import Kind, Wrong

CLEARED, ENTERED, LEFT, SHOWN = "\x1b[2J", "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"
WRONG = Wrong(kind=Kind.LOST, at=second(1), why="the registry names it nowhere", session="ann")


@pytest.fixture
def terminal(tmp_path: Path) -> Path:
    """A file that takes everything a terminal would."""
    return tmp_path / "terminal"


@pytest.fixture
def screen(terminal: Path) -> Iterator[Screen]:
    rounds = Rounds({name: timedelta(seconds=2) for name in CONTROLLERS}, frozenset(), 20.0)
    board = Board(speed=20.0, figures=Figures(), rounds=rounds, spending=Spending(CallLog().after, 20.0))
    clock = WallClock()
    with terminal.open("w", encoding="utf-8") as out:
        console = Console(file=out, force_terminal=True, width=100, height=30, _environ={"TERM": "xterm"})
        board.row(ADMIT)
        yield Screen(board, Narrator(board, clock, lambda _: Glance(state=None, published=None)), clock, console)


def test_it_is_drawn_while_it_is_shown_and_nothing_is_left_of_it(screen: Screen, terminal: Path) -> None:
    with screen:
        screen.tell(look(1, seen(PowerState.STOPPED, OFFERED)))
        screen.turn()
        assert terminal.read_text().startswith(ENTERED)
        for word in ("1 Available", "ADMIT", "Ctrl-C ends it"):
            assert word in terminal.read_text()
        drawn = len(terminal.read_text())
    left = terminal.read_text()[drawn:]
    assert left.startswith(CLEARED)
    assert left.index(SHOWN) < left.index(LEFT)


def test_it_is_given_back_when_something_is_raised(screen: Screen, terminal: Path) -> None:
    def fail() -> None:
        with screen:
            screen.turn()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert terminal.read_text().endswith(LEFT)


def test_the_end_is_announced_at_once(screen: Screen, terminal: Path) -> None:
    with screen:
        screen.turn()
        screen.end()
        assert "it is ending" in terminal.read_text()


def test_what_others_write_to_standard_error_is_shown_afterwards(
    screen: Screen, terminal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with screen:
        print("a thread has died", file=sys.stderr)
        screen.turn()
        assert capsys.readouterr().err == ""
    assert capsys.readouterr().err == "a thread has died\n"
    assert "a thread has died" not in terminal.read_text()


def test_ctrl_z_is_somebody_elses_again_afterwards(screen: Screen) -> None:
    before = signal.getsignal(signal.SIGTSTP)
    with screen:
        assert signal.getsignal(signal.SIGTSTP) != before
    assert signal.getsignal(signal.SIGTSTP) == before


RUN = Path(__file__).parents[2] / "docs" / "run.svg"


def pictures() -> dict[str, str]:
    """A fresh one, and the README's."""
    return {"fresh": svg(frame(machine(0))), "the README's": RUN.read_text(encoding="utf-8")}


@pytest.mark.parametrize("which", ["fresh", "the README's"])
def test_a_picture_loads_nothing_from_elsewhere(which: str) -> None:
    text = pictures()[which]
    assert set(re.findall(r"https?://[^\"' )]*", text)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"@font-face|@import|url\((?!#)|<script|href=", text)


@pytest.mark.parametrize("which", ["fresh", "the README's"])
def test_a_picture_is_a_well_formed_svg_that_shows_a_run(which: str) -> None:
    root = ElementTree.fromstring(pictures()[which])
    words = " ".join("".join(root.itertext()).replace("\N{NO-BREAK SPACE}", " ").split())
    for word in ("make run", "Ctrl-C ends it", "provisioner", "Available"):
        assert word in words


def test_the_readmes_picture_names_no_path_and_no_address() -> None:
    assert not re.search(r"/(home|work|tmp|root|Users)/|127\.0\.0\.1", pictures()["the README's"])


def test_more_variety_makes_a_better_picture() -> None:
    dull = frame(machine(0), machine(1))
    lively = frame(machine(0), machine(1, Status.RESERVED, power="starting", tier=Tier.COLD))
    assert variety(lively) > variety(dull) > variety(frame())
