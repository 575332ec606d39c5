"""Planted in the use of ARM's request budgets: lanes closed together, and looks that are not shared."""

from datetime import timedelta

from scaler.observe import Listings
from scaler.vmss.gates import Gates, Kind, Lane
from simulator.chaos.breaks.planted import Planted


class _OneLane(Gates):
    """A 429 to any write closes the lane of the starts too."""

    def throttled(self, kind: Kind, wait: timedelta) -> None:
        super().throttled(kind, wait)
        if kind.lane is Lane.WRITES:
            super().throttled(Kind.START, wait)


class _BeginsAnyListing(Gates):
    """What ARM has left does not count before its bucket is nearly empty, however many pages a listing takes."""

    def admit(self, kind: Kind, *, underway: bool = False) -> None:
        self._granted.clear()
        super().admit(kind, underway=underway)

    def listed(self, kind: Kind, pages: int) -> None:
        pass


BUDGETS = (
    Planted(
        name="listings-begun-in-vain",
        what="of two processes each begins listings for which ARM has not pages enough left, and ends them half-way",
        weathers=("four pages a listing",),
        gates=_BeginsAnyListing,
    ),
    Planted(
        name="one-lane-for-writes",
        what="a 429 to a mark or a deallocate holds back the starts, for which visitors wait",
        weathers=("marks and deallocates throttled",),
        gates=_OneLane,
    ),
    Planted(
        name="no-shared-listings",
        what="each controller lists for itself, and whoever asks late finds no page left in the budget",
        weathers=("two pages a listing", "four pages a listing"),
        listings=lambda _: Listings(),
    ),
)
