"""Two clocks, Redis' TIME and Azure's Date: what has to be old is old by both, for either may be wrong for a while."""

from dataclasses import dataclass
from datetime import datetime, timedelta

YEARS = range(2000, 2200)
"""Years that a sound clock may show. What any other clock says is no evidence, and notes with such times are lost."""

APART = timedelta(minutes=1)
"""So far two honest clocks may differ (two front ends of ARM, two servers of Redis). Not scaled by speed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """Both at one look. `noted` is a time by Redis, `seen` one by Azure; None: that clock was not asked then."""

    now: datetime  # Redis' TIME
    at: datetime | None  # the Date header of the look; None: nobody looked

    def since_first_seen(self, seen: datetime | None, noted: datetime | None) -> timedelta | None:
        """How long ago something was seen first, by the clock that says less; None where it must be noted (again).

        A time that lies ahead by more than APART was noted by a clock that was wrong, and counts as not noted.
        """
        ages = self._ages(seen, noted)
        return min(ages) if seen is not None and ages and min(ages) >= -APART else None

    def age(self, noted: datetime | None, seen: datetime | None) -> timedelta | None:
        """How old something is that is noted once and for all, by the clock that says less; None where it is unknown.

        A clock by which it lies ahead by more than APART has nothing to say about it.
        """
        return min((age for age in self._ages(seen, noted) if age >= -APART), default=None)

    def _ages(self, seen: datetime | None, noted: datetime | None) -> list[timedelta]:
        by_azure = [self.at - seen] if seen is not None and self.at is not None else []
        by_redis = [self.now - noted] if noted is not None else []
        return by_azure + by_redis


def is_ahead(time: datetime | None, of: datetime) -> bool:
    """Whether a time was noted by a clock that was wrong."""
    return time is not None and time - of > APART
