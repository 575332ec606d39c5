"""What keeps VMs from being made or started: the quota, a region that is sold out, or chance."""

from collections.abc import Iterable

from emulator.courses import needs_allocation
from emulator.faults import Fault
from emulator.orders import OrderKind
from emulator.refusals import sold_out
from emulator.vm import Vm, VmState
from emulator.world import World
from scaler.model.instance import FailureClass, PowerState

_BY_CHANCE = {
    OrderKind.CREATE: (
        (Fault.CREATE_ALLOCATION, FailureClass.ALLOCATION),
        (Fault.CREATE_QUOTA, FailureClass.QUOTA),
        (Fault.CREATE_SKU, FailureClass.SKU),
        (Fault.CREATE_OTHER, FailureClass.OTHER),
    ),
    OrderKind.START: (
        (Fault.START_ALLOCATION, FailureClass.ALLOCATION),
        (Fault.START_QUOTA, FailureClass.QUOTA),
        (Fault.START_SKU, FailureClass.SKU),
        (Fault.START_OTHER, FailureClass.OTHER),
    ),
}


def admit_new(world: World, vms: int) -> None:
    """Raises what keeps so many new VMs from coming, as far as it is known at once."""
    if vms <= 0:
        return
    if world.chance.strikes(Fault.SOLD_OUT):
        raise sold_out()
    if world.switches.quota_refused_at_once and world.region.lacks(vms * world.profile.cores):
        raise world.over_quota(vms)


def admit_starts(world: World, states: Iterable[VmState]) -> None:
    """Raises what keeps these from starting, as far as it is known at once."""
    if world.chance.strikes(Fault.START_REFUSED):
        raise world.over_quota()
    cold = [each for each in states if needs_allocation(OrderKind.START, each.power)]
    more = sum(not world.holds_quota(each) for each in cold)
    if more and world.switches.quota_refused_at_once and world.region.lacks(more * world.profile.cores):
        raise world.over_quota(more)


def setback(world: World, vm: Vm, kind: OrderKind) -> FailureClass | None:
    """How this will end badly although it was accepted; None: it will not."""
    state = vm.state
    if kind is OrderKind.START and state.power is PowerState.RUNNING:
        return None
    for fault, failure in _BY_CHANCE.get(kind, ()):
        if world.chance.strikes(fault, state.instance_id):
            return failure
    if not needs_allocation(kind, state.power):
        return None
    if _over_quota(world, state, kind):
        return FailureClass.QUOTA
    taken = sum(each.state.allocated for each in world.vms.values() if each is not vm)
    return FailureClass.ALLOCATION if world.allocatable is not None and taken >= world.allocatable else None


def _over_quota(world: World, state: VmState, kind: OrderKind) -> bool:
    """A new VM is counted already, a deallocated one perhaps."""
    if kind is OrderKind.CREATE:
        return world.region.lacks(0)
    return not world.holds_quota(state) and world.region.lacks(world.profile.cores)
