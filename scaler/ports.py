"""The interfaces to Azure, Redis and time, with the laws of every implementation (tests/contract checks the laws)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from operator import call
from typing import Protocol

from scaler.errors import ScalerError
from scaler.model.instance import Addresses, InstanceRef, ScaleSetName, VmId
from scaler.model.lifecycle import Change
from scaler.model.row import Row, Snapshot
from scaler.model.scarcity import Ceiling
from scaler.model.sighting import Answer, OuterTags, Pages, Pause, ScaleSetView

type Together = Callable[[Sequence[Callable[[], object]]], Iterable[object]]
"""Makes several requests, at the same time where the process can, and gives the results in order; no request raises."""


class ScaleSet(Protocol):
    """One scale set in Azure. Every call raises scaler.errors only, and never waits for a long-running operation.

    Orders are idempotent towards the target state, reach the named instances only (an empty sequence is a ValueError:
    ARM would read "all instances"), and return when ARM has accepted. `within` bounds the whole call: an order not
    accepted by then is given up. An order whose answer was lost may still have arrived. Where a door orders several
    instances one by one, Partly names the failures; else the whole order failed, or none of it.
    """

    @property
    def name(self) -> ScaleSetName:
        """The configured name, lower case."""

    def view(self, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
        """Ask for the scale set. A remembered answer up to `no_older_than` serves too, with the old `sent`."""

    def group_tags(self) -> OuterTags:
        """Ask for the tags of the resource group, for seconds at most: whoever lists waits for the answer."""

    def list_instances(self) -> Pages:
        """Every instance with its power state: all pages or an error, never a part."""

    def get(self, ref: InstanceRef) -> Answer:
        """The instance behind `ref.instance_id` now; a 404 is an answer, not an error."""

    def addresses(
        self, refs: Sequence[InstanceRef], together: Together
    ) -> tuple[Mapping[VmId, Addresses | None], Sequence[ScalerError]]:
        """Ask for the addresses of instances, in as few requests as it takes; and what went wrong on the way.

        An instance without any address may be left out, and None stands for an answer that did not come; without any
        answer the error is raised. A public address that Azure has and does not tell is marked as such. Instance ids
        are reused: the caller has just seen which machine the id names.
        """

    def start(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Start instances. Raises Missing with the ids that Azure no longer knows; the rest may have started."""

    def power_off(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Stop instances and keep the allocation (still billed)."""

    def deallocate(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Stop instances and give the allocation back."""

    def delete(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Delete instances; sku.capacity falls by as many. An instance that is gone already is no error."""

    def mark(self, ref: InstanceRef, etag: str | None, *, within: timedelta) -> None:
        """Set protectFromScaleIn, If-Match `etag` where there is one."""

    def set_capacity(self, capacity: int, etag: str | None, *, within: timedelta) -> None:
        """PATCH sku.capacity with If-Match `etag`. Raises Conflict when the scale set has changed since.

        Without an etag, Conflict means that the capacity is larger already: a capacity is never lowered.
        """


class TagStore(Protocol):
    """The operator's numbers outside ARM, by the names of the tags. Raises scaler.errors only."""

    def read(self) -> OuterTags:
        """Ask for all keys, for seconds at most: whoever lists waits for the answer."""


class Confirmation(StrEnum):
    """The answer of WAIT about the preceding writes."""

    REPLICATED = "replicated"  # a replica has them
    ALONE = "alone"  # this Redis has no replica to ask
    UNCONFIRMED = "unconfirmed"  # there is a replica, and it did not answer in time


class Registry(Protocol):
    """The state machine's memory, shared with the queue manager. Raises scaler.errors only.

    `now` of every answer is the registry's own clock. Values that are not the scaler's to read are handed out as
    Unreadable and never overwritten.
    """

    def read(self) -> Snapshot:
        """Read every machine in the index. Two round trips for any number of machines."""

    def read_also(self, vm_ids: Iterable[VmId]) -> Mapping[VmId, Row]:
        """Read record and notes of machines outside the index (first seen in Azure). One round trip."""

    def apply(self, changes: Sequence[Change], *, good_until: datetime | None = None) -> tuple[Row | None, ...]:
        """Write the changes in order, each atomically and only if the facts behind the decision have not changed.

        Compared are the notes, to the byte, and the record without `updatedAt` and the queue manager's own fields:
        these may change meanwhile, any number of times, and keep their newest values.

        Returns the new row for each change, and None for a lost race. Every race is lost after `good_until` by the
        registry's own clock, and where another Redis server answers now than at the reading. One machine twice in a
        batch is a ValueError.
        """

    def confirm(self) -> Confirmation:
        """Ask whether a replica has the changes applied before (WAIT 1, bounded by 200 ms)."""

    def reserved(self) -> frozenset[VmId]:
        """The members of the reserved index: the starter's probe, one round trip."""

    def pause(self, how: Pause) -> None:
        """Halt the controllers that read this registry from the next tick on; NONE ends the halt."""

    def keep_ceilings(self, ceilings: Mapping[ScaleSetName, Ceiling], *, lasts: timedelta) -> None:
        """Replace the stored ceilings: capacities that Azure lately refused. The note `lasts` for a while."""

    def ceilings(self) -> Mapping[ScaleSetName, Ceiling]:
        """Read the stored ceilings: for people, who see Redis and not the provisioner's memory."""


class Clock(Protocol):
    """The process's own time: durations only, never the time of day."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back, and counts what the host was suspended for."""

    def sleep(self, duration: timedelta) -> None:
        """Let time pass."""


def one_by_one(requests: Sequence[Callable[[], object]]) -> Iterator[object]:
    """Implements Together without any threads."""
    return map(call, requests)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The doors a plan goes through. The provisioner has no registry at all."""

    registry: Registry | None
    scale_sets: Mapping[ScaleSetName, ScaleSet]
    clock: Clock
    together: Together = one_by_one  # how targeted GETs are made
