"""The figures and results of campaigns: for people, and as one line of JSON."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta

from simulator.observer.wrong import Kind, Wrong

_WIDTH = 100


@dataclass(slots=True, kw_only=True)
class Figures:
    """Counts by name; sums of several are made with `add`."""

    campaigns: int = 0
    ticks: int = 0
    effects: int = 0
    lived: timedelta = timedelta(0)  # virtual time
    faults: Counter[str] = field(default_factory=Counter)  # of Azure's, by the emulator's names
    accidents: Counter[str] = field(default_factory=Counter)  # of processes, of Redis, at the portal
    edges: Counter[str] = field(default_factory=Counter)  # steps of the lifecycle that the controllers took
    did: Counter[str] = field(default_factory=Counter)  # of the visitors

    def add(self, other: "Figures") -> None:
        """Both together."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of one campaign. `amiss`: what was still wrong at the bound."""

    weather: str
    seed: int
    figures: Figures
    settled_after: timedelta
    wrongs: tuple[Wrong, ...] = ()
    amiss: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether there is a failure to explain."""
        return bool(self.wrongs or self.amiss)


@dataclass(slots=True, kw_only=True)
class Summary:
    """Of all results so far. `bound`: by when everything must have settled."""

    bound: timedelta
    figures: Figures = field(default_factory=Figures)
    failed: list[Result] = field(default_factory=list)
    worst: Result | None = None  # the slowest to settle
    settled: timedelta = timedelta(0)  # altogether
    weathers: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, result: Result) -> None:
        """One more."""
        self.figures.add(result.figures)
        self.weathers[result.weather] += 1
        self.settled += result.settled_after
        if result.failed:
            self.failed.append(result)
        elif self.worst is None or result.settled_after > self.worst.settled_after:
            self.worst = result

    def count(self, kind: Kind) -> int:
        """How many wrongs of that kind."""
        return sum(wrong.kind is kind for each in self.failed for wrong in each.wrongs)

    @property
    def unsettled(self) -> int:
        """How many campaigns had no wrong, and had not settled at the bound."""
        return sum(bool(each.amiss) and not each.wrongs for each in self.failed)

    def as_lines(self) -> Iterator[str]:
        """The table."""
        figures, seconds = self.figures, self.seconds or 1.0
        yield (
            f"{many(figures.campaigns, 'seed')} in {self.seconds:.1f} s ({figures.campaigns / seconds:.1f} a second), "
            f"in {many(len(self.weathers), 'weather')}"
        )
        hours = figures.lived.total_seconds() / 3600
        yield f"{hours:.1f} hours of virtual time, {3600 * hours / seconds:.0f} times as fast as real"
        yield f"{figures.ticks} ticks ({figures.ticks / seconds:.0f} a second), {figures.effects} effects"
        yield from _table("visitors", figures.did)
        yield from _table("steps of machines", figures.edges)
        yield from _table("accidents", figures.accidents)
        yield from _table("faults of Azure", figures.faults)
        yield from self._settling()
        yield ""
        for kind in Kind:
            yield f"{kind.value.replace('_', ' '):26} {self.count(kind)}"
        yield f"{'not settled':26} {self.unsettled}"

    def _settling(self) -> Iterator[str]:
        yield ""
        if self.worst is None:
            return
        done = self.figures.campaigns - len(self.failed)
        yield (
            f"settled after {_minutes(self.settled / max(1, done))} on average, {_minutes(self.worst.settled_after)} "
            f"at worst (seed {self.worst.seed}, {self.worst.weather}); the bound is {_minutes(self.bound)}"
        )

    def as_json(self) -> str:
        """One line."""
        figures, seconds = self.figures, self.seconds or 1.0
        line: dict[str, object] = {
            "seeds": figures.campaigns,
            "seconds": round(self.seconds, 1),
            "seeds_per_second": round(figures.campaigns / seconds, 2),
            "ticks": figures.ticks,
            "ticks_per_second": round(figures.ticks / seconds),
            "effects": figures.effects,
            "virtual_hours": round(figures.lived.total_seconds() / 3600, 1),
            **{kind.value: self.count(kind) for kind in Kind},
            "unsettled": self.unsettled,
            "settled_worst_s": round(self.worst.settled_after.total_seconds()) if self.worst is not None else None,
            "settle_bound_s": round(self.bound.total_seconds()),
            "visitors": _by_name(figures.did),
            "edges": _by_name(figures.edges),
            "accidents": _by_name(figures.accidents),
            "faults": _by_name(figures.faults),
        }
        return json.dumps(line)


def _by_name(counted: Mapping[str, int]) -> dict[str, int]:
    return {name: counted[name] for name in sorted(counted)}


def many(number: int, noun: str) -> str:
    """So many of them: a noun with a plain plural."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _table(title: str, counted: Mapping[str, int]) -> Iterator[str]:
    """The most frequent first, in columns."""
    if not counted:
        return
    yield ""
    yield title
    ranked = sorted(counted.items(), key=lambda each: (-each[1], each[0]))
    yield from _in_columns([f"{number:>7} {name}" for name, number in ranked])


def _in_columns(cells: Sequence[str]) -> Iterable[str]:
    width = max(map(len, cells)) + 2
    many = max(1, _WIDTH // width)
    rows = -(-len(cells) // many)
    return ("".join(f"{cell:{width}}" for cell in cells[row::rows]).rstrip() for row in range(rows))


def _minutes(duration: timedelta) -> str:
    minutes, seconds = divmod(round(duration.total_seconds()), 60)
    return f"{minutes} min {seconds:02} s"
