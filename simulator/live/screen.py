"""A run on a terminal's alternate screen, which gives way to what was there before; or one frame of it as an SVG."""

import os
import re
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, redirect_stderr
from io import StringIO
from time import monotonic
from types import FrameType, TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.control import Control
from rich.live import Live

from simulator.clock import WallClock
from simulator.live.board import Board, BoardView
from simulator.live.drawing import draw
from simulator.live.frame import Frame
from simulator.narrator import Narrator
from simulator.view import Colour

_ENTER = b"\x1b[?1049h\x1b[?25l"  # the alternate screen, without a cursor
_LEAVE = b"\x1b[2J\x1b[?25h\x1b[?1049l"


def can_be_drawn_on(out: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether `out` is a terminal with a cursor that can be moved."""
    return out.isatty() and environ.get("TERM", "dumb").lower() not in {"dumb", "unknown"}


class Stopping:
    """Gives the terminal back to the shell on Ctrl-Z, and takes it again when the run is in the foreground again.

    Writes directly to the terminal: a signal does not wait for other writers.
    """

    def __init__(self, terminal: int, resumed: Callable[[float], None]) -> None:
        self._terminal = terminal
        self._resumed = resumed  # told for how many seconds the process stood still
        self._stopped_at: float | None = None
        self._former: signal._HANDLER = signal.SIG_DFL

    def begin(self) -> None:
        """From now on."""
        self._former = signal.signal(signal.SIGTSTP, self._stop)

    def cease(self) -> None:
        """No more."""
        signal.signal(signal.SIGTSTP, self._former)

    def take(self) -> bool:
        """Whether the terminal may be written on: not from the background."""
        ours = _in_foreground(self._terminal)
        if ours and self._stopped_at is not None:
            os.write(self._terminal, _ENTER)
            self._resumed(monotonic() - self._stopped_at)
            self._stopped_at = None
        return ours

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stopped_at = monotonic()
        os.write(self._terminal, _LEAVE)
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)  # returns when somebody says SIGCONT
        signal.signal(signal.SIGTSTP, self._stop)


def _in_foreground(terminal: int) -> bool:
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:  # it is not the terminal that controls us: nobody can take it away
        return True


_EVERY = 0.25  # seconds: faster than anybody reads, and the machine is shared with the whole emulated world
_SHARE = 0.1  # of the time may go into drawing: a terminal behind a slow line must not hold up the observer


class Screen(BoardView):
    """What others write to standard error meanwhile is shown when the screen is left."""

    def __init__(self, board: Board, narrator: Narrator, clock: WallClock, console: Console) -> None:
        super().__init__(board, narrator, clock)
        self._live = Live(
            console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._stopping = Stopping(console.file.fileno(), self._resumed)
        self._due = 0.0
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        held = StringIO()
        self._undo.callback(lambda: sys.stderr.write(held.getvalue()))
        self._undo.enter_context(redirect_stderr(held))
        self._undo.enter_context(self._live)
        self._undo.callback(self._clear)
        self._stopping.begin()
        self._undo.callback(self._stopping.cease)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._undo.close()

    def turn(self) -> None:
        """Draw, when the time has come."""
        if monotonic() >= self._due:
            self._draw(ending=False)

    def end(self) -> None:
        """Announce the end at once: the user who pressed Ctrl-C is waiting for an answer."""
        self._draw(ending=True)

    def _resumed(self, seconds: float) -> None:
        what = (
            f"! stopped for {seconds:.1f} s on the wall: Azure, the visitors and the observer were, the scaler was not"
        )
        self.board.remark(self.clock.seconds, what, Colour.RED)

    def _clear(self) -> None:
        """Clear the screen: a terminal that was resized (tmux) would show parts of it later."""
        if self._stopping.take():
            self._live.console.control(Control.clear(), Control.home())

    def _draw(self, *, ending: bool) -> None:
        began = monotonic()
        if self._stopping.take():
            size = self._live.console.size
            frame = self.board.frame(self.clock.seconds, ending=ending)
            self._live.update(draw(frame, size.width, size.height), refresh=True)
        self._due = began + max(_EVERY, (monotonic() - began) / _SHARE)


WIDTH, HEIGHT = 100, 34
_FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"
_LOADED = re.compile(r"\s*(@font-face \{.*?\}|<!--.*?-->)", re.DOTALL)
"""The web font and the mark in rich's pictures: a README's pictures are shown without either."""


class Picture(BoardView):
    """A view that shows nothing, and keeps the latest of the frames with the most variety."""

    def __init__(self, board: Board, narrator: Narrator, clock: WallClock, out: TextIO) -> None:
        super().__init__(board, narrator, clock)
        self._out = out
        self._due = 0.0
        self._best: Frame | None = None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None and self._best is not None:
            self._out.write(svg(self._best))

    def turn(self) -> None:
        """Look whether there is more to be seen now."""
        if monotonic() >= self._due:
            self._due = monotonic() + _EVERY
            frame = self.board.frame(self.clock.seconds)
            if self._best is None or variety(frame) >= variety(self._best):
                self._best = frame


def variety(frame: Frame) -> int:
    """How many different things a frame shows."""
    machines = {(each.status, each.power, each.tier) for each in frame.machines}
    waits = sum(bool(each) for each in frame.waits_on.values())
    return len(machines) + waits


def svg(frame: Frame) -> str:
    """The frame, a hundred columns wide."""
    console = Console(
        file=StringIO(), record=True, width=WIDTH, height=HEIGHT, force_terminal=True, color_system="truecolor"
    )
    console.print(draw(frame, WIDTH, HEIGHT), end="")
    text = console.export_svg(title="make run", unique_id="run")
    return _LOADED.sub("", text).replace("Fira Code, monospace", _FONTS)
