"""The state machine of a VM: refusals, transitions and their ends."""

from datetime import timedelta

from emulator.behaviour import Fault
from emulator.history import What
from emulator.orders import ORDERED, RENEWALS, Given, Operation, OrderKind, Protection
from emulator.refusals import Failure, deallocated, mark_refused, marked_for_deletion, not_allowed, preempted
from emulator.switches import Overlap, Renewal
from emulator.transitions import failure as failure_of
from emulator.transitions import late_failure, transition_for
from emulator.vm import Vm, Work
from emulator.world import World
from scaler.model.instance import FailureClass, PowerState, ProvisioningState

_AT_LAST = {  # where a VM ends whose start failed on the way out of these
    PowerState.STARTING: PowerState.STOPPED,
    PowerState.STOPPING: PowerState.STOPPED,
    PowerState.DEALLOCATING: PowerState.DEALLOCATED,
}
_ARRIVED = {
    PowerState.RUNNING: What.RUNNING,
    PowerState.STOPPED: What.STOPPED,
    PowerState.DEALLOCATED: What.DEALLOCATED,
}


class Machines:
    """Orders to VMs, once they have arrived."""

    def __init__(self, world: World) -> None:
        self._world = world

    def check(self, vm: Vm, kind: OrderKind) -> None:
        """Raises what ARM would answer at once."""
        state = vm.state
        if state.provisioning is ProvisioningState.DELETING:
            if kind is not OrderKind.DELETE:
                raise marked_for_deletion(state.instance_id)
        elif self._world.chance.strikes(Fault.VM_BUSY, state.instance_id) or self._overlaps(vm.work, kind):
            raise self._world.overlap(vm, kind)
        if state.power in {PowerState.DEALLOCATED, PowerState.DEALLOCATING} and kind is OrderKind.POWER_OFF:
            raise deallocated(kind, state.instance_id)
        if state.power not in {PowerState.RUNNING, PowerState.STARTING} and self._must_run(kind):
            raise not_allowed("The operation requires the VM to be running (or set to run).")
        if state.power is PowerState.UNKNOWN and kind is OrderKind.POWER_OFF:
            raise not_allowed("A VM whose creation failed cannot be stopped.")

    def _must_run(self, kind: OrderKind) -> bool:
        refused = kind in RENEWALS and self._world.switches.renewal_at_rest is Renewal.REFUSED
        return refused or kind is OrderKind.RESTART

    def _overlaps(self, work: Work | None, kind: OrderKind) -> bool:
        """Whether the VM's current operation refuses an order. A repeated order joins the operation under way."""
        if work is None or (work.kind is kind and kind is not OrderKind.PROTECT):
            return False
        if kind is OrderKind.DELETE:
            return self._world.switches.overlap is Overlap.CONFLICT and not work.endless
        never = kind is OrderKind.PROTECT or work.kind is OrderKind.CREATE
        return never or self._world.switches.overlap is not Overlap.PREEMPT

    def check_protection(self, vm: Vm) -> None:
        """Raises what ARM would answer to this PUT at once."""
        instance_id = vm.state.instance_id
        if self._world.chance.strikes(Fault.MARK_CONFLICT, instance_id):
            raise self._world.overlap(vm, OrderKind.PROTECT)
        if self._world.chance.strikes(Fault.MARK_REFUSED, instance_id):
            raise mark_refused(instance_id)
        if vm.state.power is PowerState.DEALLOCATED and not self._world.switches.mark_on_deallocated:
            raise not_allowed("The protection of a deallocated VM cannot be changed.")
        self.check(vm, OrderKind.PROTECT)

    def begin(self, vm: Vm, kind: OrderKind, given: Given, operation: Operation) -> None:
        """Begin an order. A repeated order joins an operation, unless it hangs; other orders replace the operation."""
        if kind in ORDERED and kind is not OrderKind.PROTECT:
            self._world.write(ORDERED[kind], vm, given.by, given=given)
        if vm.work is not None and vm.work.kind is kind and not vm.work.endless:
            vm.work.operations.append(operation)
            return
        self.interrupt(vm)
        self._set_out(vm, kind, given.by, operation)

    def _set_out(self, vm: Vm, kind: OrderKind, by: str, operation: Operation) -> Work:
        world, before = self._world, vm.state
        path = transition_for(kind, before.power, world.latencies, world.switches.renewal_at_rest)
        failure = late_failure(world, vm, kind, path.target)
        work = Work(kind=kind, by=by, before=before, target=path.target, failure=failure)
        work.operations.append(operation)
        vm.work = work
        takes = world.chance.within(path.takes)
        vm.change(world.at, power=path.interim, former_power=before.power, provisioning=_meanwhile(kind))
        if world.switches.stopped_before_running and path.interim in {PowerState.UNKNOWN, PowerState.STARTING}:
            world.queue.after(takes * 0.9, lambda: self._show(vm, work, PowerState.STOPPED))
        if kind in RENEWALS and path.interim is PowerState.STOPPING:
            world.queue.after(takes * 0.5, lambda: self._show(vm, work, PowerState.STARTING))
        work.endless = self._can_hang(vm, kind) and world.chance.strikes(Fault.ORDER_ENDLESS, before.instance_id)
        if work.endless:
            world.release(operation)
        else:
            world.queue.after(takes, lambda: self._finish(vm, work))
        return work

    def _can_hang(self, vm: Vm, kind: OrderKind) -> bool:
        """Whether an operation may hang: only if the VM can be ordered anew, so not if rows of the VM lose their id."""
        loses_id = kind is OrderKind.DELETE and self._world.switches.deleting_rows_lose_id
        return vm.state.identified and not loses_id

    def protect(self, vm: Vm, protection: Protection, given: Given, operation: Operation) -> None:
        """The protection shows at once; Azure may still take it back when the operation ends."""
        world, before = self._world, vm.state
        what = What.PROTECT_ORDERED if protection.from_scale_in else What.UNPROTECT_ORDERED
        world.write(what, vm, given.by, given=given)
        vm.change(
            world.at,
            protected=protection.from_scale_in,
            protected_from_actions=protection.from_actions,
            has_policy=True,
            etag=before.etag + 1,
            latest_model=before.latest_model and world.switches.mark_keeps_latest_model,
        )
        if not world.switches.mark_makes_updating:
            operation.part_done(world.at)
            return
        work = self._set_out(vm, OrderKind.PROTECT, given.by, operation)
        work.before = before

    def interrupt(self, vm: Vm) -> None:
        """End the VM's current operation as preempted."""
        if vm.work is None:
            return
        self._world.write(What.PREEMPTED, vm, vm.work.by, detail=vm.work.kind)
        work, vm.work = vm.work, None
        for operation in work.operations:
            operation.part_done(self._world.at, preempted())

    def arrive(self, vm: Vm, power: PowerState, by: str) -> None:
        """Set the power state; no operation is under way afterwards."""
        world, before = self._world, vm.state
        vm.change(
            world.at,
            power=power,
            provisioning=ProvisioningState.SUCCEEDED,
            failure=None,
            identified=True,
            public_ip=world.public_ip(before, power),
        )
        if power is not before.power:
            world.write(_ARRIVED[power], vm, by)

    def _show(self, vm: Vm, work: Work, power: PowerState) -> None:
        if vm.work is work:
            vm.change(self._world.at, power=power)

    def _renewed(self, vm: Vm, kind: OrderKind) -> None:
        """Give a reimaged VM another OS disk, and a redeployed VM another public IP, unless public IPs are static."""
        if kind is OrderKind.REIMAGE:
            vm.change(self._world.at, os_disks=vm.state.os_disks + 1)
        if kind is OrderKind.REDEPLOY:
            vm.change(self._world.at, public_ip=self._world.public_ip(vm.state, PowerState.DEALLOCATED))

    def _finish(self, vm: Vm, work: Work) -> None:
        if vm.work is not work:
            return
        vm.work = None
        failure: Failure | None = None
        if work.kind is OrderKind.DELETE:
            self._world.remove(vm, work.by)
        elif work.kind is OrderKind.PROTECT:
            self._protected(vm, work)
        elif work.failure is not None:
            failure = self._fail(vm, work, work.failure)
        else:
            self._renewed(vm, work.kind)
            if work.kind is OrderKind.RESTART and vm.state.power is PowerState.RUNNING:
                vm.boot(self._world.at)
            self.arrive(vm, work.target, work.by)
        for operation in work.operations:
            operation.part_done(self._world.at, failure)

    def _protected(self, vm: Vm, work: Work) -> None:
        vm.change(self._world.at, provisioning=ProvisioningState.SUCCEEDED, failure=None)
        if self._world.chance.strikes(Fault.MARK_ROLLED_BACK, vm.state.instance_id):
            self.undo_protection(vm, work.before.protected, work.by)

    def undo_protection(self, vm: Vm, protected: bool, by: str) -> None:
        """The protection is as before, and nobody was told."""
        vm.change(self._world.at, protected=protected, etag=vm.state.etag + 1)
        self._world.write(What.ROLLED_BACK, vm, by)

    def _fail(self, vm: Vm, work: Work, failure: FailureClass) -> Failure:
        vm.change(
            self._world.at,
            power=_AT_LAST.get(work.before.power, work.before.power),
            provisioning=ProvisioningState.FAILED,
            failure=failure,
            identified=True,
        )
        what = What.CREATE_FAILED if work.kind is OrderKind.CREATE else What.START_FAILED
        self._world.write(what, vm, work.by, detail=failure)
        return failure_of(failure, self._world.switches, vm.state.instance_id)

    def flicker_off(self, vm: Vm, dark: timedelta) -> None:
        """Show the VM as stopped for a while; then running again, unless another event came first."""
        self.arrive(vm, PowerState.STOPPED, "guest")
        asleep = vm.state

        def wake() -> None:
            if vm.state is asleep and vm.gone_at is None:
                self.arrive(vm, PowerState.RUNNING, "guest")

        self._world.queue.after(dark, wake)


def _meanwhile(kind: OrderKind) -> ProvisioningState:
    match kind:
        case OrderKind.CREATE:
            return ProvisioningState.CREATING
        case OrderKind.DELETE:
            return ProvisioningState.DELETING
        case _:
            return ProvisioningState.UPDATING
