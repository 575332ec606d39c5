"""Lines of text that fit a screen's width: rows of columns, and pieces that flow on; and how things look in them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from scaler.model.instance import Tier
from scaler.model.row import Status

_BETWEEN = " · "
WRONG = "bold white on red"
OF_STATUS: Mapping[str, str] = {
    Status.AVAILABLE: "green",
    Status.RESERVED: "bold yellow",
    Status.UNAVAILABLE: "cyan",
    "used": "dim",
}
OF_POWER: Mapping[str, str] = {"running": "bold", "failed": "bold red", "deallocated": "dim"}
OF_TIER: Mapping[Tier | None, str] = {Tier.HOT: "red", Tier.WARM: "yellow", Tier.COLD: "blue"}


class Piece(NamedTuple):
    """Some text, and rich's name for how it looks."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table. `width` in cells, 0: all that is left; `screen`: the narrowest screen with the column."""

    title: str
    width: int
    screen: int = 0
    right: bool = False


def rows(columns: Sequence[Column], width: int, cells: Sequence[Mapping[str, Piece]]) -> Iterator[Text]:
    """A line for each mapping of titles to cells; cells without a column are left out."""
    shown = [each for each in columns if each.screen <= width]
    rest = width - sum(each.width + 1 for each in shown if each.width)
    for row in cells:
        line = _line()
        for column in shown:
            text, style = row.get(column.title, Piece(""))
            line.append(_fitted(text, column.width or rest, right=column.right), style)
            line.append(" ")
        yield _cropped(line, width)


def heading(columns: Sequence[Column], width: int) -> Text:
    """The titles."""
    (line,) = rows(columns, width, [{each.title: Piece(each.title) for each in columns}])
    line.stylize("underline")
    return line


def flowing(label: str, pieces: Sequence[Piece], width: int) -> Iterator[Text]:
    """The pieces in turn, on as many lines as needed, right of the label."""
    indent = len(label)
    line, used = _line(Piece(label, "bold")), indent
    for number, piece in enumerate(pieces):
        text = " ".join(piece.text.split())
        between = _BETWEEN if number and used > indent else ""
        if used > indent and used + len(between) + cell_len(text) > width:
            yield _cropped(line, width)
            line, used, between = _line(Piece(" " * indent)), indent, ""
        line.append(between, "dim")
        line.append(text, piece.style)
        used += len(between) + cell_len(text)
    yield _cropped(line, width)


def ends(left: Sequence[Piece], right: Piece, width: int) -> Text:
    """A text at the left edge, and a text at the right edge where there is room."""
    line = _line(*left)
    gap = width - line.cell_len - cell_len(right.text)
    if gap > 1:
        line.append(" " * gap)
        line.append(right.text, right.style)
    return _cropped(line, width)


def plain(text: str, style: str, width: int) -> Text:
    """One line of one kind, over the whole width."""
    return _line(Piece(_fitted(text, width), style))


def span(duration: timedelta) -> str:
    """Six cells at most: 45s, 12m05s, 3h05m, 12d03h."""
    seconds = round(duration.total_seconds())
    for unit, smaller, length, within in (("d", "h", 86400, 3600), ("h", "m", 3600, 60), ("m", "s", 60, 1)):
        if seconds >= length:
            return f"{seconds // length}{unit}{seconds % length // within:02}{smaller}"
    return f"{seconds}s"


def _line(*pieces: Piece) -> Text:
    return Text.assemble(*pieces, no_wrap=True, overflow="crop")


def _fitted(text: str, width: int, *, right: bool = False) -> str:
    """Exactly so many cells; what is cut off is said to be. Line breaks are blanks."""
    text = " ".join(text.split())
    size = cell_len(text)
    if size > width:
        return set_cell_size(text, max(width - 1, 0)) + "…"[:width]
    return " " * (width - size) + text if right else text + " " * (width - size)


def _cropped(line: Text, width: int) -> Text:
    line.truncate(width)
    return line
