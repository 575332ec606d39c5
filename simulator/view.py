"""How a run is watched; line by line, in columns readable at 120: for pipes, for CI, and for whoever wants it so."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self, TextIO

from simulator.figures import Counts, in_words
from simulator.happenings import Happening, Look
from simulator.observer.wrong import Wrong

WIDTH = 120
_COLUMNS = (("time", 6), ("id", 3), ("vm", 4), ("status", 11), ("power", 12), ("visit", 5), ("step", 10))
NO_STEP = "–"
"""The step of a line without a step."""
_MARGIN = sum(width + 1 for _, width in _COLUMNS)


class Colour(StrEnum):
    """ANSI escapes."""

    PLAIN = ""
    DIM = "\x1b[2m"
    GREEN = "\x1b[32m"
    YELLOW = "\x1b[33m"
    CYAN = "\x1b[36m"
    RED = "\x1b[1;31m"
    BOLD = "\x1b[1m"


class By(StrEnum):
    """The actor of a line."""

    SCALER = "scaler"
    VISITOR = "visitor"
    AZURE = "azure"
    NOBODY = "nobody"  # a remark


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row. `seconds` of the run, on the wall."""

    seconds: float
    by: By
    instance_id: str = ""
    vm_id: str = ""
    status: str = ""
    power: str = ""
    session: str = ""
    step: str = ""
    why: str = ""
    colour: Colour = Colour.PLAIN


class Journal(Protocol):
    """The lines and remarks of a narrator."""

    def row(self, line: Line) -> None:
        """One thing that happened to a machine or a visitor."""
        ...

    def remark(self, seconds: float, text: str, colour: Colour) -> None:
        """A remark outside the columns."""
        ...


class Table:
    """Implements Journal: rows, remarks, headings and free lines. A line that was written is there to stay."""

    def __init__(self, out: TextIO, *, coloured: bool) -> None:
        self._out = out
        self._coloured = coloured

    def heading(self) -> None:
        """The names of the columns."""
        names = " ".join(f"{name:<{width}}" for name, width in _COLUMNS)
        self.free(f"{names} why", Colour.BOLD)

    def row(self, line: Line) -> None:
        """One row; a long `why` goes on below."""
        cells = (
            clock(line.seconds),
            f"{line.instance_id:>3}",
            f"{line.vm_id[:4]:4}",
            f"{line.status:11}",
            f"{line.power:12}",
            f"{line.session[:5]:5}",
            f"{line.step:10}",
        )
        first, *more = textwrap.wrap(line.why, WIDTH - _MARGIN) or [""]
        rest = "".join(f"\n{' ' * _MARGIN}{each}" for each in more)
        self.free(f"{' '.join(cells)} {first}{rest}".rstrip(), line.colour)

    def remark(self, seconds: float, text: str, colour: Colour) -> None:
        """A time and a text."""
        self.free(f"{clock(seconds)} {text}", colour)

    def free(self, text: str, colour: Colour = Colour.PLAIN) -> None:
        """Any text."""
        dressed = f"{colour}{text}\x1b[0m" if self._coloured and colour else text
        self._out.write(f"{dressed}\n")
        self._out.flush()


def clock(seconds: float) -> str:
    """The first column."""
    return f"{seconds:5.1f}s"


class View:
    """A view of a run, entered when the run begins; at the exit the terminal is as before."""

    def __enter__(self) -> Self:
        """Begin to show."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Show no more."""

    def tell(self, happening: Happening) -> None:
        """Hear of a happening."""

    def accuse(self, wrong: Wrong) -> None:
        """Hear of a wrong."""

    def turn(self) -> None:
        """Called some ten times a second, for whatever has to be shown now and then."""

    def end(self) -> None:
        """The run is over but for the last looks, which take a second or two."""


_COUNT_EVERY = 5.0  # seconds


class Lines(View):
    """The greeting, the counts now and then, and each wrong in red. What was written stays."""

    def __init__(self, table: Table, counts: Counts, greeting: Sequence[str] = ()) -> None:
        self.table = table
        self.counts = counts
        self._greeting = greeting
        self._counted = 0.0

    def __enter__(self) -> Self:
        for line in self._greeting:
            self.table.free(line)
        return self

    def tell(self, happening: Happening) -> None:
        """Keep the latest look."""
        if isinstance(happening, Look):
            self.counts.look = happening

    def accuse(self, wrong: Wrong) -> None:
        """A line in red."""
        self.table.remark(self.counts.clock.since_start(wrong.at), in_words(wrong), Colour.RED)

    def turn(self) -> None:
        """Write the counts, when the time has come."""
        seconds = self.counts.clock.seconds
        if self.counts.look is not None and seconds >= self._counted + _COUNT_EVERY:
            self._counted += _COUNT_EVERY
            for line in self.counts.lines(seconds):
                self.table.remark(seconds, f"── {line}", Colour.BOLD)
