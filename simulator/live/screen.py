"""A run on a terminal's alternate screen, which gives way to what was there before, however the run ends."""

import sys
from contextlib import ExitStack, redirect_stderr
from io import StringIO
from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.control import Control
from rich.live import Live

from simulator.clock import WallClock
from simulator.live.board import Board, BoardView
from simulator.live.drawing import draw
from simulator.live.terminal import Stopping
from simulator.narrator import Narrator
from simulator.table import Colour

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
        """Draw, when it is time."""
        if monotonic() >= self._due:
            self._draw(ending=False)

    def end(self) -> None:
        """Say so at once: whoever pressed Ctrl-C wants to see that it was heard."""
        self._draw(ending=True)

    def _resumed(self, seconds: float) -> None:
        what = (
            f"! stopped for {seconds:.1f} s on the wall: Azure, the visitors and the observer were, the scaler was not"
        )
        self.board.remark(self.clock.seconds, what, Colour.RED)

    def _clear(self) -> None:
        """A terminal that was resized meanwhile (tmux) else shows parts of this screen on the one below."""
        if self._stopping.take():
            self._live.console.control(Control.clear(), Control.home())

    def _draw(self, *, ending: bool) -> None:
        began = monotonic()
        if self._stopping.take():
            size = self._live.console.size
            frame = self.board.frame(self.clock.seconds, ending=ending)
            self._live.update(draw(frame, size.width, size.height), refresh=True)
        self._due = began + max(_EVERY, (monotonic() - began) / _SHARE)
