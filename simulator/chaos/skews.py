"""How far everybody's clock is ahead of the true time; any two of them differ by a minute at most."""

from dataclasses import dataclass
from datetime import timedelta
from random import Random

_MOST = 30.0  # seconds ahead or behind


@dataclass(frozen=True, slots=True, kw_only=True)
class Skews:
    """One for each clock that anybody reads. `replica`: that of the Redis which takes over in a failover."""

    azure: timedelta = timedelta(0)
    front_end: timedelta = timedelta(0)  # how far the Dates of Azure's second front end are behind those of the first
    redis: timedelta = timedelta(0)
    replica: timedelta = timedelta(0)
    hosts: tuple[timedelta, ...] = (timedelta(0),)

    @classmethod
    def drawn(cls, dice: Random, hosts: int) -> "Skews":
        """Any within the bounds."""
        azure, redis, replica, *rest = (timedelta(seconds=dice.uniform(-_MOST, _MOST)) for _ in range(3 + hosts))
        return cls(azure=azure, redis=redis, replica=replica, hosts=tuple(rest))


NO_SKEWS = Skews()
"""One host, and everybody's clock is right."""
