"""A run that breaks things, line by line: what was broken, how things stand, and each wrong with its story."""

from collections.abc import Callable, Iterable, Sequence
from queue import Empty
from types import TracebackType
from typing import Self

from simulator.chaos_real.mischief import Lane
from simulator.chaos_real.stage import Stage
from simulator.chaos_real.story import Stories
from simulator.clock import RunClock
from simulator.counts import counts
from simulator.figures import Figures
from simulator.happenings import Happening, Look, Told, Trouble
from simulator.observer.wrong import Wrong
from simulator.summary import in_words
from simulator.table import Colour, Table

_COUNT_EVERY = 10.0  # seconds


class Diary:
    """Implements View. What the scaler complains of while parts are away is counted, and not told."""

    def __init__(self, table: Table, stage: Stage, clock: RunClock, figures: Figures, calls: Callable[[], int]) -> None:
        self.failed_ticks = 0
        self._table = table
        self._stage = stage
        self._clock = clock
        self._figures = figures
        self._calls = calls
        self._stories = Stories(clock.since_start)
        self._look: Look | None = None
        self._counted = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """What was written stays."""

    def greet(self, lines: Sequence[str]) -> None:
        """What comes first."""
        for each in lines:
            self._table.free(each)

    def note(self, text: str, colour: Colour = Colour.BOLD) -> None:
        """Something that its reader waits for."""
        self.turn()
        self._table.remark(self._clock.seconds, text, colour)

    def tell(self, happening: Happening) -> None:
        """Kept for its story; most of it has no line."""
        self._stories.keep(happening)
        if isinstance(happening, Look):
            self._look = happening
        elif isinstance(happening, Told):
            self.failed_ticks += happening.event == "tick_failed"
        elif isinstance(happening, Trouble) and self._is_news(happening):
            self._table.remark(self._clock.seconds, f"! {happening.what}", Colour.RED)

    def _is_news(self, trouble: Trouble) -> bool:
        """The scaler has every right to complain, and a function to fail; the observer only while Redis is away."""
        return trouble.what.startswith("Redis does not answer the observer") and not self._stage.outages.away(
            Lane.REDIS
        )

    def accuse(self, wrong: Wrong) -> None:
        """In red, and how it came to it."""
        self.turn()
        self._table.remark(self._clock.since_start(wrong.at), in_words(wrong), Colour.RED)
        for line in self._stories.of(wrong.vm_id, wrong.session):
            self._table.free(line)

    def explain(self, shorts: Iterable[str]) -> None:
        """How it came to it, of machines by the first of their vm ids."""
        for line in self._stories.of_those(shorts):
            self._table.free(line)

    def turn(self) -> None:
        """What the lanes did, and how things stand."""
        while True:
            try:
                seconds, text = self._stage.remarks.get_nowait()
            except Empty:
                break
            self._table.remark(seconds, text, Colour.YELLOW)
        if self._look is not None and self._clock.seconds >= self._counted + _COUNT_EVERY:
            self._counted = self._clock.seconds
            for line in counts(self._look, self._figures, self._calls(), self._clock.seconds):
                self._table.remark(self._clock.seconds, f"── {line}", Colour.DIM)

    def end(self) -> None:
        """The last lines come like all others."""
