"""Hints between looks: the latest listings, shared in this process, and slow or silent scale sets."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from math import inf

from scaler.errors import BeingListed, ScalerError, Throttled, Unreachable
from scaler.model.capacity import Demand
from scaler.model.instance import Instance, ProvisioningState, ScaleSetName, VmId
from scaler.model.newcomers import Newcomer, Phase, phase_of
from scaler.model.policy import Policy
from scaler.model.readiness import HealthSeen
from scaler.model.row import Row, Status
from scaler.model.sighting import OuterTags, Pages, ScaleSetView
from scaler.ports import Clock, TagStore

_FOLLOWED_MARKED = 600.0  # seconds: it is offered by then, or something keeps it that no look will hasten


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A listing, and the view of the scale set right before."""

    view: ScaleSetView
    pages: Pages


class Asked:
    """The tags of a source outside the scale sets, asked for now and then by one of the controllers of a process."""

    def __init__(self, what: str) -> None:
        """`what`: the tags, for people."""
        self.tags = OuterTags()
        self._what = what
        self._since: float | None = None  # the first question
        self._due = -inf
        self._heard = False  # an answer or a failure has come

    def refresh(self, ask: Callable[[], OuterTags], now: float, every: timedelta) -> None:
        """Ask, if due. Without an answer the known tags hold; a 429 is no answer, and worth another question."""
        if now < self._due:
            return
        self._since = now if self._since is None else self._since
        again = now + every.total_seconds()
        if self._heard:
            self._due = again  # no other controller asks at the same time
        try:
            self.tags = ask()
        except Throttled as held:
            wait = held.retry_after.total_seconds()
            self._due = max(again, now + wait) if self._heard else now + wait
            return
        except ScalerError as error:
            self.tags = replace(self.tags, unread=f"{self._what} are not read: {error}")
        self._due, self._heard = again, True

    def awaited(self, now: float, patience: timedelta) -> str:
        """The tags, for people, while nothing is known of them since a question not long ago; else empty."""
        waits = not self._heard and self._since is not None and now - self._since < patience.total_seconds()
        return self._what if waits else ""


class Listings:
    """The latest listings, shared by the controllers of a process: hints, whose loss costs a listing and no machine."""

    def __init__(self, store: TagStore | None = None) -> None:
        """`store`: the operator's numbers outside ARM, where there are any."""
        self.store = store
        self.latest: dict[ScaleSetName, Listed] = {}
        self.newcomers: dict[VmId, Newcomer] = {}
        self.wanted: dict[ScaleSetName, float] = {}  # when each was first to be listed
        self.capacities: dict[ScaleSetName, int] = {}  # by the latest view, which may come where no listing does
        self.demand: dict[ScaleSetName, Demand] = {}  # as all these listings have shown it
        self.health: dict[ScaleSetName, HealthSeen] = {}  # as targeted GETs have shown it
        self.total: Demand | None = None  # of the scale sets that share one number
        self.warming: frozenset[VmId] = frozenset()  # what is being warmed, by the latest reading of Redis
        self.hot: frozenset[VmId] | None = None  # what is hot, or being heated, by the same reading
        self.grown: dict[ScaleSetName, float] = {}  # when its capacity was last raised
        self.marks_waited: dict[ScaleSetName, float] = {}  # when a new machine last waited long for its mark
        self.group = Asked("the tags of the resource group")
        self.keys = Asked("the keys of App Configuration")
        self._underway: dict[ScaleSetName, object] = {}

    def read(self, rows: Iterable[Row]) -> None:
        """Remember what a reading of Redis tells and no listing shows: for the provisioner, a stranger to Redis."""
        noted = [(row, notes) for row in rows if (notes := row.notes) is not None and (notes.claim or notes.heated)]
        self.warming = frozenset(row.vm_id for row, notes in noted if notes.is_being_warmed)
        self.hot = frozenset(row.vm_id for row, notes in noted if notes.is_heated and row.status is Status.AVAILABLE)

    @contextmanager
    def underway(self, name: ScaleSetName, retry_after: timedelta) -> Iterator[None]:
        """Mark a listing as under way. Raises BeingListed during another controller's: its pages serve soon."""
        ours = object()
        if self._underway.setdefault(name, ours) is not ours:  # one step, whatever other threads do
            raise BeingListed("another controller of this process is listing the scale set now", retry_after)
        try:
            yield
        finally:
            del self._underway[name]

    def follow(self, instance: Instance, sent: float, age: timedelta | None, *, boots: bool = False) -> None:
        """Note how far a new machine is. `age`: since its creation, if Azure says that. `boots`: as in `phase_of`."""
        before, phase = self.newcomers.get(instance.vm_id), phase_of(instance, boots=boots)
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
