"""ARM's own request budgets, before any resource provider is asked: per principal, and for all of them together."""

import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from emulator.meter import Bucket
from emulator.refusals import turned_away
from emulator.switches import FrontDoorCode
from emulator.wire.exchange import Asked

_ALL = 15  # the bucket of all principals is so many times larger


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lane:
    name: str
    burst: int
    per_second: int


_READS = _Lane(name="reads", burst=250, per_second=25)
_WRITES = _Lane(name="writes", burst=200, per_second=10)
_DELETES = _Lane(name="deletes", burst=200, per_second=10)
_LANES = {"GET": _READS, "HEAD": _READS, "DELETE": _DELETES}  # a POST is a write, whatever it does


class FrontDoor:
    """Counts every request to one subscription; turns away where budgets are enforced."""

    def __init__(self, *, enforced: bool, speed: float, code: FrontDoorCode) -> None:
        self._enforced = enforced
        self._speed = speed
        self._code = code
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._lock = Lock()

    def admit(self, asked: Asked, now: datetime) -> dict[str, str]:
        """The headers that say what is left; raises the 429."""
        lane = _LANES.get(asked.method, _WRITES)
        with self._lock:
            own = self._bucket(lane, _principal(asked), 1, now)
            shared = self._bucket(lane, "", _ALL, now)
            wait = max(own.want(1, now), shared.want(1, now))
            if wait and self._enforced:
                raise turned_away(self._code, wait)
            for each in (own, shared):
                each.take(1)
            prefix = "x-ms-ratelimit-remaining-subscription"
            return {
                f"{prefix}-{lane.name}": str(int(own.level)),
                f"{prefix}-global-{lane.name}": str(int(shared.level)),
            }

    def _bucket(self, lane: _Lane, whose: str, times: int, now: datetime) -> Bucket:
        key = (lane.name, whose)
        if key not in self._buckets:
            self._buckets[key] = Bucket.full(lane.burst * times, lane.per_second * times, now, self._speed)
        return self._buckets[key]


def _principal(asked: Asked) -> str:
    """Whom the token is about; one that cannot be read is somebody by itself."""
    token = asked.headers.get("authorization", "").partition(" ")[2].strip()
    try:
        payload = token.split(".")[1]
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(claims["oid"])
    except (IndexError, KeyError, TypeError, ValueError):
        return token
