"""What looks remember: the latest listings, shared in this process, and which scale set kept us waiting."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from scaler.errors import Throttled, Unreachable
from scaler.model.instance import ScaleSetName
from scaler.model.policy import Policy
from scaler.model.sighting import Pages, ScaleSetView
from scaler.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One listing, and the scale set as it was seen right before."""

    view: ScaleSetView
    pages: Pages


class Listings:
    """Shared by the controllers of one process. Hints: losing them costs a listing, never a machine."""

    def __init__(self) -> None:
        self.latest: dict[ScaleSetName, Listed] = {}
        self._underway: dict[ScaleSetName, object] = {}

    @contextmanager
    def underway(self, name: ScaleSetName, retry_after: timedelta) -> Iterator[None]:
        """Around one listing. Raises Throttled where another controller is listing: its pages serve in a moment."""
        ours = object()
        if self._underway.setdefault(name, ours) is not ours:  # one step, whatever other threads do
            raise Throttled("another controller of this process is listing the scale set now", retry_after)
        try:
            yield
        finally:
            del self._underway[name]


class Silences:
    """Of one service. A no that comes at once (503, a budget) is not a silence: it costs nobody anything."""

    def __init__(self, clock: Clock, policy: Policy) -> None:
        self._clock = clock
        horizon = policy.order_horizon.total_seconds()
        self._long = horizon / 9  # 5 s: what a connection that is not answered takes at least
        self._put_off_for = horizon  # whoever was kept waiting gets all its orders through first
        self._took: dict[ScaleSetName, float] = {}
        self._ended: dict[ScaleSetName, float] = {}

    @contextmanager
    def listening(self, name: ScaleSetName) -> Iterator[None]:
        """Around everything that is asked of it in one look."""
        began = self._clock.monotonic()
        try:
            yield
        except Unreachable:
            if self._clock.monotonic() - began >= self._long:
                self._ended[name] = self._clock.monotonic()
            raise
        else:
            self._ended.pop(name, None)
        finally:
            self._took[name] = self._clock.monotonic() - began

    def lately(self, name: ScaleSetName) -> bool:
        """Whether it was silent when it was asked last, and that not long ago."""
        ended = self._ended.get(name)
        return ended is not None and self._clock.monotonic() - ended < self._put_off_for

    def since(self, moment: float) -> bool:
        """Whether anybody has been silent after that moment."""
        return any(ended > moment for ended in self._ended.values())

    def took(self, name: ScaleSetName) -> float:
        """Seconds that the latest look at it took; where that is not known, what the slowest of the others took."""
        return self._took.get(name, max(self._took.values(), default=0.0))

    def slowest_first(self, names: Iterable[ScaleSetName]) -> list[ScaleSetName]:
        """So that the looks at the others are fresh when orders rest on them."""
        return sorted(names, key=self._slowness, reverse=True)

    def quickest_first(self, names: Iterable[ScaleSetName]) -> list[ScaleSetName]:
        """So that who answers is not put off because of who does not."""
        return sorted(names, key=self._slowness)

    def _slowness(self, name: ScaleSetName) -> float:
        """Nobody who answers within a moment comes before another for it: the configured order stays."""
        took = self._took.get(name, 0.0)
        return took if took >= self._long else 0.0
