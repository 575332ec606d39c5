"""A run line by line: one per change, and now and then the counts. For pipes, for CI, and for whoever wants it so."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from simulator.clock import RunClock
from simulator.counts import counts
from simulator.figures import Figures
from simulator.happenings import Happening, Look
from simulator.narrator import Narrator
from simulator.observer.wrong import Wrong
from simulator.table import Colour, Table

_COUNT_EVERY = 5.0  # seconds
_LEGEND = "– = not offered yet; used = Unavailable, and never offered again; visit = session id; Ctrl-C ends it all\n"


@dataclass(slots=True, kw_only=True)
class Lines:
    """Implements View. The narrator writes on the table; `greeting` comes first."""

    table: Table
    narrator: Narrator
    clock: RunClock
    figures: Figures
    arm_calls: Callable[[], int]
    greeting: Sequence[str]
    _look: Look | None = None
    _counted: float = 0.0

    def __enter__(self) -> Self:
        for line in self.greeting:
            self.table.free(line)
        self.table.free(_LEGEND, Colour.DIM)
        self.table.heading()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """What was written stays."""

    def tell(self, happening: Happening) -> None:
        """The line about it, if it has one."""
        if isinstance(happening, Look):
            self._look = happening
        self.narrator.tell(happening)

    def accuse(self, wrong: Wrong) -> None:
        """A line in red."""
        self.narrator.accuse(wrong)

    def turn(self) -> None:
        """The counts, when it is time."""
        seconds = self.clock.seconds
        if self._look is not None and seconds >= self._counted + _COUNT_EVERY:
            self._counted += _COUNT_EVERY
            self.narrator.count(counts(self._look, self.figures, self.arm_calls(), seconds))

    def end(self) -> None:
        """The last lines come like all others."""
