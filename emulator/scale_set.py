"""A scale set that behaves like Azure's, with Azure's faults, on any clock."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from emulator.behaviour import Behaviour, Fault
from emulator.budgets import Call, Meter
from emulator.delivery import Arrivals, Delivery
from emulator.observed import Observed
from emulator.operations import Operation
from emulator.orders import Given, OrderKind, Protection, Scale
from emulator.reading import Reading
from emulator.refusals import no_ids, not_for_flexible, not_found
from emulator.region import Profile
from emulator.switches import EmptyIds
from emulator.vm import VmState
from emulator.world import MANAGED, SetState, World, new_world

SET = "scale-set"  # the budgets' name for the scale set itself
_OF_DEALLOCATES = frozenset({Fault.DEALLOCATE_THROTTLED, Fault.DEALLOCATE_LATE})
_HELD_OFF = frozenset({OrderKind.DEALLOCATE, OrderKind.REIMAGE})  # what protectFromScaleSetActions keeps off

_CALLS = {
    OrderKind.START: (Call.START, Call.VM_ACTION),
    OrderKind.RESTART: (Call.RESTART, Call.VM_ACTION),
    OrderKind.REIMAGE: (Call.RESTART, Call.VM_ACTION),  # documented: as a restart is
    OrderKind.REDEPLOY: (Call.RESTART, Call.VM_ACTION),
    OrderKind.POWER_OFF: (Call.POWER_OFF, Call.VM_DELETE),
    OrderKind.DEALLOCATE: (Call.DEALLOCATE, Call.VM_DELETE),
    OrderKind.DELETE: (Call.DELETE, Call.VM_DELETE),
}


class EmulatedScaleSet(Observed):
    """The behaviour, for callers: reads and orders show and suffer the faults, what `Observed` says is the truth.

    `now` is Azure's clock; the name, the tags and the capacity are those of a fresh and empty scale set.
    Safe for threads.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        name: str = "vmss-pixels",
        seed: int = 0,
        behaviour: Behaviour | None = None,
        tags: Mapping[str, str] | None = None,
        profile: Profile | None = None,
    ) -> None:
        behaviour = behaviour or Behaviour()
        world = new_world(now, name, seed, behaviour, MANAGED if tags is None else tags, profile or Profile())
        super().__init__(world, behaviour)
        self.name = name
        self.meter = Meter(
            world.region.buckets, name, behaviour.switches, enforced=behaviour.metered, speed=behaviour.speed
        )
        self._arrivals = Arrivals(world, self._machines, self._scaling)
        self._delivery = Delivery(world)
        self._reading = Reading(world)

    def read_set(self) -> SetState:
        """GET of the scale set."""
        with self._read(Call.GET_SET, SET):
            return self._reading.scale_set()

    def read_set_view(self) -> tuple[VmState, ...]:
        """GET of the scale set's instance view: all VMs, to be summed up."""
        with self._read(Call.SET_VIEW, SET):
            return self._reading.listing()

    def read_first_page(self, size: int | None = None) -> tuple[VmState, ...]:
        """All VMs, by instance id, as they are now; charged as one page of so many, the first of a listing."""
        with self._moment() as world:
            shown = min(size or len(world.vms), len(world.vms))
        with self._read(Call.LIST, SET, shown):
            return self._reading.listing()

    def read_further_page(self, shown: int) -> None:
        """Charge another page, of so many of the VMs that the first page told of already."""
        with self._read(Call.LIST, SET, shown):
            pass

    def read_rows(self, skip: int, size: int, *, call: Call = Call.LIST) -> tuple[VmState, ...]:
        """All VMs, by instance id; charged as one page of so many from `skip` on."""
        with self._moment() as world:
            shown = min(size, max(0, len(world.vms) - skip))
        with self._read(call, SET, shown):
            return self._reading.listing(viewed=self._views(call))

    def read_vm(self, instance_id: str, *, call: Call = Call.GET_VM) -> VmState:
        """GET of one VM; a 404 is an ArmError."""
        with self._read(call, instance_id, 1) as world:
            found = self._reading.vm(world.key(instance_id), viewed=self._views(call))
            if found is None:
                raise not_found(f"virtualMachineScaleSets/{self.name}/virtualMachines/{instance_id}")
            return found

    def read_addresses(self) -> tuple[VmState, ...]:
        """One page of a listing of NICs or public IPs: all VMs, with such addresses as Microsoft.Network knows."""
        with self._read(Call.NETWORK, SET):
            return self._reading.addresses()

    def read_operation(self, operation_id: str) -> Operation:
        """GET of an operation's status."""
        with self._moment() as world:
            self.meter.charge(Call.GET_OPERATION, operation_id, world.at)
            operation = world.operations.find(operation_id)
            if operation is None:
                raise not_found(f"locations/operations/{operation_id}")
            return operation

    def order(
        self,
        kind: OrderKind,
        instance_ids: Sequence[str],
        *,
        by: str = "somebody",
        within: timedelta | None = None,
        single: bool = False,
    ) -> Operation:
        """Start, stop, restart, reimage, redeploy or delete VMs. No ids, or "*", mean all VMs, as in Azure.

        Raises ArmError; or NoAnswer, if the order may have arrived, or may still arrive until `within`.
        `single`: charged to the VM's own budget, as the routes of one VM are.
        """
        with self._moment() as world:
            call, resource = self.call_of(kind, single=single), instance_ids[0] if single else SET
            self.meter.charge(call, resource, world.at, self.named_by(instance_ids))
            if world.flexible and not single and kind is not OrderKind.DELETE and not world.switches.flexible_batches:
                raise not_for_flexible(f"VirtualMachineScaleSets.{kind}.POST", self.name)
            keys = self._meant(kind, instance_ids)
            given = self._given(by, within)
            policy = self.meter.policy(call)
            own = _OF_DEALLOCATES if kind is OrderKind.DEALLOCATE else frozenset()
            return self._delivery.send(given, policy, lambda: self._arrivals.batch(kind, keys, given), own=own)

    def protect(
        self,
        instance_id: str,
        protection: Protection,
        *,
        if_match: str | None = None,
        by: str = "somebody",
        within: timedelta | None = None,
    ) -> Operation:
        """PUT of one VM's protectionPolicy: the mark."""
        with self._moment() as world:
            self.meter.charge(Call.UPDATE_VM, self.marked_in(instance_id), world.at, 1)
            target = world.key(instance_id)
            given, policy = self._given(by, within), self.meter.policy(Call.UPDATE_VM)
            return self._delivery.send(
                given,
                policy,
                lambda: self._arrivals.protection(target, protection, if_match, given),
                own=frozenset({Fault.MARK_THROTTLED}),
            )

    def scale(
        self, scale: Scale, *, if_match: str | None = None, by: str = "somebody", within: timedelta | None = None
    ) -> Operation:
        """PATCH or PUT of the scale set."""
        with self._moment() as world:
            self.meter.charge(Call.UPDATE_SET, SET, world.at)
            given, policy = self._given(by, within), self.meter.policy(Call.UPDATE_SET)
            return self._delivery.send(given, policy, lambda: self._arrivals.scale(scale, if_match, given))

    def answer_time(self) -> timedelta:
        """The time until ARM's next answer, which callers let pass by their own clock."""
        with self._lock:
            return self._world.draw(self._world.latencies.accept)

    def budget_left(self, call: Call, resource: str) -> str:
        """The value of x-ms-ratelimit-remaining-resource."""
        with self._moment() as world:
            return self.meter.remaining(call, resource, world.at)

    def call_of(self, kind: OrderKind, *, single: bool) -> Call:
        """Which budget an order is charged to: the batch's, or the VM's own."""
        if single and self._world.flexible:
            return Call.DELETE_MACHINE if kind is OrderKind.DELETE else Call.UPDATE_MACHINE
        return _CALLS[kind][single]

    def marked_in(self, instance_id: str) -> str:
        """The resource whose bucket is charged for the mark of a VM."""
        return instance_id if self._world.switches.mark_bucket_per_vm else SET

    def _views(self, call: Call) -> bool:
        """Whether the answer may show power states: as parts of a Flexible scale set VMs have none."""
        return not (self._world.flexible and call in {Call.LIST, Call.GET_VM})

    def named_by(self, instance_ids: Sequence[str]) -> int:
        """How many VMs are meant by this list, for whoever counts."""
        with self._moment() as world:
            return len(world.vms) if list(instance_ids) == ["*"] else len(instance_ids)

    @contextmanager
    def _read(self, call: Call, resource: str, vms: int = 0) -> Iterator[World]:
        with self._moment() as world:
            self.meter.charge(call, resource, world.at, vms)
            self._reading.refuse(self.meter.policy(call))
            yield world

    def _meant(self, kind: OrderKind, instance_ids: Sequence[str]) -> tuple[str, ...]:
        empty = self._world.switches.empty_ids
        if not instance_ids and empty is EmptyIds.REFUSED:
            raise no_ids()
        if list(instance_ids) != ["*"] and (instance_ids or empty is EmptyIds.NONE):
            return tuple(self._world.key(instance_id) for instance_id in instance_ids)
        if kind not in _HELD_OFF:
            return tuple(self._world.vms)
        return tuple(key for key, vm in self._world.vms.items() if not vm.state.protected_from_actions)

    def _given(self, by: str, within: timedelta | None) -> Given:
        bound = timedelta(seconds=self.faults.late_within) if within is None else within
        return Given(by=by, at=self._world.at, within=bound)
