"""The choice of a view, its parts, and the lines at the end."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console

from scaler.model.plan import counted
from scaler.model.policy import Capacity, Mode
from simulator.figures import Counts, Figures, Summary
from simulator.live.board import Board
from simulator.live.rounds import Rounds, Spending
from simulator.live.screen import Picture, Screen, can_be_drawn_on
from simulator.narrator import Glance, NarratedLines, Narrator
from simulator.options import InvalidOptions, Options, Viewing
from simulator.parts.assembly import Parts
from simulator.view import Colour, Journal, Table, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What there is to be shown, and where. `glance` looks at both sides of one machine; `page`: an address."""

    options: Options
    parts: Parts
    figures: Figures
    glance: Callable[[str], Glance]
    page: str
    out: TextIO
    environ: Mapping[str, str]

    def board(self, *, redis: str = "", page: str = "") -> Board:
        """A board for a live view."""
        environment, speed = self.parts.environment, self.options.speed
        return Board(
            speed=speed,
            figures=self.figures,
            rounds=Rounds(environment.pace.every, environment.off, speed),
            spending=Spending(self.parts.azure.server.calls.after, speed),
            redis=redis,
            page=page,
        )

    def narrator(self, journal: Journal) -> Narrator:
        """A narrator that writes in a journal."""
        return Narrator(journal, self.parts.clock, self.glance)


type Show = Callable[[Scene], View]


def chosen(viewing: Viewing, out: TextIO, environ: Mapping[str, str]) -> Show:
    """The view that the user wants, or that suits `out`; raises InvalidOptions where `out` cannot show the view."""
    drawable = can_be_drawn_on(out, environ)
    if viewing is Viewing.LIVE and not drawable:
        raise InvalidOptions("VIEW: 'live' needs a terminal on standard output, and TERM to name it; or use VIEW=lines")
    if viewing is Viewing.LINES or not drawable or (viewing is Viewing.AUTO and environ.get("CI")):
        return lines
    return live


def lines(scene: Scene) -> View:
    """One line per change."""
    table = Table(scene.out, coloured=is_coloured(scene.out, scene.environ))
    counts = Counts(
        clock=scene.parts.clock, figures=scene.figures, arm_calls=scene.parts.arm_calls, speed=scene.options.speed
    )
    return NarratedLines(table, counts, tuple(_greeting(scene)), scene.narrator(table))


def live(scene: Scene) -> View:
    """A screen."""
    # COLUMNS and LINES, where they are exported, are those of the moment when the shell was started
    current = {name: value for name, value in scene.environ.items() if name not in {"COLUMNS", "LINES"}}
    console = Console(file=scene.out, highlight=False, markup=False, emoji=False, _environ=current)
    board = scene.board(redis=scene.parts.redis.url.removeprefix("redis://"), page=scene.page)
    return Screen(board, scene.narrator(board), scene.parts.clock, console)


def picture(scene: Scene) -> View:
    """A picture at the end."""
    board = scene.board()
    return Picture(board, scene.narrator(board), scene.parts.clock, scene.out)


def conclude(summary: Summary, out: TextIO, environ: Mapping[str, str]) -> None:
    """The summary after the view; wrongs are in red."""
    table = Table(out, coloured=is_coloured(out, environ))
    table.free("")
    for line in summary.as_lines():
        table.free(line)
    for line, is_wrong in summary.verdict():
        table.free(line, Colour.RED if is_wrong else Colour.PLAIN)


def is_coloured(out: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether the reader sees colours, and wants colours."""
    return can_be_drawn_on(out, environ) and not environ.get("NO_COLOR")


def in_words(capacity: Capacity) -> str:
    """The number of machines of a scale set, or the rule that finds one."""
    bounds = f"{capacity.mode}, {capacity.least} to {counted(capacity.most, 'machine')}"
    number = counted(capacity.desired, "machine") if capacity.mode is Mode.FIXED else bounds
    return f"{number}, {'a part of them' if capacity.warm_follows else capacity.warm} warm"


def _greeting(scene: Scene) -> Iterator[str]:
    parts = scene.parts
    fake = " (no redis-server on PATH)" if parts.redis.name.startswith("fakeredis") else ""
    capacity = parts.environment.settings.policy.capacity
    machines = "; ".join(f"{name}: {in_words(each)}" for name, each in capacity.items())
    yield f"Redis   {parts.redis.name}{fake} at {parts.redis.url}"
    yield f"Azure   emulated at {parts.azure.server.url}, {scene.options.speed:g} times faster than the real one"
    yield f"scaler  function_app.py with its four timers; {machines}"
    if scene.page:
        yield f"page    {scene.page} for a browser on this machine; it fills as the run goes on"
