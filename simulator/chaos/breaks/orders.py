"""Planted in what is asked of ARM: orders, capacity, and the budgets of requests."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from scaler.errors import Conflict, OutOfCapacity, QuotaReached, Refused
from scaler.model.edges import Actor
from scaler.model.instance import Instance, InstanceRef, VmId
from scaler.model.plan import Why
from scaler.model.sighting import Answer, Pages
from scaler.observe import Listings
from scaler.ports import ScaleSet
from scaler.vmss.gates import Gates, Kind, Lane
from simulator.chaos.breaks.planted import Planted, answered, rewired, shown, unplanned

_FOR_EVER = 3600.0  # seconds: an order that lives so long outlives everything that it rested on


def _undying[Looked: (Pages, Answer)](looked: Looked) -> Looked:
    """Looks that do not age, so that the orders which rest on them do not either."""
    return replace(looked, sent=looked.sent + _FOR_EVER)


def _from_the_list(inner: ScaleSet) -> Any:
    """Save the targeted GET of what a listing has shown."""
    listed: dict[VmId, Instance] = {}

    def remembered(pages: Pages) -> Pages:
        listed.clear()
        listed.update({instance.vm_id: instance for instance in pages.instances})
        return pages

    def looked_up(answer: Answer) -> Answer:
        return replace(answer, found=listed.get(answer.asked.vm_id, answer.found))

    return answered(list_instances=remembered, get=looked_up)(inner)


def _lower_the_capacity(inner: ScaleSet, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
    """Lower the capacity in the place of a delete by name, and let Azure choose."""
    view = inner.view()
    inner.set_capacity(max(0, view.capacity - len(refs)), view.etag, within=within)


def _take_offence(inner: ScaleSet, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
    """Take it for the machine's fault that something else is being done to it."""
    try:
        inner.start(refs, within=within)
    except Conflict as conflict:
        raise Refused(str(conflict), "OperationNotAllowed", 409) from conflict


def _over_any_etag(inner: ScaleSet, capacity: int, _: str | None, *, within: timedelta) -> None:
    """Send the capacity with `If-Match: *`, which every etag matches."""
    inner.set_capacity(capacity, "*", within=within)


def _deaf_to_reasons(inner: ScaleSet, capacity: int, etag: str | None, *, within: timedelta) -> None:
    """Azure's words on what there is room for are not read."""
    try:
        inner.set_capacity(capacity, etag, within=within)
    except (QuotaReached, OutOfCapacity) as error:
        raise Refused(str(error)) from error


class _OneLane(Gates):
    """A 429 to any write closes the lane of the starts too."""

    def throttled(self, kind: Kind, wait: timedelta) -> None:
        super().throttled(kind, wait)
        if kind.lane is Lane.WRITES:
            super().throttled(Kind.START, wait)


class _BeginsAnyListing(Gates):
    """What ARM has left does not count before its bucket is nearly empty, however many pages a listing takes."""

    def admit(self, kind: Kind, *, underway: bool = False) -> None:
        for lists in self._lists.values():
            lists._granted = None
        super().admit(kind, underway=underway)


ORDERS = {
    "undying-orders": Planted(
        what="an order is given however long ago it was decided",
        weathers=("late and doubled orders",),
        scale_set=answered(list_instances=_undying, get=_undying),
    ),
    "stop-by-listing": Planted(
        what="the provisioner stops machines as the listing showed them, without asking for each by its id",
        weathers=("lost sight",),
        scale_set=_from_the_list,
    ),
    "without-consent": Planted(
        what="orders are given to a scale set whatever its tag says",
        weathers=("changing settings",),
        decide=shown(lambda fleet: replace(fleet, cloud=fleet.cloud.as_if_allowed())),
        scale_set=answered(view=lambda view: replace(view, managed_by="true")),
    ),
    "capacity-down": Planted(
        what="used machines are deleted by lowering the capacity, and Azure chooses which",
        weathers=("fair",),
        scale_set=rewired(delete=_lower_the_capacity),
    ),
    "capacity-without-if-match": Planted(
        what="the capacity is sent without the etag that was read, over whatever it has become since it was read",
        weathers=("a rush", "late orders to quick machines"),
        policy=lambda policy: replace(policy, max_surge=1),  # so that a late one is for less than there is by then
        scale_set=rewired(set_capacity=_over_any_etag),
    ),
    "all-or-nothing": Planted(
        what="where the quota has room for some of the machines, all of them are asked for, again and again",
        weathers=("a quota that has room for some",),
        scale_set=rewired(set_capacity=_deaf_to_reasons),
    ),
    "overlaps-are-refusals": Planted(
        what="a start that Azure will not take while something else is being done to the machine counts as failed",
        weathers=("overlap answers",),
        scale_set=rewired(start=_take_offence),
    ),
    "delete-once": Planted(
        what="a delete that was noted is taken for done and never ordered again",
        weathers=("a moody ARM",),
        decide=unplanned(Actor.CLEANER, Why.DELETE_OVERDUE),
    ),
}
BUDGETS = {
    "listings-begun-in-vain": Planted(
        what="of two processes each begins listings for which ARM has not pages enough left, and ends them half-way",
        weathers=("four pages a listing",),
        gates=_BeginsAnyListing,
    ),
    "one-lane-for-writes": Planted(
        what="a 429 to a mark or a deallocate holds back the starts, for which visitors wait",
        weathers=("marks and deallocates throttled",),
        gates=_OneLane,
    ),
    "no-shared-listings": Planted(
        what="each controller lists for itself, and whoever asks late finds no page left in the budget",
        weathers=("two pages a listing", "four pages a listing"),
        listings=lambda _: Listings(),
    ),
    "refused-for-ever": Planted(
        what="a capacity that was refused once is never asked for again, though there is room for it by now",
        weathers=("a quota that is raised in the end",),
        policy=lambda policy: replace(policy, refused_hold=timedelta(days=365)),
    ),
}
