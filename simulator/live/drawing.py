"""A frame -> exactly as many lines as the screen has; the head first, if the screen is too small."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from rich.console import Group
from rich.text import Text

from simulator.live.frame import Frame
from simulator.live.head import head
from simulator.live.layout import Column, Piece, flowing, heading, rows, span
from simulator.live.machines import machines
from simulator.table import Colour, Line

_FEWEST_EVENTS = 2  # lines for them, however many machines there are
_SMALL, _ROOMY = 20, 30  # lines: below the one there is no legend, from the other on all of it
_OF_LINE: Mapping[Colour, str] = {
    Colour.PLAIN: "",
    Colour.DIM: "dim",
    Colour.GREEN: "green",
    Colour.YELLOW: "yellow",
    Colour.CYAN: "cyan",
    Colour.RED: "bold red",
    Colour.BOLD: "bold",
}
_EVENTS = (
    Column(title="at", width=6, right=True),
    Column(title="id", width=3, right=True),
    Column(title="vm", width=4),
    Column(title="Redis", width=11, screen=120),
    Column(title="Azure", width=12, screen=120),
    Column(title="visit", width=5),
    Column(title="step", width=13),
    Column(title="why", width=0),
)
_REMARKS = (_EVENTS[0], _EVENTS[-1])
_LEGEND = (
    "– not offered yet",
    "used: never again",
    "✓ marked",
    "visit: session",
    "tier: warm (stopped), cold (deallocated)",
    "waits: for turns, budgets, deadlines",
)


def draw(frame: Frame, width: int, height: int) -> Group:
    """The screen."""
    lines, legend = list(head(frame, width, height)), _legend(width, height)
    height_above = height - len(legend)
    lines += machines(frame, width, max(height_above - len(lines) - _FEWEST_EVENTS - 1, 0))
    lines += _events(frame, width, height_above - len(lines))
    lines = [*lines[:height_above], *[Text("")] * (height_above - len(lines))]
    return Group(*lines, *legend)


def _legend(width: int, height: int) -> list[Text]:
    """The legend; one line on a small screen."""
    found = list(flowing("legend    ", [Piece(each, "dim") for each in _LEGEND], width))
    return [] if height < _SMALL else found[:1] if height < _ROOMY else found


def _events(frame: Frame, width: int, room: int) -> Iterator[Text]:
    """What happened last, the newest below: as much as there is room for, with a heading."""
    if room <= 1:
        return
    yield heading(_EVENTS, width)
    for line in frame.events[1 - room :]:
        yield from rows(_EVENTS if line.step else _REMARKS, width, [_event(line, frame.speed)])


def _event(line: Line, speed: float) -> Mapping[str, Piece]:
    texts = {
        "at": span(timedelta(seconds=line.seconds * speed)),
        "id": line.instance_id,
        "vm": line.vm_id[:4],
        "Redis": line.status,
        "Azure": line.power,
        "visit": line.session,
        "step": line.step,
        "why": line.why,
    }
    return {title: Piece(text, _OF_LINE[line.colour]) for title, text in texts.items()}
