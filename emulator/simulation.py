"""Discrete-event simulation: an event queue on any clock, and seeded random draws that a script may override."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random

from emulator.behaviour import Fault, Faults, Span


class EventQueue:
    """Callbacks by due time; while a callback runs, `at` is the callback's due time."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()
        self.at = now()

    def after(self, delay: timedelta, action: Callable[[], None]) -> None:
        """Run `action` so much later than the moment that is being dealt with."""
        heappush(self._due, (self.at + delay, next(self._order), action))

    def catch_up(self) -> None:
        """Run all due callbacks."""
        now = max(self._now(), self.at)
        while self._due and self._due[0][0] <= now:
            due, _, action = heappop(self._due)
            self.at = max(due, self.at)
            action()
        self.at = now

    @property
    def next_due(self) -> datetime | None:
        """The due time of the next callback; None without callbacks."""
        return self._due[0][0] if self._due else None


@dataclass(slots=True, kw_only=True)
class _Scripted:
    fault: Fault
    instance_id: str | None  # None: whichever comes next
    left: int | None  # None: for ever


class Chance:
    """Decides whether a fault strikes. `faults` may be exchanged at any time."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self.faults = faults
        self.struck: Counter[Fault] = Counter()  # so far
        self._random = Random(seed)
        self._script: list[_Scripted] = []

    def script(self, fault: Fault, *, times: int | None = 1, instance_id: str | None = None) -> None:
        """Inject `fault` at its next `times` occasions; None: at all from now on."""
        self._script.append(_Scripted(fault=fault, instance_id=instance_id, left=times))

    def clear_script(self) -> None:
        """Forget what was scripted and has not struck yet."""
        self._script.clear()

    def strikes(self, fault: Fault, instance_id: str | None = None, *, share: float = 1.0) -> bool:
        """Whether a fault strikes on this occasion. `share`: the occasion's part of the unit of the rate."""
        rate = self.faults.rates.get(fault, 0.0) * share
        strikes = self._scripted(fault, instance_id) or (rate > 0 and self._random.random() < rate)
        if strikes:
            self.struck[fault] += 1
        return strikes

    def _scripted(self, fault: Fault, instance_id: str | None) -> bool:
        for each in self._script:
            if each.fault is fault and each.instance_id in {None, instance_id}:
                if each.left is not None:
                    each.left -= 1
                self._script = [entry for entry in self._script if entry.left != 0]
                return True
        return False

    def within(self, span: Span) -> timedelta:
        """A duration between its two ends."""
        low, high = span
        return timedelta(seconds=low if low == high else self._random.uniform(low, high))

    def one_of[T](self, things: Sequence[T]) -> T:
        """A random element."""
        return self._random.choice(things)

    def guid(self) -> str:
        """A GUID as Azure writes them."""
        bits = f"{self._random.getrandbits(128):032x}"
        return f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-a{bits[17:20]}-{bits[20:]}"
