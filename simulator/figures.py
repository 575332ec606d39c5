"""What is counted during a run."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil

from emulator.history import Event, What
from simulator.happenings import Did, Entry, Happening


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share of them do not exceed (nearest rank); None of nothing."""
    if not values:
        return None
    ranked = sorted(values)
    return ranked[max(ceil(share * len(ranked)), 1) - 1]


@dataclass(slots=True)
class Figures:
    """A wait is from a visitor's arrival until they are let in, in seconds on the wall."""

    did: Counter[Did] = field(default_factory=Counter)  # how often
    happened: Counter[What] = field(default_factory=Counter)  # to machines
    waits: list[float] = field(default_factory=list)
    _arrived: dict[str, datetime] = field(default_factory=dict)  # who still waits

    def see(self, happening: Happening) -> None:
        """Count it."""
        if isinstance(happening, Event):
            self.happened[happening.what] += 1
        elif isinstance(happening, Entry):
            self.did[happening.did] += 1
            self._time(happening)

    def _time(self, entry: Entry) -> None:
        if entry.did is Did.ARRIVED:
            self._arrived[entry.session] = entry.at
        elif entry.did in {Did.REFUSED, Did.GAVE_UP}:
            self._arrived.pop(entry.session, None)
        elif entry.did is Did.OPENED and entry.session in self._arrived:
            self.waits.append((entry.at - self._arrived.pop(entry.session)).total_seconds())

    @property
    def waiting(self) -> int:
        """How many visitors have come and have no answer yet."""
        return len(self._arrived)
