"""Planted in orders: they live too long, rest on too little, hit whom they should not, or are not repeated."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from scaler.errors import Conflict, Refused
from scaler.model.edges import Actor
from scaler.model.instance import Instance, InstanceRef, VmId
from scaler.model.plan import Why
from scaler.model.sighting import Answer, Pages, ScaleSetView
from scaler.ports import ScaleSet
from simulator.chaos.breaks.doors import ScaleSetDoor
from simulator.chaos.breaks.planted import Planted
from simulator.chaos.breaks.wrappers import planned, shown

_FOR_EVER = 3600.0  # seconds: an order that lives so long outlives everything that it rested on


class _Undying(ScaleSetDoor):
    """Looks that do not age, so that the orders which rest on them do not either."""

    def list_instances(self) -> Pages:
        pages = self.inner.list_instances()
        return replace(pages, sent=pages.sent + _FOR_EVER)

    def get(self, ref: InstanceRef) -> Answer:
        answer = self.inner.get(ref)
        return replace(answer, sent=answer.sent + _FOR_EVER)


class _FromTheList(ScaleSetDoor):
    """Saves the targeted GET of what a listing has shown."""

    def __init__(self, inner: ScaleSet) -> None:
        super().__init__(inner)
        self._listed: dict[VmId, Instance] = {}

    def list_instances(self) -> Pages:
        pages = self.inner.list_instances()
        self._listed = {each.vm_id: each for each in pages.instances}
        return pages

    def get(self, ref: InstanceRef) -> Answer:
        answer = self.inner.get(ref)
        return replace(answer, found=self._listed.get(ref.vm_id, answer.found))


class _Unasked(ScaleSetDoor):
    """Takes every scale set for ours."""

    def view(self, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
        return replace(self.inner.view(no_older_than=no_older_than), managed_by="true")


class _Shrinking(ScaleSetDoor):
    """Lowers the capacity in the place of a delete by name, and lets Azure choose."""

    def delete(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        view = self.inner.view()
        self.inner.set_capacity(max(0, view.capacity - len(refs)), view.etag, within=within)


class _Offended(ScaleSetDoor):
    """Takes it for the machine's fault that something else is being done to it."""

    def start(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        try:
            self.inner.start(refs, within=within)
        except Conflict as conflict:
            raise Refused(str(conflict), "OperationNotAllowed", 409) from conflict


class _Unconditional(ScaleSetDoor):
    """Sends the capacity with `If-Match: *`, which every etag matches."""

    def set_capacity(self, capacity: int, etag: str | None, *, within: timedelta) -> None:
        self.inner.set_capacity(capacity, "*", within=within)


ORDERS = (
    Planted(
        name="undying-orders",
        what="an order is given however long ago it was decided",
        weathers=("late and doubled orders",),
        scale_set=_Undying,
    ),
    Planted(
        name="stop-by-listing",
        what="the provisioner stops machines as the listing showed them, without asking for each by its id",
        weathers=("lost sight",),
        scale_set=_FromTheList,
    ),
    Planted(
        name="without-consent",
        what="orders are given to a scale set whatever its tag says",
        weathers=("changing settings",),
        decide=shown(lambda fleet, _: replace(fleet, cloud=fleet.cloud.as_if_allowed())),
        scale_set=_Unasked,
    ),
    Planted(
        name="capacity-down",
        what="used machines are deleted by lowering the capacity, and Azure chooses which",
        weathers=("fair",),
        scale_set=_Shrinking,
    ),
    Planted(
        name="capacity-without-if-match",
        what="the capacity is sent without the etag that was read, over whatever it has become since it was read",
        weathers=(
            "a rush",
            "late orders to quick machines",
        ),
        policy=lambda policy: replace(policy, max_surge=1),  # so that a late one is for less than there is by then
        scale_set=_Unconditional,
    ),
    Planted(
        name="looks-without-end",
        what="a tick looks at everything that it wants to see, until its first look is too old for an order",
        weathers=("answers that take 15 s",),
        policy=lambda policy: replace(policy, looks_for=timedelta(hours=1)),
    ),
    Planted(
        name="all-or-nothing",
        what="a capacity that the quota has no room for is asked for again, and never a smaller one",
        weathers=("a quota that has room for some",),
        policy=lambda policy: replace(policy, refused_hold=timedelta(0)),
    ),
    Planted(
        name="overlaps-are-refusals",
        what="a start that Azure will not take while something else is being done to the machine counts as failed",
        weathers=("overlap answers",),
        scale_set=_Offended,
    ),
    Planted(
        name="delete-once",
        what="a delete that was noted is taken for done and never ordered again",
        weathers=("a moody ARM",),
        decide=planned(lambda each, _: None if each.why is Why.DELETE_OVERDUE else each, Actor.CLEANER),
    ),
)
