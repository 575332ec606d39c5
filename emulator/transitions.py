"""Transitions of a VM: power states on the way, durations, and obstacles."""

from collections.abc import Iterable
from dataclasses import dataclass

from emulator.behaviour import Fault, Latencies, Span
from emulator.orders import RENEWALS, OrderKind
from emulator.refusals import Failure, over_quota, sold_out
from emulator.switches import Renewal, Switches
from emulator.vm import Vm, VmState
from emulator.world import World
from scaler.model.instance import FailureClass, PowerState

_ALLOCATED = {PowerState.STOPPED, PowerState.STOPPING, PowerState.STARTING, PowerState.RUNNING}
_RESTS = {
    PowerState.STOPPING: PowerState.STOPPED,
    PowerState.STOPPED: PowerState.STOPPED,
    PowerState.DEALLOCATING: PowerState.DEALLOCATED,
    PowerState.DEALLOCATED: PowerState.DEALLOCATED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One transition."""

    interim: PowerState
    target: PowerState
    takes: Span


def transition_for(kind: OrderKind, power: PowerState, latencies: Latencies, at_rest: Renewal) -> Transition:
    """The transition of an order of this kind, for a VM with this power state."""
    if kind is OrderKind.START:
        return _start(power, latencies)
    if kind is OrderKind.POWER_OFF:
        return _power_off(power, latencies)
    if kind is OrderKind.DEALLOCATE:
        return _deallocate(power, latencies)
    if kind in RENEWALS:
        return _renew(power, latencies.reimage if kind is OrderKind.REIMAGE else latencies.redeploy, at_rest)
    interim, target, takes = {
        OrderKind.CREATE: (PowerState.UNKNOWN, PowerState.RUNNING, latencies.create),
        OrderKind.RESTART: (power, PowerState.RUNNING, latencies.restart),
        OrderKind.DELETE: (power, power, latencies.delete),
        OrderKind.PROTECT: (power, power, latencies.protect),
    }[kind]
    return Transition(interim=interim, target=target, takes=takes)


def _start(power: PowerState, latencies: Latencies) -> Transition:
    if power is PowerState.RUNNING:
        return Transition(interim=power, target=power, takes=latencies.no_change)
    takes = latencies.start_stopped if power in _ALLOCATED else latencies.start_deallocated
    return Transition(interim=PowerState.STARTING, target=PowerState.RUNNING, takes=takes)


def _power_off(power: PowerState, latencies: Latencies) -> Transition:
    if power is PowerState.STOPPED or power is PowerState.DEALLOCATED:
        return Transition(interim=power, target=power, takes=latencies.no_change)
    if power is PowerState.DEALLOCATING:
        return Transition(interim=power, target=PowerState.DEALLOCATED, takes=latencies.deallocate)
    return Transition(interim=PowerState.STOPPING, target=PowerState.STOPPED, takes=latencies.power_off)


def _deallocate(power: PowerState, latencies: Latencies) -> Transition:
    if power is PowerState.DEALLOCATED:
        return Transition(interim=power, target=power, takes=latencies.no_change)
    return Transition(interim=PowerState.DEALLOCATING, target=PowerState.DEALLOCATED, takes=latencies.deallocate)


def _renew(power: PowerState, takes: Span, at_rest: Renewal) -> Transition:
    if power in _RESTS and at_rest is Renewal.STAYS:
        return Transition(interim=power, target=_RESTS[power], takes=takes)
    goes_down = power in {PowerState.RUNNING, PowerState.STARTING}
    interim = PowerState.STOPPING if goes_down else PowerState.STARTING
    return Transition(interim=interim, target=PowerState.RUNNING, takes=takes)


def needs_allocation(power: PowerState, target: PowerState) -> bool:
    """Whether the region has to find a machine. A redeploy of an allocated VM always finds another node here."""
    return target is PowerState.RUNNING and power not in _ALLOCATED


def failure(why: FailureClass, switches: Switches, instance_id: str = "") -> Failure:
    """ARM's code and message of a failure, in an operation's error and in `ProvisioningState/failed/…`."""
    if why is FailureClass.QUOTA:
        refusal = over_quota(switches.quota_code)
        return Failure(refusal.code, refusal.message, target=instance_id)
    codes = {FailureClass.ALLOCATION: switches.allocation_code, FailureClass.SKU: "SkuNotAvailable"}
    code = codes.get(why, "InternalExecutionError")
    return Failure(code, f"The VM could not be made ready ({code}).", target=instance_id)


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
    """Raise the refusal of so many new VMs, if Azure knows at once."""
    if vms <= 0:
        return
    if world.chance.strikes(Fault.SOLD_OUT):
        raise sold_out()
    if world.switches.quota_refused_at_once and world.region.lacks(vms * world.profile.cores):
        raise world.over_quota(vms)


def admit_starts(world: World, states: Iterable[VmState]) -> None:
    """Raise the refusal of these starts, if Azure knows at once."""
    if world.chance.strikes(Fault.START_REFUSED):
        raise world.over_quota()
    cold = [state for state in states if needs_allocation(state.power, PowerState.RUNNING)]
    more = sum(not world.holds_quota(each) for each in cold)
    if more and world.switches.quota_refused_at_once and world.region.lacks(more * world.profile.cores):
        raise world.over_quota(more)


def late_failure(world: World, vm: Vm, kind: OrderKind, target: PowerState) -> FailureClass | None:
    """The failure of an accepted order; None: the order will succeed."""
    state = vm.state
    if kind is OrderKind.START and state.power is PowerState.RUNNING:
        return None
    for fault, failure in _BY_CHANCE.get(kind, ()):
        if world.chance.strikes(fault, state.instance_id):
            return failure
    if not needs_allocation(state.power, target):
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
