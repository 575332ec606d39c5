"""A scale set that behaves like Azure's, with Azure's faults, on any clock."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from emulator.behaviour import Behaviour, Fault, Faults
from emulator.budgets import Call, Meter
from emulator.delivery import Arrivals, Delivery
from emulator.health.extension import Heard
from emulator.health.record import HealthRecord
from emulator.history import History
from emulator.machines import Machines
from emulator.orders import Given, Operation, OrderKind, Protection, Scale
from emulator.platform_events import PlatformEvents
from emulator.reading import Reading
from emulator.refusals import no_ids, not_allowed, not_for_flexible, not_found
from emulator.region import Profile, Region
from emulator.switches import EmptyIds
from emulator.vm import Vm, VmState
from emulator.world import MANAGED, SetState, new_world
from scaler.model.instance import PowerState

SET = "scale-set"  # the budgets' name for the scale set itself
_OWN = {
    OrderKind.DEALLOCATE: frozenset({Fault.DEALLOCATE_THROTTLED, Fault.DEALLOCATE_LATE}),
    OrderKind.POWER_OFF: frozenset({Fault.POWER_OFF_LATE}),
    OrderKind.DELETE: frozenset({Fault.DELETE_DOUBLED}),
}
"""Faults of orders of one kind only."""
_HELD_OFF = frozenset({OrderKind.DEALLOCATE, OrderKind.REIMAGE})  # what protectFromScaleSetActions keeps off
_HELD_OFF_BY_NAME = _HELD_OFF | {OrderKind.POWER_OFF}  # if Azure minds a VM that is named

_CALLS = {
    OrderKind.START: (Call.START, Call.VM_ACTION),
    OrderKind.RESTART: (Call.RESTART, Call.VM_ACTION),
    OrderKind.REIMAGE: (Call.RESTART, Call.VM_ACTION),  # documented: as a restart is
    OrderKind.REDEPLOY: (Call.RESTART, Call.VM_ACTION),
    OrderKind.POWER_OFF: (Call.POWER_OFF, Call.VM_DELETE),
    OrderKind.DEALLOCATE: (Call.DEALLOCATE, Call.VM_DELETE),
    OrderKind.DELETE: (Call.DELETE, Call.VM_DELETE),
}


class EmulatedScaleSet:
    """The behaviour: reads and orders show and suffer the faults; all else is the truth, and faults by order.

    `now` is Azure's clock; the name, the tags and the capacity are those of a fresh and empty scale set.
    Due events happen at the next question, never by themselves. Safe for threads.
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
        self.behaviour = behaviour
        self.name = name
        self._lock = world.region.lock
        self._world = world
        self._machines = Machines(world)
        self.meter = Meter(
            world.region.buckets, name, behaviour.switches, enforced=behaviour.metered, speed=behaviour.speed
        )
        self._arrivals = Arrivals(world, self._machines)
        self._platform = PlatformEvents(world, self._machines, self._arrivals)
        self._platform.wake()
        self._delivery = Delivery(world)
        self._reading = Reading(world)

    # -- what callers ask and order

    def read_set(self) -> SetState:
        """GET of the scale set."""
        with self._world:
            self._admit(Call.GET_SET, SET)
            return self._reading.scale_set()

    def read_set_view(self) -> tuple[VmState, ...]:
        """GET of the scale set's instance view: all VMs, to be summed up."""
        with self._world:
            self._admit(Call.SET_VIEW, SET)
            return self._reading.listing()

    def read_first_page(self, size: int | None = None) -> tuple[VmState, ...]:
        """All VMs, by instance id, as they are now; charged as one page of so many, the first of a listing."""
        with self._world as world:
            shown = min(size or len(world.vms), len(world.vms))
            self._admit(Call.LIST, SET, shown)
            return self._reading.listing()

    def read_further_page(self, shown: int) -> None:
        """Charge another page, of so many of the VMs that the first page told of already."""
        with self._world:
            self._admit(Call.LIST, SET, shown)

    def read_rows(self, skip: int, size: int, *, call: Call = Call.LIST) -> tuple[VmState, ...]:
        """All VMs, by instance id; charged as one page of so many from `skip` on."""
        with self._world as world:
            shown = min(size, max(0, len(world.vms) - skip))
            self._admit(call, SET, shown)
            return self._reading.listing(viewed=self._views(call))

    def read_vm(self, instance_id: str, *, call: Call = Call.GET_VM) -> VmState:
        """GET of one VM; a 404 is an ArmError."""
        with self._world as world:
            self._admit(call, instance_id, 1)
            found = self._reading.vm(world.key(instance_id), viewed=self._views(call))
            if found is None:
                raise not_found(f"virtualMachineScaleSets/{self.name}/virtualMachines/{instance_id}")
            return found

    def read_addresses(self) -> tuple[VmState, ...]:
        """One page of a listing of NICs or public IPs: all VMs, with such addresses as Microsoft.Network knows."""
        with self._world:
            self._admit(Call.NETWORK, SET)
            return self._reading.addresses()

    def read_operation(self, operation_id: str) -> Operation:
        """GET of an operation's status."""
        with self._world as world:
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
        with self._world as world:
            call, resource = self.call_of(kind, single=single), instance_ids[0] if single else SET
            self.meter.charge(call, resource, world.at, self.named_by(instance_ids))
            if world.flexible and not single and kind is not OrderKind.DELETE and not world.switches.flexible_batches:
                raise not_for_flexible(f"VirtualMachineScaleSets.{kind}.POST", self.name)
            keys = self._meant(kind, instance_ids)
            if not single and kind in _HELD_OFF_BY_NAME and world.switches.protection_holds_named:
                self._refuse_protected(keys)
            given = self._given(by, within)
            policy = self.meter.policy(call)
            own = _OWN.get(kind, frozenset[Fault]())
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
        with self._world as world:
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
        with self._world as world:
            self.meter.charge(Call.UPDATE_SET, SET, world.at)
            given, policy = self._given(by, within), self.meter.policy(Call.UPDATE_SET)
            return self._delivery.send(given, policy, lambda: self._arrivals.scale(scale, if_match, given))

    def answer_time(self) -> timedelta:
        """The time until ARM's next answer, which callers let pass by their own clock."""
        with self._lock:
            return self._world.chance.within(self._world.latencies.accept)

    def budget_left(self, call: Call, resource: str) -> str:
        """The value of x-ms-ratelimit-remaining-resource."""
        with self._world as world:
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
        with self._world as world:
            return len(world.vms) if list(instance_ids) == ["*"] else len(instance_ids)

    def _admit(self, call: Call, resource: str, vms: int = 0) -> None:
        self.meter.charge(call, resource, self._world.at, vms)
        self._reading.refuse(self.meter.policy(call))

    def _meant(self, kind: OrderKind, instance_ids: Sequence[str]) -> tuple[str, ...]:
        empty = self._world.switches.empty_ids
        if not instance_ids and empty is EmptyIds.REFUSED:
            raise no_ids()
        if list(instance_ids) != ["*"] and (instance_ids or empty is EmptyIds.NONE):
            return tuple(self._world.key(instance_id) for instance_id in instance_ids)
        if kind not in _HELD_OFF:
            return tuple(self._world.vms)
        return tuple(key for key, vm in self._world.vms.items() if not vm.state.protected_from_actions)

    def _refuse_protected(self, keys: Iterable[str]) -> None:
        """Raise the refusal of an action of the scale set on VMs that are protected from such."""
        found = (self._world.vms.get(key) for key in keys)
        held = [vm.state.instance_id for vm in found if vm is not None and vm.state.protected_from_actions]
        if held:
            raise not_allowed(f"Instances {', '.join(held)} are protected from scale set actions.")

    def _given(self, by: str, within: timedelta | None) -> Given:
        bound = timedelta(seconds=self.faults.late_within) if within is None else within
        return Given(by=by, at=self._world.at, within=bound)

    # -- what an observer sees and does

    @property
    def faults(self) -> Faults:
        """Faults with rates; may be replaced at any time."""
        return self._world.chance.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        with self._world as world:
            world.chance.faults = faults
            self._platform.wake()

    @property
    def struck(self) -> Mapping[Fault, int]:
        """How often each fault has struck so far, by its rate or by a script."""
        return self._world.chance.struck

    def script(self, fault: Fault, *, times: int | None = 1, instance_id: str | None = None) -> None:
        """Inject `fault` at its next `times` occasions (None: at all)."""
        with self._world as world:
            world.chance.script(fault, times=times, instance_id=instance_id)

    def clear_script(self) -> None:
        """Nothing scripted strikes any more."""
        with self._world as world:
            world.chance.clear_script()

    def happen(self, event: Fault, vm_id: str) -> bool:
        """Inject a platform event (EVICTED … DELETED_BY_SOMEBODY); False if impossible for the VM now."""
        with self._world:
            vm = self._living(vm_id)
            return vm is not None and self._platform.happen(event, vm)

    def enter(self, vm_id: str) -> None:
        """A visitor is inside a VM: the page shows the stream. The guest tells the health extension."""
        self._visit(vm_id, 1)

    def leave(self, vm_id: str) -> None:
        """A visitor inside a VM is gone."""
        self._visit(vm_id, -1)

    def running(self) -> list[str]:
        """The vm ids of the VMs that run."""
        with self._world as world:
            return [vm.state.vm_id for vm in world.vms.values() if vm.state.power is PowerState.RUNNING]

    def hear(self, vm_id: str, heard: Heard) -> None:
        """A VM's own responder answers its extension so from now on; simulated guests are for nobody then."""
        with self._world as world:
            vm, world.polled = self._living(vm_id), True
            if vm is not None and vm.health is not None:
                vm.health.told(world.at, heard)

    def health_of(self, vm_id: str) -> HealthRecord | None:
        """The health of a VM, for who judges a run; None without such a VM, or without the extension."""
        with self._lock:
            vm = self._living(vm_id)
            return vm.health if vm is not None else None

    def _visit(self, vm_id: str, more: int) -> None:
        with self._lock:  # what is due waits for the next question, as if nobody had come
            vm = self._living(vm_id)
            if vm is not None and vm.health is not None:
                vm.health.visit(self._world.queue.now, more)

    def limit(self, *, allocatable: int | None = None, cores: int | None = None) -> None:
        """Limit the region's free machines, and the subscription's cores; None: enough."""
        with self._world as world:
            world.allocatable, world.region.cores = allocatable, cores

    def tag(self, **tags: str) -> None:
        """Give the scale set these tags and no others (write `scaler:managed` as **{"scaler:managed": "true"})."""
        with self._world as world:
            world.change_set(tags=tuple(sorted(tags.items())), etag=world.set_state.etag + 1)

    def reshape(self, **properties: Any) -> None:
        """Let the scale set's body have these properties in place of the usual, objects member by member."""
        with self._world as world:
            world.change_set(shape=properties, etag=world.set_state.etag + 1)

    def make_anew(self) -> None:
        """Replace the scale set by an empty scale set of the same name, with another uniqueId."""
        with self._world as world:
            for vm in list(world.vms.values()):
                self._machines.interrupt(vm)
                world.remove(vm, "somebody")
            world.change_set(unique_id=world.chance.guid(), capacity=0, etag=1, created_at=world.at)

    @property
    def now(self) -> datetime:
        """Azure's clock; a Date header omits the fraction of a second."""
        with self._world as world:
            return world.at

    @property
    def next_due(self) -> datetime | None:
        """The time of the next event; None: no event is due."""
        with self._world as world:
            return world.queue.next_due

    @property
    def vms(self) -> tuple[VmState, ...]:
        """Every VM as it is, by instance id."""
        with self._world as world:
            return tuple(sorted((vm.state for vm in world.vms.values()), key=lambda row: row.rank))

    def find(self, vm_id: str) -> VmState | None:
        """The current state of a VM; None: gone, or never made."""
        with self._world:
            vm = self._living(vm_id)
            return vm.state if vm else None

    def behind(self, instance_id: str) -> VmState | None:
        """The VM that has this instance id now; raises ArmError for an invalid id."""
        with self._world as world:
            vm = world.vms.get(world.key(instance_id))
            return vm.state if vm else None

    def billed(self, vm_id: str) -> bool:
        """Whether the VM costs the full price now."""
        state = self.find(vm_id)
        return state is not None and state.billed

    @property
    def capacity(self) -> int:
        """sku.capacity."""
        return self.set_state.capacity

    @property
    def set_state(self) -> SetState:
        """The scale set as it is."""
        with self._world as world:
            return world.set_state

    @property
    def profile(self) -> Profile:
        """The profile of the scale set."""
        return self._world.profile

    @property
    def region(self) -> Region:
        """The region, shared with other scale sets of the subscription."""
        return self._world.region

    @property
    def flexible(self) -> bool:
        """Whether the orchestration is Flexible: instance ids are names."""
        return self._world.flexible

    @property
    def generation(self) -> int:
        """A number that changes whenever VMs come or go."""
        with self._world as world:
            return world.members

    @property
    def history(self) -> History:
        """The history of all events."""
        with self._world as world:
            return world.history

    def _living(self, vm_id: str) -> Vm | None:
        return next((vm for vm in self._world.vms.values() if vm.state.vm_id == vm_id), None)
