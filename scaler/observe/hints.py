"""Hints between looks: the latest listings, shared in this process, and slow or silent scale sets."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from scaler.errors import Throttled, Unreachable
from scaler.model.capacity import Demand
from scaler.model.instance import Instance, ProvisioningState, ScaleSetName, VmId
from scaler.model.newcomers import Newcomer, Phase, phase_of
from scaler.model.policy import Policy
from scaler.model.sighting import Pages, ScaleSetView
from scaler.ports import Clock

_FOLLOWED_MARKED = 600.0  # seconds: it is offered by then, or something keeps it that no look will hasten


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A listing, and the view of the scale set right before."""

    view: ScaleSetView
    pages: Pages


class Listings:
    """The latest listings, shared by the controllers of a process: hints, whose loss costs a listing and no machine."""

    def __init__(self) -> None:
        self.latest: dict[ScaleSetName, Listed] = {}
        self.newcomers: dict[VmId, Newcomer] = {}
        self.demand: dict[ScaleSetName, Demand] = {}  # as all these listings have shown it
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

    def follow(self, instance: Instance, sent: float, age: timedelta | None) -> None:
        """Note how far a new machine is. `age`: since its creation, where Azure says that."""
        before, phase = self.newcomers.get(instance.vm_id), phase_of(instance)
        if before is not None and sent <= before.looked:
            return  # a kept listing is older than what a GET has shown since
        leaves = instance.provisioning is ProvisioningState.DELETING or instance.failed
        leaves = leaves or (instance.marked and instance.runs)
        forgotten = before is not None and before.phase is Phase.MARKED and sent - before.since > _FOLLOWED_MARKED
        if leaves or forgotten or (before is None and instance.marked):
            self.newcomers.pop(instance.vm_id, None)
            return
        if before is not None and before.phase is phase:
            since = before.since
        else:
            since = sent - age.total_seconds() if phase is Phase.MADE and age is not None else sent
        self.newcomers[instance.vm_id] = Newcomer(ref=instance.ref, phase=phase, since=since, looked=sent)

    def unfollow(self, vm_ids: Iterable[VmId]) -> None:
        """Forget machines that are gone."""
        for vm_id in vm_ids:
            self.newcomers.pop(vm_id, None)


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
