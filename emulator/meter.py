"""Token buckets: filled steadily, emptied by calls, and refusing when one is missing."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from emulator.budgets import BATCHED, QUEUED, Call, Limit, limits
from emulator.refusals import throttled
from emulator.switches import Switches

WINDOW = timedelta(minutes=1)  # what a 429 says it has measured


@dataclass(slots=True, kw_only=True)
class Bucket:
    """One bucket. A speed above 1 refills it so many times faster."""

    burst: float
    per_second: float
    level: float
    since: datetime
    speed: float = 1.0
    asked: deque[tuple[datetime, float]] = field(default_factory=deque)

    @classmethod
    def full(cls, burst: float, per_second: float, now: datetime, speed: float = 1.0) -> "Bucket":
        """A new one."""
        return cls(burst=burst, per_second=per_second * speed, level=burst, since=now, speed=speed)

    def refill(self, now: datetime) -> None:
        """What has come since the last time."""
        gained = max(0.0, (now - self.since).total_seconds()) * self.per_second
        self.level = min(self.burst, self.level + gained)
        self.since = max(now, self.since)

    def want(self, tokens: float, now: datetime) -> timedelta:
        """How long a call for so many has to wait; it is remembered as measured whether it gets them or not."""
        self.refill(now)
        self.asked.append((now, tokens))
        while self.asked[0][0] <= now - WINDOW / self.speed:
            self.asked.popleft()
        missing = max(0.0, tokens - self.level)
        return timedelta(seconds=missing / self.per_second)

    def take(self, tokens: float) -> None:
        """So many less."""
        self.level = max(0.0, self.level - tokens)

    @property
    def measured(self) -> int:
        """How many were asked for within the window."""
        return round(sum(tokens for _, tokens in self.asked))


class Buckets(dict[tuple[str, str], Bucket]):
    """By the limit's name and the resource; the subscription's own have no resource."""


class Meter:
    """Counts one scale set's calls in the region's buckets."""

    def __init__(self, buckets: Buckets, owner: str, switches: Switches, *, enforced: bool, speed: float) -> None:
        self._buckets = buckets
        self._owner = owner
        self._switches = switches
        self._enforced = enforced
        self._speed = speed

    def charge(self, call: Call, resource: str, now: datetime, vms: int = 0) -> None:
        """Take the tokens; raises the 429 when one is missing, and then takes none."""
        wanted = [(each, self._bucket(each, resource, now), self._tokens(each, vms)) for each in self._limits(call)]
        for limit, bucket, tokens in wanted:
            wait = bucket.want(tokens, now)
            if wait and self._enforced:
                raise throttled(limit.name, wait, allowed=round(limit.burst), measured=bucket.measured)
        for _, bucket, tokens in wanted:
            bucket.take(tokens)

    def remaining(self, call: Call, resource: str, now: datetime) -> str:
        """The value of the header x-ms-ratelimit-remaining-resource; empty where answers have none."""
        told = [each for each in self._limits(call) if each.told]
        parts = [f"{each.name};{int(self._level(each, resource, now))}" for each in told]
        return ",".join(f"Microsoft.Compute/{each}" for each in (*parts, *([QUEUED] if BATCHED in told else ())))

    def policy(self, call: Call) -> str:
        """The bucket that a 429 names which comes by chance: the resource's own, where there is one."""
        found = self._limits(call)
        return next((each.name for each in found if each.own), found[0].name)

    def _limits(self, call: Call) -> Sequence[Limit]:
        return limits(call, self._switches)

    def _level(self, limit: Limit, resource: str, now: datetime) -> float:
        bucket = self._bucket(limit, resource, now)
        bucket.refill(now)
        return bucket.level

    @staticmethod
    def _tokens(limit: Limit, vms: int) -> float:
        return vms if limit.per_vm else 1

    def _bucket(self, limit: Limit, resource: str, now: datetime) -> Bucket:
        key = (limit.name, f"{self._owner}/{resource}" if limit.own else "")
        if key not in self._buckets:
            self._buckets[key] = Bucket.full(limit.burst, limit.refill / 60, now, self._speed)
        return self._buckets[key]
