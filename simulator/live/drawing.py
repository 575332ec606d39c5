"""A frame -> exactly as many lines as the screen has: the head, the machines that matter most, and the last events."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from rich.console import Group
from rich.text import Text

from scaler.model.row import Status
from simulator.figures import statuses
from simulator.live.frame import Frame, Machine
from simulator.live.head import head
from simulator.live.layout import (
    OF_POWER,
    OF_STATUS,
    OF_TIER,
    WRONG,
    Column,
    Piece,
    flowing,
    heading,
    plain,
    rows,
    span,
)
from simulator.view import Colour, Line

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
    "tier: hot (running), warm (stopped), cold (deallocated)",
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


_INTEREST: Mapping[str, int] = {Status.RESERVED: 1, Status.UNAVAILABLE: 2, "used": 3, "–": 4, Status.AVAILABLE: 5}
_MACHINES = (
    Column(title="scale set", width=13),
    Column(title="id", width=3, right=True),
    Column(title="vm", width=4, screen=110),
    Column(title="Redis", width=11),
    Column(title="Azure", width=12),
    Column(title="mark", width=4),
    Column(title="tier", width=4),
    Column(title="age", width=6, right=True),
    Column(title="visit", width=5),
    Column(title="last step", width=11),
    Column(title="ago", width=6, screen=110, right=True),
    Column(title="why", width=0),
)
_ALONE = frozenset({"scale set"})  # columns that say nothing where there is one scale set only


def machines(frame: Frame, width: int, room: int) -> Iterator[Text]:
    """The rows of machines: in a constant order as long as all fit, so that each life can be watched."""
    columns = _MACHINES if len({each.scale_set for each in frame.machines}) > 1 else _without(_MACHINES, _ALONE)
    shown: Sequence[Machine] = frame.machines
    if len(shown) > room - 1:
        shown = sorted(shown, key=_interest)[: max(room - 2, 0)]
    if room > 0:
        yield heading(columns, width)
    yield from rows(columns, width, [_machine(each, frame) for each in shown])
    if room > 1 and len(shown) < len(frame.machines):
        hidden = set(frame.machines) - set(shown)
        words = ", ".join(f"{number} {word}" for word, number in statuses(each.status for each in hidden).items())
        yield plain(f"… and {len(hidden)} more: {words}", "dim", width)


def _interest(machine: Machine) -> int:
    """The lower, the more."""
    if machine.wronged or machine.power == "failed":
        return 0
    return _INTEREST[machine.status]


def _without(columns: Sequence[Column], titles: frozenset[str]) -> Sequence[Column]:
    return tuple(each for each in columns if each.title not in titles)


def _machine(each: Machine, frame: Frame) -> Mapping[str, Piece]:
    last = each.last
    ago = "" if last is None else span(timedelta(seconds=(frame.seconds - last.seconds) * frame.speed))
    dim = "dim" if each.status == "used" else ""
    cells = {
        "scale set": Piece(each.scale_set, dim),
        "id": Piece(each.instance_id, dim),
        "vm": Piece(each.vm_id[:4], dim),
        "Redis": Piece(each.status, OF_STATUS.get(each.status, "")),
        "Azure": Piece(each.power, dim or OF_POWER.get(each.power, "")),
        "mark": Piece("✓" if each.marked else "–", dim),
        "tier": Piece(each.tier or "–", dim or OF_TIER.get(each.tier, "dim")),
        "age": Piece(span(each.age), dim),
        "visit": Piece(each.session, dim),
        "last step": Piece(last.step if last is not None else "", dim),
        "ago": Piece(ago, dim),
        "why": Piece(last.why if last is not None else "", dim or _of_why(last)),
    }
    return {title: Piece(piece.text, WRONG) for title, piece in cells.items()} if each.wronged else cells


def _of_why(line: Line | None) -> str:
    return "bold red" if line is not None and line.colour is Colour.RED else ""
