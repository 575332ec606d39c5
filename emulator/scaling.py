"""sku.capacity: creation of VMs, and deletion by a lower capacity or by id."""

from collections.abc import Sequence
from dataclasses import replace

from emulator.behaviour import Fault
from emulator.history import What
from emulator.machines import Machines
from emulator.operations import Operation
from emulator.orders import Given, OrderKind, Scale
from emulator.switches import SetOverlap
from emulator.transitions import admit_new
from emulator.vm import Vm, VmState
from emulator.world import World


class Scaling:
    """The membership of the scale set."""

    def __init__(self, world: World, machines: Machines) -> None:
        self._world = world
        self._machines = machines
        self._next_id = 0

    def change(self, scale: Scale, given: Given) -> Operation:
        """A PATCH or PUT of the capacity. A change without effect is done at once."""
        world, before = self._world, self._world.set_state
        capacity = before.capacity if scale.capacity is None else scale.capacity
        victims = self._victims(capacity)
        tags = before.tags if scale.tags is None else tuple(sorted(scale.tags.items()))
        after = replace(before, capacity=max(capacity, self._counted() - len(victims)), tags=tags)
        admit_new(world, after.capacity - self._counted() + len(victims))
        if after.capacity != before.capacity:
            self._overlap()
        if after != before:
            world.change_set(capacity=after.capacity, tags=after.tags, etag=before.etag + 1)
        if scale.capacity is not None:
            world.write(What.CAPACITY_SET, None, given.by, given=given, detail=f"{before.capacity}→{capacity}")
        return self._carry_out(victims, given)

    def _overlap(self) -> None:
        """Raise a conflict with an operation under way, or preempt the operation, or run beside it."""
        if not self._world.busy or self._world.switches.set_overlap is SetOverlap.BOTH:
            return
        if self._world.switches.set_overlap is SetOverlap.CONFLICT:
            raise self._world.conflict()
        self._world.preempt_set()

    def _carry_out(self, victims: Sequence[Vm], given: Given) -> Operation:
        missing = max(0, self._world.set_state.capacity - self._counted() + len(victims))
        coming = [each for each in range(missing) if not self._world.chance.strikes(Fault.CREATE_LOST)]
        operation = self._world.begin(len(coming) + len(victims), of_set=True)
        for victim in victims:
            victim.counted = False
            self._machines.begin(victim, OrderKind.DELETE, given, operation)
        for _ in coming:
            self._create(given, operation)
        return operation

    def delete(self, vms: Sequence[Vm], given: Given) -> Operation:
        """Delete these; sku.capacity follows."""
        if any(vm.counted for vm in vms):
            self._overlap()
        operation = self._world.begin(len(vms), of_set=True)
        for vm in vms:
            if self._world.switches.delete_lowers_capacity_at_once:
                self._world.stop_counting(vm)
            self._machines.begin(vm, OrderKind.DELETE, given, operation)
        return operation

    def _create(self, given: Given, operation: Operation) -> None:
        world = self._world
        state = VmState(
            instance_id=self._free_id(),
            vm_id=world.chance.guid(),
            created_at=world.at,
            changed_at=world.at,
            identified=world.switches.vm_id_at_once,
            private_ip=world.region.addresses.private(),
        )
        vm = Vm(state)
        world.add(vm)
        world.write(What.CREATED, vm, given.by, given=given)
        self._machines.begin(vm, OrderKind.CREATE, given, operation)

    def _free_id(self) -> str:
        if self._world.flexible:
            return f"{self._world.name}_{self._world.chance.guid()[:8]}"
        if self._world.switches.reuse_ids:
            return next(str(each) for each in range(len(self._world.vms) + 1) if str(each) not in self._world.vms)
        self._next_id += 1
        return str(self._next_id - 1)

    def _victims(self, capacity: int) -> list[Vm]:
        """The VMs that Azure would delete: the highest ids, without protected VMs and VMs already being deleted."""
        surplus = self._counted() - capacity
        if surplus <= 0:
            return []
        spares = self._world.switches.protected_survive_scale_in
        counted = [vm for vm in self._world.vms.values() if vm.counted]
        candidates = [each for each in counted if not (spares and each.state.protected)]
        return sorted(candidates, key=lambda each: each.state.rank, reverse=True)[:surplus]

    def _counted(self) -> int:
        return sum(vm.counted for vm in self._world.vms.values())
