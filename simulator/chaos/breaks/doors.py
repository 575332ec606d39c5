"""The doors to Redis and Azure with nothing wrong with them yet: a planted bug overrides the method it is in."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from scaler.model.ceiling import Ceiling
from scaler.model.instance import Addresses, InstanceId, InstanceRef, ScaleSetName, VmId
from scaler.model.lifecycle import Change
from scaler.model.row import Row, Snapshot
from scaler.model.sighting import Answer, Pages, Pause, ScaleSetView
from scaler.ports import Confirmation, Registry, ScaleSet


class RegistryDoor:
    """Implements scaler.ports.Registry by another one."""

    def __init__(self, inner: Registry) -> None:
        self.inner = inner

    def read(self) -> Snapshot:
        """Every machine the index names."""
        return self.inner.read()

    def read_also(self, vm_ids: Iterable[VmId]) -> Mapping[VmId, Row]:
        """Record and notes of machines that the index does not name."""
        return self.inner.read_also(vm_ids)

    def apply(self, changes: Sequence[Change], *, good_until: datetime | None = None) -> tuple[Row | None, ...]:
        """Write each change if its row is still what it was."""
        return self.inner.apply(changes, good_until=good_until)

    def confirm(self) -> Confirmation:
        """Whether a replica has what was applied before."""
        return self.inner.confirm()

    def reserved(self) -> frozenset[VmId]:
        """The members of the reserved index."""
        return self.inner.reserved()

    def pause(self, how: Pause) -> None:
        """Halt the controllers that read this registry, or let them go on."""
        self.inner.pause(how)

    def keep_ceilings(self, ceilings: Mapping[ScaleSetName, Ceiling], *, lasts: timedelta) -> None:
        """Write down what Azure lately refused to make."""
        self.inner.keep_ceilings(ceilings, lasts=lasts)

    def ceilings(self) -> Mapping[ScaleSetName, Ceiling]:
        """What is written down of that."""
        return self.inner.ceilings()


class ScaleSetDoor:
    """Implements scaler.ports.ScaleSet by another one."""

    def __init__(self, inner: ScaleSet) -> None:
        self.inner = inner

    @property
    def name(self) -> ScaleSetName:
        """The configured name."""
        return self.inner.name

    def view(self, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
        """The scale set itself."""
        return self.inner.view(no_older_than=no_older_than)

    def list_instances(self) -> Pages:
        """Every instance with its power state."""
        return self.inner.list_instances()

    def get(self, ref: InstanceRef) -> Answer:
        """The instance behind the id now."""
        return self.inner.get(ref)

    def addresses(self) -> Mapping[InstanceId, Addresses]:
        """Where the instances can be reached."""
        return self.inner.addresses()

    def start(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Start them."""
        self.inner.start(refs, within=within)

    def power_off(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Stop them and keep their allocation."""
        self.inner.power_off(refs, within=within)

    def deallocate(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Stop them and give their allocation back."""
        self.inner.deallocate(refs, within=within)

    def delete(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Delete them."""
        self.inner.delete(refs, within=within)

    def mark(self, ref: InstanceRef, etag: str | None, *, within: timedelta) -> None:
        """Set protectFromScaleIn."""
        self.inner.mark(ref, etag, within=within)

    def set_capacity(self, capacity: int, etag: str | None, *, within: timedelta) -> None:
        """PATCH sku.capacity."""
        self.inner.set_capacity(capacity, etag, within=within)
