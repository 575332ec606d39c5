"""Looks that know up to which moment Redis remembers."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import cast

from redis import Redis

from emulator.scale_set import EmulatedScaleSet
from scaler.registry.keys import Keys
from simulator.happenings import Look
from simulator.looking import Looker

_COUNTER = "simulator:look"
_KEPT = 1_000  # looks, of four a second: longer ago than anything Redis may lose


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight(Look):
    """A look. Where Redis forgot, `remembered` is the latest moment up to which it surely did not."""

    remembered: datetime | None = None


class Sights(Looker):
    """Each look leaves its number in Redis: whoever finds an older one knows what came after it is gone.

    `aside` leads to the primary whatever the clients' way to it is like.
    """

    def __init__(self, scale_sets: Sequence[EmulatedScaleSet], aside: Redis, keys: Keys) -> None:
        super().__init__(scale_sets, aside, keys)
        self._azure = scale_sets[0]
        self._redis = aside
        self._numbers: deque[tuple[int, datetime]] = deque(maxlen=_KEPT)
        self._leave()

    def look(self) -> Sight:
        """Everything now."""
        found = super().look()
        last = int(cast("bytes | None", self._redis.get(_COUNTER)) or 0)
        forgot = last != self._numbers[-1][0]
        remembered = next((at for number, at in self._numbers if number == last), None) if forgot else None
        self._leave()
        seen = {each.name: getattr(found, each.name) for each in fields(Look)}
        return Sight(**{**seen, "forgot": forgot, "remembered": remembered})

    def _leave(self) -> None:
        """What was acknowledged before this moment is older than the number."""
        at, number = self._azure.now, self._numbers[-1][0] + 1 if self._numbers else 1
        self._redis.set(_COUNTER, number)
        self._numbers.append((number, at))
