"""The end of a run: for people, as one JSON line, and as an exit status."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from emulator.history import What
from scaler.model.edges import CONTROLLERS
from simulator.figures import Figures, percentile
from simulator.happenings import Did
from simulator.observer.wrong import Kind, Wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The results of a run."""

    figures: Figures
    wrongs: Sequence[Wrong]
    calls: Mapping[str, int]  # ARM calls by caller
    redis: str
    speed: float
    seconds: float

    @property
    def exit_status(self) -> int:
        """1 after a wrong."""
        return 1 if self.wrongs else 0

    @property
    def calls_per_minute(self) -> float:
        """Of the wall clock."""
        return 60 * sum(self.calls.values()) / self.seconds if self.seconds else 0.0

    def count(self, kind: Kind) -> int:
        """How many wrongs of that kind."""
        return sum(each.kind is kind for each in self.wrongs)

    def as_json(self) -> str:
        """One line."""
        return json.dumps(self.facts())

    def facts(self) -> dict[str, object]:
        """Waits are in seconds on the wall; times `speed` they are seconds of the emulated world."""
        did, happened, waits = self.figures.did, self.figures.happened, self.figures.waits
        return {
            "visitors": did[Did.ARRIVED],
            "opened": did[Did.OPENED],
            "moved": did[Did.MOVED],
            "refused": did[Did.REFUSED],
            "abandoned": did[Did.GAVE_UP],
            "waiting": self.figures.waiting,
            "expired": did[Did.EXPIRED],
            "wait_p50_s": _rounded(percentile(waits, 0.50)),
            "wait_p95_s": _rounded(percentile(waits, 0.95)),
            **{kind.value: self.count(kind) for kind in Kind},
            "created": happened[What.CREATED],
            "deleted": happened[What.DELETED],
            "arm_calls": sum(self.calls.values()),
            "arm_calls_per_minute": round(self.calls_per_minute, 1),
            "arm_calls_per_controller": {name: self.calls.get(name, 0) for name in sorted(CONTROLLERS)},
            "redis": self.redis,
            "speed": self.speed,
            "seconds": round(self.seconds, 1),
        }

    def as_lines(self) -> Iterator[str]:
        """For people; the verdict comes after it."""
        did, happened = self.figures.did, self.figures.happened
        yield f"{self.seconds:.0f} seconds at {self.speed:g} times real speed, on {self.redis}"
        yield (
            f"visitors  {did[Did.ARRIVED]} came: {did[Did.OPENED]} let in, {did[Did.REFUSED]} refused, "
            f"{did[Did.GAVE_UP]} gave up, {self.figures.waiting} still wait"
            + (f"; {did[Did.MOVED]} moved to another machine" if did[Did.MOVED] else "")
            + (f"; {did[Did.EXPIRED]} stayed until their limit" if did[Did.EXPIRED] else "")
        )
        yield f"waits     {waits_in_words(self.figures.waits, self.speed)}"
        yield f"machines  {happened[What.CREATED]} created, {happened[What.DELETED]} deleted"
        each = ", ".join(f"{name} {self.calls.get(name, 0)}" for name in sorted(CONTROLLERS))
        emulated = self.calls_per_minute / self.speed
        yield f"ARM       {sum(self.calls.values())} calls, {emulated:.0f} per minute of the emulated world: {each}"

    def verdict(self) -> Iterator[tuple[str, bool]]:
        """The four counts, and every wrong; with each line, whether there is a wrong."""
        for kind in Kind:
            yield f"{kind.value.replace('_', ' '):25} {self.count(kind)}", self.count(kind) > 0
        for wrong in self.wrongs:
            yield in_words(wrong), True


def in_words(wrong: Wrong) -> str:
    """One wrong in words: the kind, the machine, the session and the reason."""
    whom = " ".join(
        word for word in (wrong.vm_id and f"vm {wrong.vm_id}", wrong.session and f"session {wrong.session}") if word
    )
    return f"WRONG ({wrong.kind.value.replace('_', ' ')}) {whom}: {wrong.why}"


def waits_in_words(waits: Sequence[float], speed: float) -> str:
    """Median and 95th percentile, on the wall and in the emulated world."""
    median, most = percentile(waits, 0.50), percentile(waits, 0.95)
    if median is None or most is None:
        return "nobody was let in yet"
    real = f" (at real speed {median * speed:.0f} s and {most * speed:.0f} s)" if speed != 1 else ""
    return f"p50 {median:.1f} s, p95 {most:.1f} s{real}"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)
