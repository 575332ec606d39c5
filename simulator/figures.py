"""What is counted during a run."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from math import ceil

from emulator.history import Event, What
from simulator.happenings import Did, Entry, Happening


class Tier(StrEnum):
    """How a machine rests, or rested before it was started."""

    WARM = "warm"  # stopped, its allocation kept: full price, starts in seconds
    COLD = "cold"  # deallocated: only its disk is billed, starts in minutes


_COMES_TO_REST = {What.STOPPED: Tier.WARM, What.DEALLOCATED: Tier.COLD}


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
    waits_on: dict[Tier, list[float]] = field(default_factory=lambda: {tier: [] for tier in Tier})
    tiers: dict[str, Tier] = field(default_factory=dict)  # vm id -> of those that are not gone
    _arrived: dict[str, datetime] = field(default_factory=dict)  # who still waits

    def see(self, happening: Happening) -> None:
        """Count it."""
        if isinstance(happening, Event):
            self.happened[happening.what] += 1
            self._note_tier(happening.what, happening.vm_id or "")
        elif isinstance(happening, Entry):
            self.did[happening.did] += 1
            self._time(happening)

    def _note_tier(self, what: What, vm_id: str) -> None:
        if what in _COMES_TO_REST:
            self.tiers[vm_id] = _COMES_TO_REST[what]
        elif what is What.DELETED:
            self.tiers.pop(vm_id, None)

    def _time(self, entry: Entry) -> None:
        if entry.did is Did.ARRIVED:
            self._arrived[entry.session] = entry.at
        elif entry.did in {Did.REFUSED, Did.GAVE_UP}:
            self._arrived.pop(entry.session, None)
        elif entry.did is Did.OPENED and entry.session in self._arrived:
            wait = (entry.at - self._arrived.pop(entry.session)).total_seconds()
            self.waits.append(wait)
            if entry.vm_id in self.tiers:
                self.waits_on[self.tiers[entry.vm_id]].append(wait)

    @property
    def waiting(self) -> int:
        """How many visitors have come and have no answer yet."""
        return len(self._arrived)
