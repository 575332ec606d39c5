"""A run watched on a terminal: the screen comes, is drawn and resized, and gives the terminal back however it ends."""

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from function.terminal import CURSOR_HIDDEN, CURSOR_SHOWN, ENTERED, LEFT, Terminal

ROOT = Path(__file__).parents[2]
CTRL_C, CTRL_Z = b"\x03", b"\x1a"
SETUP = 60.0  # seconds: a cold import of azure and redis on a slow machine
SOON = 20.0

_STOPPING = """\
import sys
import time
from simulator.live.screen import Stopping
stopping = Stopping(sys.stdout.fileno(), lambda seconds: print("resumed", flush=True))
stopping.begin()
while True:
    time.sleep(0.02)
    print("drawn" if stopping.take() else "hidden", flush=True)
"""


def environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "SPEED": "100", **more}


def watched(**options: str) -> Terminal:
    """A run on a terminal of its own."""
    return Terminal([sys.executable, "-m", "simulator"], environment=environment(**options), folder=ROOT)


def children(pid: int) -> list[int]:
    """The child processes of a process, started by any of the threads, as Linux tells."""
    found = [each.read_text().split() for each in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(each) for some in found for each in some]


def is_given_back(terminal: Terminal) -> bool:
    """The alternate screen was left as often as it was entered, and the cursor is shown again."""
    output = terminal.output
    left = output.count(ENTERED) == output.count(LEFT) > 0 and output.rindex(ENTERED) < output.rindex(LEFT)
    return left and output.rindex(CURSOR_HIDDEN) < output.rindex(CURSOR_SHOWN)


@pytest.mark.long
def test_a_run_is_watched_live_resized_and_ended_by_ctrl_c_with_a_summary() -> None:
    with watched(JSON="1") as terminal:
        begun = terminal.read_until(ENTERED, within=SETUP)
        terminal.read_until("creating", within=SOON)
        assert max(map(len, terminal.lines(begun))) <= 100
        terminal.resize(140, 40)
        terminal.read_until(" ago why", within=SOON)  # a column that only wider screens have
        terminal.press(CTRL_C)
        assert terminal.exit_status(within=SOON) == 0
        assert is_given_back(terminal)
        assert "it is ending" in terminal.output
        summary = terminal.lines(terminal.output.rindex(LEFT))
        assert any(line.startswith("machines leaked") for line in summary)
        assert summary[-2].startswith('{"visitors"')
        assert not any("controller" in line for line in summary[:-2])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which children a process has")
@pytest.mark.long
def test_a_run_that_fails_gives_the_terminal_back_before_it_says_why() -> None:
    with watched() as terminal:
        terminal.read_until("Ctrl-C ends it", within=SETUP)
        for child in children(terminal.process.pid):
            os.kill(child, signal.SIGKILL)
        assert terminal.exit_status(within=SOON) == 2
        assert is_given_back(terminal)
        assert "ended by itself (exit code -9)" in terminal.output[terminal.output.rindex(LEFT) :]


@pytest.mark.long
def test_a_terminal_that_wants_lines_gets_lines() -> None:
    with watched(VIEW="lines", FOR="1s", NO_COLOR="1") as terminal:
        assert terminal.exit_status(within=SETUP) == 0
        assert "\x1b" not in terminal.output
        assert any(line.startswith("time   id  vm") for line in terminal.lines())


def test_a_live_view_needs_a_terminal_that_can_be_drawn_on() -> None:
    with watched(VIEW="live", TERM="dumb") as terminal:
        assert terminal.exit_status(within=SETUP) == 2
        assert terminal.output.startswith("VIEW: 'live' needs a terminal")


@pytest.mark.skipif(shutil.which("bash") is None, reason="only bash is known to resume a job in this way")
def test_ctrl_z_gives_the_terminal_back_until_the_run_is_continued(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(_STOPPING)
    shell = [shutil.which("bash") or "", "--norc", "--noprofile", "-i"]
    with Terminal(shell, environment=environment(PS1="ready> ", PYTHONPATH=str(ROOT)), folder=ROOT) as terminal:
        terminal.read_until("ready> ", within=SOON)
        terminal.press(f"{sys.executable} {script}\n".encode())
        shown = terminal.read_until("drawn", within=SOON)
        terminal.press(CTRL_Z)
        left = terminal.read_until(LEFT, within=SOON, after=shown)
        stopped = terminal.read_until("ready> ", within=SOON, after=left)
        terminal.press(b"bg\n")
        hidden = terminal.read_until("hidden", within=SOON, after=stopped)
        terminal.press(b"fg\n")
        entered = terminal.read_until(ENTERED, within=SOON, after=hidden)
        resumed = terminal.read_until("resumed", within=SOON, after=entered)
        terminal.read_until("drawn", within=SOON, after=resumed)
        assert "drawn" not in terminal.output[stopped:entered]
        terminal.press(CTRL_C)
        terminal.read_until("ready> ", within=SOON, after=entered)
