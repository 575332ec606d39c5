"""Orders on the way from a caller to Azure (lost, late, doubled, or never answered), and what they begin on arrival."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from emulator.behaviour import Fault
from emulator.history import What
from emulator.machines import Machines
from emulator.orders import Given, Operation, OrderKind, Protection, Scale
from emulator.refusals import (
    ArmError,
    Failure,
    NoAnswer,
    check_etag,
    etag_mismatch,
    preempted,
    quoted,
    throttled,
    unavailable,
)
from emulator.switches import SetOverlap
from emulator.transitions import admit_new, admit_starts
from emulator.vm import Vm, VmState
from emulator.world import World

type Arrive = Callable[[], Operation]
"""Applies an order on arrival: to the VM that has the instance id by then."""

_THROTTLED = frozenset({Fault.MARK_THROTTLED, Fault.DEALLOCATE_THROTTLED})
_LATE = frozenset({Fault.DEALLOCATE_LATE, Fault.POWER_OFF_LATE})
_DOUBLED = frozenset({Fault.DELETE_DOUBLED})


class Delivery:
    """Carries orders, with the faults of the way."""

    def __init__(self, world: World) -> None:
        self._world = world

    def send(self, given: Given, policy: str, arrive: Arrive, *, own: frozenset[Fault] = frozenset()) -> Operation:
        """Deliver an order, or raise the error for the caller. `policy`: the bucket for a random 429.

        `own`: the faults of orders of this kind only.
        """
        self._refuse(policy, own)
        strikes = self._world.chance.strikes
        if strikes(Fault.ORDER_LOST):
            raise NoAnswer
        if strikes(Fault.ORDER_LATE) or any(map(strikes, own & _LATE)):
            self._later(given, arrive)
            raise NoAnswer
        if strikes(Fault.ORDER_SWALLOWED):
            return self._swallow(given)
        operation = self._queue(given, arrive) if strikes(Fault.ORDER_QUEUED) else arrive()
        if strikes(Fault.ORDER_DOUBLED) or any(map(strikes, own & _DOUBLED)):
            self._later(given, arrive)
        if strikes(Fault.ANSWER_LOST):
            raise NoAnswer
        return operation

    def _refuse(self, policy: str, own: frozenset[Fault]) -> None:
        chance = self._world.chance
        if chance.strikes(Fault.WRITE_THROTTLED) or any(map(chance.strikes, own & _THROTTLED)):
            raise throttled(policy, chance.within(chance.faults.retry_after))
        if chance.strikes(Fault.WRITE_FAILED):
            raise unavailable()
        if chance.strikes(Fault.WRITE_CONFLICT):
            raise self._world.conflict()

    def _swallow(self, given: Given) -> Operation:
        self._world.write(What.ORDER_SWALLOWED, None, given.by, given=given)
        operation = self._world.begin(1)
        operation.part_done(self._world.at, preempted())
        return operation

    def _queue(self, given: Given, arrive: Arrive) -> Operation:
        shown = self._world.begin(1)

        def begin() -> Operation:
            try:
                real = arrive()
            except ArmError as error:
                shown.part_done(self._world.at, Failure(error.code, error.message))
                raise
            if real.ended is None:
                real.when_done.append(lambda done: shown.part_done(self._world.at, done.failure))
            else:
                shown.part_done(self._world.at, real.failure)
            return real

        self._later(given, begin)
        return shown

    def _later(self, given: Given, arrive: Arrive) -> None:
        """At some moment from now on, but not after `given.at + given.within`."""
        left = max(timedelta(0), given.at + given.within - self._world.at)
        delay = self._world.chance.within((0.0, left.total_seconds()))

        def land() -> None:
            try:
                arrive()
            except ArmError as error:
                self._world.write(What.ORDER_REFUSED, None, given.by, given=given, detail=error.code)

        self._world.queue.after(delay, land)


class Arrivals:
    """Every method returns the operation that began, or raises ArmError and has changed nothing."""

    def __init__(self, world: World, machines: Machines) -> None:
        self._world = world
        self._machines = machines
        self._next_id = 0

    def batch(self, kind: OrderKind, instance_ids: Sequence[str], given: Given) -> Operation:
        """An order to several VMs; a VM that cannot take the order refuses the whole batch."""
        vms = self._world.named(instance_ids)
        for vm in vms:
            self._machines.check(vm, kind)
        if kind is OrderKind.START:
            admit_starts(self._world, [vm.state for vm in vms])
        if kind is OrderKind.DELETE:
            return self.delete(vms, given)
        operation = self._world.begin(len(vms))
        for vm in vms:
            self._machines.begin(vm, kind, given, operation)
        return operation

    def protection(self, instance_id: str, protection: Protection, if_match: str | None, given: Given) -> Operation:
        """A PUT of the instance's protectionPolicy."""
        (vm,) = self._world.named([instance_id])
        self._match(if_match, vm.state.etag)
        self._machines.check_protection(vm)
        if protection == vm.state.protection:
            return self._world.begin(0)
        operation = self._world.begin(1)
        self._machines.protect(vm, protection, given, operation)
        return operation

    def scale(self, scale: Scale, if_match: str | None, given: Given) -> Operation:
        """A PATCH or PUT of the scale set. A change without effect is done at once."""
        self._match(if_match, self._world.set_state.etag)
        world, before = self._world, self._world.set_state
        capacity = before.capacity if scale.capacity is None else scale.capacity
        victims = self._victims(capacity)
        tags = before.tags if scale.tags is None else tuple(sorted(scale.tags.items()))
        image = before.image if scale.image is None else scale.image
        health = before.health if scale.health is None else scale.health
        count = max(capacity, self._counted() - len(victims))
        after = replace(before, capacity=count, tags=tags, image=image, health=health)
        admit_new(world, after.capacity - self._counted() + len(victims))
        if after.capacity != before.capacity:
            self._overlap()
        if after != before:
            world.change_set(
                capacity=after.capacity, tags=after.tags, image=after.image, health=after.health, etag=before.etag + 1
            )
        if (after.image, after.health) != (before.image, before.health):
            world.write(What.MODEL_CHANGED, None, given.by, given=given)
            for vm in world.vms.values():
                vm.change(world.at, latest_model=False)
        if scale.capacity is not None:
            world.write(What.CAPACITY_SET, None, given.by, given=given, detail=f"{before.capacity}→{capacity}")
        return self._carry_out(victims, given)

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

    def _match(self, if_match: str | None, etag: int) -> None:
        check_etag(if_match, etag)
        if if_match not in {None, "*"} and self._world.chance.strikes(Fault.ETAG_CHANGED):
            raise etag_mismatch(str(if_match), quoted(etag))

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
        extension = world.set_state.health
        if extension is not None and not world.chance.strikes(Fault.EXTENSION_MISSING):
            vm.health = world.health_record(extension, state.vm_id)
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
