"""One frame of a real run as an SVG that loads nothing from elsewhere: `python -m simulator picture > run.svg`."""

from io import StringIO
from time import monotonic
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from simulator.clock import RunClock
from simulator.happenings import Happening
from simulator.live.board import Board
from simulator.live.drawing import draw
from simulator.live.frame import Frame
from simulator.narrator import Narrator
from simulator.observer.wrong import Wrong

WIDTH, HEIGHT = 100, 34
_EVERY = 0.25  # seconds
_THEME = TerminalTheme(
    (24, 26, 31),
    (214, 218, 226),
    [
        (62, 66, 75),
        (224, 92, 92),
        (126, 200, 120),
        (226, 192, 92),
        (104, 164, 240),
        (198, 132, 222),
        (96, 200, 208),
        (214, 218, 226),
    ],
)
# rich's own template loads a web font; a README's pictures are shown without any
_TEMPLATE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="a run, watched live">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px;
}}
.{unique_id}-title {{ font-family: system-ui, sans-serif; font-size: 16px; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


class Picture:
    """Implements View: shows nothing, and keeps the frame that shows most; of several the latest."""

    def __init__(self, board: Board, narrator: Narrator, clock: RunClock, out: TextIO) -> None:
        self._out = out
        self._board = board
        self._narrator = narrator
        self._clock = clock
        self._due = 0.0
        self._best: Frame | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None and self._best is not None:
            self._out.write(svg(self._best))

    def tell(self, happening: Happening) -> None:
        """It may be in the picture."""
        self._board.see(happening, self._clock.seconds)
        self._narrator.tell(happening)

    def accuse(self, wrong: Wrong) -> None:
        """It is in every frame from now on."""
        self._board.accuse(wrong)
        self._narrator.accuse(wrong)

    def turn(self) -> None:
        """Look whether there is more to be seen now."""
        if monotonic() >= self._due:
            self._due = monotonic() + _EVERY
            frame = self._board.frame(self._clock.seconds)
            if self._best is None or variety(frame) >= variety(self._best):
                self._best = frame

    def end(self) -> None:
        """The best one has been seen."""


def variety(frame: Frame) -> int:
    """How many different things a frame shows."""
    machines = {(each.status, each.power, each.tier) for each in frame.machines}
    waits = sum(each.number > 0 for each in frame.waits_on.values())
    return len(machines) + waits


def svg(frame: Frame) -> str:
    """The frame, a hundred columns wide."""
    console = Console(
        file=StringIO(), record=True, width=WIDTH, height=HEIGHT, force_terminal=True, color_system="truecolor"
    )
    console.print(draw(frame, WIDTH, HEIGHT), end="")
    return console.export_svg(title="make run", theme=_THEME, code_format=_TEMPLATE, unique_id="run")
