"""Planted in the capacity: what Azure refused once is asked for again without end, or never again."""

from dataclasses import replace
from datetime import timedelta

from scaler.errors import OutOfCapacity, QuotaReached, Refused
from simulator.chaos.breaks.doors import ScaleSetDoor
from simulator.chaos.breaks.planted import Planted


class _AnyRefusal(ScaleSetDoor):
    """Azure's words on what there is room for are not read."""

    def set_capacity(self, capacity: int, etag: str | None, *, within: timedelta) -> None:
        try:
            self.inner.set_capacity(capacity, etag, within=within)
        except (QuotaReached, OutOfCapacity) as error:
            raise Refused(str(error)) from error


CAPACITY = (
    Planted(
        name="all-or-nothing",
        what="where the quota has room for some of the machines, all of them are asked for, again and again",
        weathers=("a quota that has room for some",),
        scale_set=_AnyRefusal,
    ),
    Planted(
        name="refused-for-ever",
        what="a capacity that was refused once is never asked for again, though there is room for it by now",
        weathers=("a quota that is raised in the end",),
        policy=lambda policy: replace(policy, refused_hold=timedelta(days=365)),
    ),
)
