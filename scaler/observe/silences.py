"""Who kept us waiting, and how long: hints, so that one scale set's silence does not cost another one's orders."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from scaler.errors import Unreachable
from scaler.model.instance import ScaleSetName
from scaler.model.policy import Policy
from scaler.ports import Clock


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
