"""The summary of a run under faults: the figures of any run, the faults survived, and whether all settled."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from simulator.chaos_real.faults import Fault
from simulator.figures import Summary
from simulator.happenings import Did
from simulator.view import WIDTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Summary):
    """Seconds on the wall. `settled_in` is None where the run had not settled at `bound`, because of what is `left`."""

    seed: int
    survived: Mapping[Fault, int]
    restarts: int
    forgettings: int  # losses of memory of Redis
    crashes: int  # of queue managers, between two steps
    failed_ticks: int
    settled_in: float | None
    bound: float
    left: Sequence[str]
    interrupted: bool  # by its user

    @property
    def exit_status(self) -> int:
        """1 after a wrong, or without settling."""
        return 1 if self.wrongs or self.settled_in is None else 0

    def facts(self) -> dict[str, object]:
        """The facts of every run, and what broke."""
        return {
            **Summary.facts(self),
            "seed": self.seed,
            "survived": {each.name.lower(): self.survived.get(each, 0) for each in Fault},
            "restarts": self.restarts,
            "redis_forgot": self.forgettings,
            "queue_manager_crashes": self.crashes,
            "failed_ticks": self.failed_ticks,
            "asked_again": self.figures.did[Did.DISPLACED],
            "settled_in_s": None if self.settled_in is None else round(self.settled_in, 1),
            "settling_bound_s": round(self.bound, 1),
        }

    def as_lines(self) -> Iterator[str]:
        """For people; the verdict comes after it."""
        survived = ", ".join(f"{each} {self.survived[each]}" for each in Fault if self.survived.get(each))
        text = f"survived  {survived or 'nothing was broken'}"
        yield from textwrap.wrap(text, WIDTH, subsequent_indent=" " * 10)
        yield (
            f"          restarts {self.restarts}, losses of memory of Redis {self.forgettings}, "
            f"crashes of queue managers between two steps {self.crashes}"
        )
        yield f"scaler    {self.failed_ticks} ticks failed and were made up for"
        yield from Summary.as_lines(self)

    def verdict(self) -> Iterator[tuple[str, bool]]:
        """Whether it settled, the four counts, and every wrong; each line with whether it is about a failure."""
        if self.settled_in is not None:
            yield f"settled   {self.settled_in:.1f} s after the last fault (bound: {self.bound:.0f} s)", False
        else:
            early = "ended before it had settled:"
            yield early if self.interrupted else f"NOT SETTLED within {self.bound:.0f} s:", True
            yield from ((f"          {each}", True) for each in self.left)
        yield from Summary.verdict(self)
