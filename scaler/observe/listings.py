"""The latest listing of each scale set in this process: pages are scarce, and serve all controllers while young."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from scaler.errors import Throttled
from scaler.model.instance import ScaleSetName
from scaler.model.sighting import Pages, ScaleSetView


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
