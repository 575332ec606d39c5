"""How a run is watched line by line: for pipes, for CI, and for whoever wants it so; live has the screen."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from simulator.figures import Counts
from simulator.happenings import Happening, Look
from simulator.narrator import Narrator
from simulator.observer.wrong import Wrong
from simulator.summary import in_words
from simulator.table import Colour, Table


class View:
    """A view of a run, entered when the run begins; at the exit the terminal is as before."""

    def __enter__(self) -> Self:
        """Begin to show."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Show no more."""

    def tell(self, happening: Happening) -> None:
        """Hear of a happening."""

    def accuse(self, wrong: Wrong) -> None:
        """Hear of a wrong."""

    def turn(self) -> None:
        """Called some ten times a second, for whatever has to be shown now and then."""

    def end(self) -> None:
        """The run is over but for the last looks, which take a second or two."""


_COUNT_EVERY = 5.0  # seconds
_LEGEND = "– = not offered yet; used = Unavailable, and never offered again; visit = session id; Ctrl-C ends it all\n"


class Lines(View):
    """The greeting, the counts now and then, and each wrong in red. What was written stays."""

    def __init__(self, table: Table, counts: Counts, greeting: Sequence[str] = ()) -> None:
        self.table = table
        self.counts = counts
        self._greeting = greeting
        self._counted = 0.0

    def __enter__(self) -> Self:
        for line in self._greeting:
            self.table.free(line)
        return self

    def tell(self, happening: Happening) -> None:
        """Keep the latest look."""
        if isinstance(happening, Look):
            self.counts.look = happening

    def accuse(self, wrong: Wrong) -> None:
        """A line in red."""
        self.table.remark(self.counts.clock.since_start(wrong.at), in_words(wrong), Colour.RED)

    def turn(self) -> None:
        """Write the counts, when the time has come."""
        seconds = self.counts.clock.seconds
        if self.counts.look is not None and seconds >= self._counted + _COUNT_EVERY:
            self._counted += _COUNT_EVERY
            for line in self.counts.lines(seconds):
                self.table.remark(seconds, f"── {line}", Colour.BOLD)


class NarratedLines(Lines):
    """A line per change as well."""

    def __init__(self, table: Table, counts: Counts, greeting: Sequence[str], narrator: Narrator) -> None:
        super().__init__(table, counts, greeting)
        self._narrator = narrator

    def __enter__(self) -> Self:
        super().__enter__()
        self.table.free(_LEGEND, Colour.DIM)
        self.table.heading()
        return self

    def tell(self, happening: Happening) -> None:
        """Write the line about a happening, if there is one."""
        super().tell(happening)
        self._narrator.tell(happening)
