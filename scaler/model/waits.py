"""Waits: the measured time from reservation to open machine, and further facts for the visitors of a web site.

No decision of a controller rests on waits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

from scaler.model.instance import Tier
from scaler.model.policy import Policy

LATEST = 100
"""Waits of a kind to keep: at a visitor a minute the last two hours, enough for a 90th percentile."""
ENOUGH = 10
"""Waits from which on the measured 90th percentile is told: of fewer the percentile is merely the longest."""
WAITS_EVERY = timedelta(seconds=10)
"""How often a controller publishes while nothing changes."""
_MOVES_ON_BY = timedelta(seconds=10)


MOVED = "moved"
"""The kind of the waits of moved sessions; the kind of all other waits is the tier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """New machines on the way to their offer, as a listing has shown them."""

    machines: int
    next_at: datetime | None = None  # when the first of them is expected, by Redis' clock; None: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """The facts published for the web site. None and empty: not known."""

    at: datetime | None = None  # of the latest writing, by Redis' clock
    latest: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # seconds from RESERVE to OPEN, by kind
    expected: Mapping[Tier, float] = field(default_factory=dict)  # seconds that a visitor is told
    free: Mapping[Tier, int] = field(default_factory=dict)  # machines on offer
    coming: Coming | None = None
    limit: float | None = None  # seconds that a session lasts at most; 0: unlimited

    def percentile(self, kind: str, share: float) -> float | None:
        """The percentile of the latest waits of a kind; None: nothing measured."""
        return percentile(self.latest.get(kind, ()), share)

    def told(self, tier: Tier, policy: Policy) -> timedelta:
        """The wait to tell a visitor: the 90th percentile, or the policy's number until enough waits are measured."""
        measured = self.latest.get(tier, ())
        found = percentile(measured, 0.9) if len(measured) >= ENOUGH else None
        if found is not None:
            return timedelta(seconds=found)
        boots = tier is not Tier.HOT and any(map(policy.awaits_health, policy.ready_when))
        return policy.start_takes[tier] + (policy.boot_takes if boots else timedelta(0))


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share of the values do not exceed (nearest rank); None without values."""
    if not values:
        return None
    ranked = sorted(values)
    return ranked[max(ceil(share * len(ranked)), 1) - 1]


def moved_on(expected: datetime, now: datetime) -> datetime:
    """Move an expected time that has passed on by 10 s, then by 20, by 40, and so on, until the time is to come.

    Twice as much each time, because a late start is later the longer the start is late. `scripts/look.lua` reckons
    the same.
    """
    by = _MOVES_ON_BY
    while expected <= now:
        expected, by = expected + by, 2 * by
    return expected
