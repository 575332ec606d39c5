"""A run under faults, line by line: faults, counts, and each wrong with the story of the machine."""

from collections.abc import Iterable, Sequence
from queue import Empty

from simulator.chaos_real.faults import Target
from simulator.chaos_real.injector import Injector
from simulator.figures import Counts
from simulator.happenings import Happening, Told, Trouble
from simulator.observer.wrong import Wrong
from simulator.story import Story
from simulator.view import Colour, Lines, Table


class FaultLines(Lines):
    """What the scaler complains of while parts are broken is counted, and not told."""

    def __init__(self, table: Table, counts: Counts, greeting: Sequence[str], injector: Injector) -> None:
        super().__init__(table, counts, greeting)
        self.failed_ticks = 0
        self._injector = injector
        self._story = Story(counts.clock.now)

    def note(self, text: str, colour: Colour = Colour.BOLD) -> None:
        """A line of the campaign's progress."""
        self.turn()
        self.table.remark(self.counts.clock.seconds, text, colour)

    def tell(self, happening: Happening) -> None:
        """Keep a happening for the stories; most happenings have no line."""
        super().tell(happening)
        self._story.hear(happening)
        if isinstance(happening, Told):
            self.failed_ticks += happening.event == "tick_failed"
        elif isinstance(happening, Trouble) and self._is_news(happening):
            self.note(f"! {happening.what}", Colour.RED)

    def _is_news(self, trouble: Trouble) -> bool:
        """The scaler has every right to complain, and a function to fail; the observer only while Redis is broken."""
        of_the_observer = trouble.what.startswith("Redis does not answer the observer")
        return of_the_observer and Target.REDIS not in self._injector.broken

    def accuse(self, wrong: Wrong) -> None:
        """A line in red, and the story."""
        self.turn()
        super().accuse(wrong)
        self._tell_story(wrong.vm_id, wrong.session)

    def explain(self, amiss: Iterable[str]) -> None:
        """The stories of the machines that these texts name."""
        said = list(amiss)
        for vm_id in self._story.machines:
            if any(vm_id in each for each in said):
                self._tell_story(vm_id, None)

    def turn(self) -> None:
        """What was broken or mended, and how things stand."""
        while True:
            try:
                seconds, text = self._injector.remarks.get_nowait()
            except Empty:
                break
            self.table.remark(seconds, text, Colour.YELLOW)
            self._story.note("injector", text)
        super().turn()

    def _tell_story(self, vm_id: str | None, session: str | None) -> None:
        for line in self._story.of(vm_id, session):
            self.table.free(f"      {line}")
