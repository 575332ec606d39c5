"""The lower part of the screen: what happened last, the newest below."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from rich.text import Text

from simulator.live.frame import Frame
from simulator.live.layout import Column, Piece, heading, rows, span
from simulator.table import Colour, Line

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


def events(frame: Frame, width: int, room: int) -> Iterator[Text]:
    """As many as there is room for, with a heading."""
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
