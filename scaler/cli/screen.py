"""Tables and lines: fitted to a terminal, whole and plain in a pipe. What others wrote is shown, never obeyed."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDE = 100_000  # a pipe has no width: nothing is wrapped or cut
_SHORT_ID = 8  # characters of a vm id, where a terminal has no room for more; the instance id stands beside it
_ROOMY = 150  # columns from which on ids are shown whole

type Cell = str | Text


class Screen:
    """Where a command writes. NO_COLOR and a pipe are respected by rich itself."""

    def __init__(self) -> None:
        self._out = _console(sys.stdout.isatty(), stderr=False)
        self._err = _console(sys.stderr.isatty(), stderr=True)

    def line(self, text: str, style: str = "") -> None:
        """One line."""
        self._out.print(Text(printable(text), style=style))

    def complain(self, text: str) -> None:
        """Write a message for the operator to stderr."""
        for line in text.splitlines():
            self._err.print(Text(printable(line), style="red"))

    def remark(self, text: str) -> None:
        """Write a remark to stderr, outside the answer."""
        self._err.print(Text(printable(text), style="yellow"))

    def clear(self) -> None:
        """An empty terminal; nothing in a pipe."""
        if self._out.is_terminal:
            self._out.clear()

    def json(self, value: object) -> None:
        """For machines: one document."""
        self._out.out(json.dumps(value, indent=2, default=str, ensure_ascii=True), highlight=False)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Cell]], fold: Mapping[str, int]) -> None:
        """Where a terminal is too narrow, the columns in `fold` take several lines, but keep that width at least."""
        if self._out.is_terminal:
            self._out.print(_fitted(columns, rows, fold))
        else:
            self._plain(columns, rows)

    def vm(self, vm_id: str) -> str:
        """A vm id: whole where there is room for it."""
        roomy = not self._out.is_terminal or self._out.width >= _ROOMY
        return vm_id if roomy else vm_id[:_SHORT_ID]

    def _plain(self, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
        """Aligned all the same: people look at pipes too."""
        cells = [list(columns), *([printable(str(cell)) for cell in row] for row in rows)]
        widths = [max(len(row[number]) for row in cells) for number in range(len(columns))]
        for row in cells:
            padded = (text.ljust(width) for text, width in zip(row, widths, strict=True))
            self._out.out("  ".join(padded).rstrip(), highlight=False)


def _console(terminal: bool, *, stderr: bool) -> Console:
    return Console(stderr=stderr, width=None if terminal else _WIDE, highlight=False, markup=False, emoji=False)


def _fitted(columns: Sequence[str], rows: Iterable[Sequence[Cell]], fold: Mapping[str, int]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column not in fold, min_width=fold.get(column))
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(printable(cell)) for cell in row))
    return table


def printable(text: str) -> str:
    """Escape control characters in foreign text: a terminal would obey them."""
    return "".join(mark if mark.isprintable() else f"\\x{ord(mark):02x}" for mark in text)


def times(number: int) -> str:
    """How often."""
    return "once" if number == 1 else f"{number} times"


def age(duration: timedelta) -> str:
    """How long, in its two largest units at most."""
    seconds = max(round(duration.total_seconds()), 0)
    for unit, length, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if seconds >= length:
            whole, rest = divmod(seconds, length)
            return f"{whole}{unit}{rest // part}{smaller}" if whole < 10 and rest // part else f"{whole}{unit}"
    return f"{seconds}s"
