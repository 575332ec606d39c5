"""One frame of a real run as an SVG that loads nothing from elsewhere: `python -m simulator picture > run.svg`."""

import re
from io import StringIO
from time import monotonic
from types import TracebackType
from typing import TextIO

from rich.console import Console

from simulator.clock import WallClock
from simulator.live.board import Board, BoardView
from simulator.live.drawing import draw
from simulator.live.frame import Frame
from simulator.narrator import Narrator

WIDTH, HEIGHT = 100, 34
_EVERY = 0.25  # seconds
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
