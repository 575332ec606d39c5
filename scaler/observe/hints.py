"""Hints between looks: the latest listings, shared in this process, and slow or silent scale sets."""

from collections.abc import Iterator
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
    """A listing, and the view of the scale set right before."""

    view: ScaleSetView
    pages: Pages


class Listings:
    """The latest listings, shared by the controllers of a process: hints, whose loss costs a listing and no machine."""

    def __init__(self) -> None:
        self.latest: dict[ScaleSetName, Listed] = {}
        self._underway: dict[ScaleSetName, object] = {}

    @contextmanager
    def underway(self, name: ScaleSetName, retry_after: timedelta) -> Iterator[None]:
        """Mark a listing as under way. Raises Throttled during another controller's listing, whose pages serve soon."""
        ours = object()
        if self._underway.setdefault(name, ours) is not ours:  # one step, whatever other threads do
            raise Throttled("another controller of this process is listing the scale set now", retry_after)
        try:
            yield
        finally:
            del self._underway[name]


class Silences:
    """Silences and slow answers of a service. A refusal at once (503, a budget) is no silence, and costs no time."""

    def __init__(self, clock: Clock, policy: Policy) -> None:
        self._clock = clock
        horizon = policy.order_horizon.total_seconds()
        self._long = horizon / 9  # 5 s: what a connection that is not answered takes at least
        self._put_off_for = horizon  # whoever was kept waiting gets all its orders through first
        self._took: dict[ScaleSetName, float] = {}
        self._ended: dict[ScaleSetName, float] = {}

    @contextmanager
    def listening(self, name: ScaleSetName) -> Iterator[None]:
        """Time the requests of a look to a scale set, and note a silence."""
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
        """Whether a scale set was silent at the last request, not long ago."""
        ended = self._ended.get(name)
        return ended is not None and self._clock.monotonic() - ended < self._put_off_for

    def since(self, moment: float) -> bool:
        """Whether any scale set has been silent since a moment."""
        return any(ended > moment for ended in self._ended.values())

    def took(self, name: ScaleSetName) -> float:
        """Seconds of the latest look at a scale set; if unknown, of the slowest look at another."""
        return self._took.get(name, max(self._took.values(), default=0.0))

    def slowness(self, name: ScaleSetName) -> float:
        """A sorting key: seconds of a slow look; quick answers count as equal, so that the configured order stays."""
        took = self._took.get(name, 0.0)
        return took if took >= self._long else 0.0
