"""What a run that broke things came to: for people, as one JSON line, and as an exit status."""

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from emulator.history import What
from simulator.chaos_real.mischief import Mischief
from simulator.figures import Figures
from simulator.happenings import Did
from simulator.observer.wrong import Kind, Wrong
from simulator.summary import in_words, waits_in_words
from simulator.table import WIDTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoning:
    """Seconds on the wall. `settled_in` is None where it did not settle within `bound`, because of what is `left`."""

    seed: int
    speed: float
    seconds: float
    redis: str
    figures: Figures
    wrongs: Sequence[Wrong]
    survived: Mapping[Mischief, int]
    restarts: int
    forgettings: int
    crashes: int  # of queue managers, between two steps
    failed_ticks: int
    arm_calls: int
    settled_in: float | None
    bound: float
    left: Sequence[str]
    strays: int  # records in Redis that nothing names any more
    interrupted: bool  # by its user

    @property
    def exit_status(self) -> int:
        """1 if anything was wrong, or did not settle."""
        return 1 if self.wrongs or self.settled_in is None else 0

    def count(self, kind: Kind) -> int:
        """How many wrongs of that kind."""
        return sum(each.kind is kind for each in self.wrongs)

    def as_lines(self) -> Iterator[tuple[str, bool]]:
        """For people; each line with whether it is about something wrong."""
        for title, text in self._account():
            yield from ((line, False) for line in textwrap.wrap(f"{title:9} {text}", WIDTH, subsequent_indent=" " * 10))
        yield from self._verdict()

    def _account(self) -> Iterator[tuple[str, str]]:
        did, happened = self.figures.did, self.figures.happened
        yield "run", f"seed {self.seed}, {self.seconds:.0f} seconds at {self.speed:g} times real speed, on {self.redis}"
        survived = ", ".join(f"{each} {self.survived[each]}" for each in Mischief if self.survived.get(each))
        yield "survived", survived or "nothing was broken"
        yield (
            "",
            (
                f"restarts {self.restarts}, losses of memory of Redis {self.forgettings}, "
                f"crashes of queue managers between two steps {self.crashes}"
            ),
        )
        yield "scaler", f"{self.failed_ticks} ticks failed and were made up for; {self.arm_calls} ARM calls arrived"
        visitors = (
            f"{did[Did.ARRIVED]} came: {did[Did.OPENED]} let in, {did[Did.REFUSED]} refused, "
            f"{did[Did.GAVE_UP]} gave up; {did[Did.MOVED]} were moved, {did[Did.DISPLACED]} had to ask again, "
            f"{did[Did.EXPIRED]} stayed until their limit"
        )
        yield "visitors", visitors
        yield "waits", waits_in_words(self.figures.waits, self.speed)
        if self.strays:
            yield (
                "left over",
                f"{self.strays} records in Redis that a crash took out of the index, of machines deleted by hand",
            )
        yield "machines", f"{happened[What.CREATED]} created, {happened[What.DELETED]} deleted"

    def _verdict(self) -> Iterator[tuple[str, bool]]:
        if self.settled_in is not None:
            yield f"settled   {self.settled_in:.1f} s after the last mischief (bound: {self.bound:.0f} s)", False
        else:
            early = "ended before it had settled:"
            yield early if self.interrupted else f"NOT SETTLED within {self.bound:.0f} s:", True
            yield from ((f"          {each}", True) for each in self.left)
        for kind in Kind:
            yield f"{kind.value.replace('_', ' '):25} {self.count(kind)}", self.count(kind) > 0
        for wrong in self.wrongs:
            yield in_words(wrong), True

    def as_json(self) -> str:
        """One line."""
        did = self.figures.did
        line: dict[str, object] = {
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
            "survived": {each.name.lower(): self.survived.get(each, 0) for each in Mischief},
            "restarts": self.restarts,
            "redis_forgot": self.forgettings,
            "queue_manager_crashes": self.crashes,
            "failed_ticks": self.failed_ticks,
            "visitors": did[Did.ARRIVED],
            "opened": did[Did.OPENED],
            "refused": did[Did.REFUSED],
            "abandoned": did[Did.GAVE_UP],
            "asked_again": did[Did.DISPLACED],
            "moved": did[Did.MOVED],
            **{kind.value: self.count(kind) for kind in Kind},
            "stray_records": self.strays,
            "settled_in_s": None if self.settled_in is None else round(self.settled_in, 1),
            "settling_bound_s": round(self.bound, 1),
        }
        return json.dumps(line)
