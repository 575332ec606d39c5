"""What the river needs from outside, with the laws every implementation keeps (tests/contract holds them to it)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from scaler.model.ceiling import Ceiling
from scaler.model.instance import Addresses, InstanceId, InstanceRef, ScaleSetName, VmId
from scaler.model.lifecycle import Change
from scaler.model.row import Row, Snapshot
from scaler.model.sighting import Answer, Pages, Pause, ScaleSetView


class ScaleSet(Protocol):
    """One scale set in Azure. Every call raises scaler.errors only, and never waits for a long-running operation.

    Orders are idempotent towards their target state, are for the named instances only (an empty sequence is a
    ValueError: ARM would take it for "all"), and return when ARM accepted them. `within` bounds the whole call:
    an order not accepted by then is given up. An order whose answer was lost may still have arrived. Orders to several
    instances that a door gives one by one raise Partly, which tells of each; else all of them failed, or none.
    """

    @property
    def name(self) -> ScaleSetName:
        """The configured name, lower case."""
        ...

    def view(self, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
        """The scale set itself. A remembered answer up to `no_older_than` serves too, with its own `sent`."""
        ...

    def list_instances(self) -> Pages:
        """Every instance with its power state: all pages or an error, never a part."""
        ...

    def get(self, ref: InstanceRef) -> Answer:
        """The instance behind `ref.instance_id` now; a 404 is an answer, not an error."""
        ...

    def addresses(self) -> Mapping[InstanceId, Addresses]:
        """Where the instances can be reached: all of them, whatever their number, in the pages of one look.

        An instance without any address may be left out; one whose public address Azure has and does not tell is told
        of as that. Instance ids are reused: whoever asks has just seen whom
        the id names.
        """
        ...

    def start(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Start them. Raises Missing with the ids that Azure named when some are no more; others may have started."""
        ...

    def power_off(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Stop them and keep their allocation (still billed)."""
        ...

    def deallocate(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Stop them and give their allocation back."""
        ...

    def delete(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Delete them; sku.capacity falls by as many. One that is gone already is deleted: no error."""
        ...

    def mark(self, ref: InstanceRef, etag: str | None, *, within: timedelta) -> None:
        """Set protectFromScaleIn, If-Match `etag` where there is one."""
        ...

    def set_capacity(self, capacity: int, etag: str | None, *, within: timedelta) -> None:
        """PATCH sku.capacity with If-Match `etag`. Raises Conflict when the scale set has changed since.

        Without an etag: when the capacity is larger already, which is never lowered.
        """
        ...


class Confirmation(StrEnum):
    """What WAIT said about the writes before it."""

    REPLICATED = "replicated"  # a replica has them
    ALONE = "alone"  # this Redis has no replica to ask
    UNCONFIRMED = "unconfirmed"  # there is a replica, and it did not answer in time


class Registry(Protocol):
    """The state machine's memory, shared with the queue manager. Raises scaler.errors only.

    `now` of every answer is the registry's own clock. Values that are not ours to read are handed out as Unreadable
    and never overwritten.
    """

    def read(self) -> Snapshot:
        """Every machine the index names. Two round trips, whatever the number."""
        ...

    def read_also(self, vm_ids: Iterable[VmId]) -> Mapping[VmId, Row]:
        """Record and notes of machines that the index does not name (first seen in Azure). One round trip."""
        ...

    def apply(self, changes: Sequence[Change], *, good_until: datetime | None = None) -> tuple[Row | None, ...]:
        """Write each change if all that it was decided on is still what it was; one after the other, each atomically.

        That is the notes, to the byte, and the record but for `updatedAt` and the queue manager's own fields: these may
        change meanwhile, as often as they like, and are kept as they are then.

        Returns the new row per change, None where the race was lost: of all of them once it is later than `good_until`
        by the registry's own clock, or where the rows were read from another Redis server than the one that is asked
        now. One machine twice in a batch is a ValueError.
        """
        ...

    def confirm(self) -> Confirmation:
        """Whether a replica has what was applied before (WAIT 1, bounded by 200 ms)."""
        ...

    def reserved(self) -> frozenset[VmId]:
        """The members of the reserved index: the starter's probe, one round trip."""
        ...

    def pause(self, how: Pause) -> None:
        """Halt the controllers that read this registry, or let them go on (NONE), from their next tick on."""
        ...

    def keep_ceilings(self, ceilings: Mapping[ScaleSetName, Ceiling], *, lasts: timedelta) -> None:
        """Write down what Azure lately refused to make, in the place of what was written before, for so long."""
        ...

    def ceilings(self) -> Mapping[ScaleSetName, Ceiling]:
        """What is written down of that: for people, who see Redis and not the provisioner's memory."""
        ...


class Clock(Protocol):
    """Time as this process passes through it. It says nothing about what time it is anywhere."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        ...

    def sleep(self, duration: timedelta) -> None:
        """Let that much time pass."""
        ...


class Together(Protocol):
    """Makes several requests, at the same time where this process can; none of them raises."""

    def __call__[Found](self, requests: Sequence[Callable[[], Found]]) -> Iterable[Found]:
        """What each of them returned, in their order."""
        ...


def one_by_one[Found](requests: Sequence[Callable[[], Found]]) -> Iterator[Found]:
    """Implements Together without any threads."""
    return (request() for request in requests)
