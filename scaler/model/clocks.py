"""Two clocks, Redis' TIME and Azure's Date. Old means old by both, for either clock may be wrong for a while."""

from dataclasses import dataclass
from datetime import datetime, timedelta

YEARS = range(2000, 2200)
"""Years that a sound clock may show. Other times are no evidence, and notes with such times are lost."""

APART = timedelta(minutes=1)
"""So far two honest clocks may differ (two front ends of ARM, two servers of Redis). Not scaled by speed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """Both clocks at a look. `noted` is a time by Redis, `seen` a time by Azure; None: the clock was not asked."""

    now: datetime  # Redis' TIME
    at: datetime | None  # the Date header of the look; None: nobody looked

    def since_first_seen(self, seen: datetime | None, noted: datetime | None) -> timedelta | None:
        """How long ago a fact was seen first, by the clock with the smaller age; None: to be noted (again).

        A time more than APART ahead was noted by a wrong clock, and counts as not noted.
        """
        ages = self._ages(seen, noted)
        return min(ages) if seen is not None and ages and min(ages) >= -APART else None

    def age(self, noted: datetime | None, seen: datetime | None) -> timedelta | None:
        """The age of a fact that is noted once and for all, by the clock with the smaller age; None if unknown.

        A clock by which the fact lies more than APART ahead is not asked.
        """
        return min((age for age in self._ages(seen, noted) if age >= -APART), default=None)

    def _ages(self, seen: datetime | None, noted: datetime | None) -> list[timedelta]:
        by_azure = [self.at - seen] if seen is not None and self.at is not None else []
        by_redis = [self.now - noted] if noted is not None else []
        return by_azure + by_redis


def is_ahead(time: datetime | None, of: datetime) -> bool:
    """Whether a time was noted by a clock that was wrong."""
    return time is not None and time - of > APART
