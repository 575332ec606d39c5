"""A row of the table that `make bench` prints: what something costs, beside its floor and its goal."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure. The goal bounds the ratio to the floor; where there is no floor, the figure itself."""

    name: str
    unit: str
    ours: float
    floor: float | None = None
    goal: float

    @property
    def ratio(self) -> float | None:
        """How many times the floor it costs."""
        return self.ours / self.floor if self.floor else None

    @property
    def reached(self) -> bool:
        """Whether the goal is met."""
        return (self.ours if self.ratio is None else self.ratio) <= self.goal

    @property
    def members(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "ratio": self.ratio, "reached": self.reached}


def in_turn(rounds: int, *costs: Callable[[], float]) -> tuple[float, ...]:
    """The median of each cost. They take turns, so that a busy machine is busy for all of them."""
    measured = [[cost() for cost in costs] for _ in range(rounds)]
    return tuple(median(each) for each in zip(*measured, strict=True))


def table(rows: Iterable[Row]) -> Table:
    """The rows for people."""
    shown = Table("figure", "unit", "ours", "floor", "ratio", "goal", "", box=None)
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f} ×"
        goal = f"{row.goal:g}" if row.ratio is None else f"{row.goal:g} ×"
        floor = "" if row.floor is None else f"{row.floor:.2f}"
        mark = "reached" if row.reached else "[red]missed[/red]"
        shown.add_row(row.name, row.unit, f"{row.ours:.2f}", floor, ratio, goal, mark)
    for column in shown.columns[2:6]:
        column.justify = "right"
    return shown
