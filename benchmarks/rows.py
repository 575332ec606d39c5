"""A row of the table that `make bench` prints: what something costs, beside its floor and its goal."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from math import ceil
from typing import Any

from rich.table import Table


class Bound(StrEnum):
    """Which number the goal bounds."""

    RATIO = "ratio"  # of ours to the floor, from above
    MOST = "most"  # ours, from above
    LEAST = "least"  # ours, from below


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure of the table. `floor`: the least that the same work can cost here, or None."""

    name: str
    unit: str
    ours: float
    floor: float | None = None
    goal: float
    bound: Bound = Bound.RATIO

    @property
    def ratio(self) -> float | None:
        """How many times the floor the figure is."""
        return self.ours / self.floor if self.floor else None

    @property
    def reached(self) -> bool:
        """Whether the goal is met. Raises ValueError for a ratio without a floor."""
        match self.bound:
            case Bound.MOST:
                return self.ours <= self.goal
            case Bound.LEAST:
                return self.ours >= self.goal
            case Bound.RATIO:
                if self.ratio is None:
                    raise ValueError(f"{self.name}: a ratio needs a floor")
                return self.ratio <= self.goal

    @property
    def verdict(self) -> str:
        """For people: a goal that the floor itself misses is nobody's to reach."""
        if self.reached:
            return "reached"
        return "below floor" if self.bound is Bound.MOST and (self.floor or 0) > self.goal else "missed"

    @property
    def members(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "ratio": self.ratio, "reached": self.reached, "verdict": self.verdict}


def in_turn(rounds: int, *costs: Callable[[], float]) -> tuple[float, ...]:
    """The least of each cost: all above it is the rest of the machine. They take turns, so that none is favoured."""
    measured = [[cost() for cost in costs] for _ in range(rounds)]
    return tuple(min(each) for each in zip(*measured, strict=True))


def percentile(values: Sequence[float], share: int) -> float:
    """The smallest value that so many per cent of all do not exceed."""
    return sorted(values)[max(0, ceil(len(values) * share / 100) - 1)]


_SIGNS = {Bound.RATIO: "≤ {:g} ×", Bound.MOST: "≤ {:g}", Bound.LEAST: "≥ {:g}"}
_COLORS = {"missed": "red", "below floor": "yellow"}


def table(rows: Iterable[Row]) -> Table:
    """The rows for people."""
    shown = Table("figure", "unit", "ours", "floor", "ratio", "goal", "", box=None)
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f} ×"
        floor = "" if row.floor is None else f"{row.floor:,.2f}"
        color = _COLORS.get(row.verdict, "default")
        verdict = f"[{color}]{row.verdict}[/{color}]"
        goal = _SIGNS[row.bound].format(row.goal)
        shown.add_row(row.name, row.unit, f"{row.ours:,.2f}", floor, ratio, goal, verdict)
    for column in shown.columns[2:6]:
        column.justify = "right"
    return shown
