"""What an order makes of a VM: which power state it shows meanwhile, which in the end, and how long that takes."""

from dataclasses import dataclass

from emulator.latencies import Latencies, Span
from emulator.orders import OrderKind
from emulator.refusals import Failure, over_quota
from emulator.switches import Switches
from scaler.model.instance import FailureClass, PowerState

_ALLOCATED = {PowerState.STOPPED, PowerState.STOPPING, PowerState.STARTING, PowerState.RUNNING}
_GIVEN_BACK = {PowerState.DEALLOCATED, PowerState.DEALLOCATING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One transition."""

    interim: PowerState
    target: PowerState
    takes: Span


def course(kind: OrderKind, power: PowerState, latencies: Latencies) -> Course:
    """The transition that `kind` means for a VM with that power state."""
    if kind is OrderKind.START:
        return _start(power, latencies)
    if kind is OrderKind.POWER_OFF:
        return _power_off(power, latencies)
    if kind is OrderKind.DEALLOCATE:
        return _deallocate(power, latencies)
    interim, target, takes = {
        OrderKind.CREATE: (PowerState.UNKNOWN, PowerState.RUNNING, latencies.create),
        OrderKind.RESTART: (power, PowerState.RUNNING, latencies.restart),
        OrderKind.DELETE: (power, power, latencies.delete),
        OrderKind.PROTECT: (power, power, latencies.protect),
    }[kind]
    return Course(interim=interim, target=target, takes=takes)


def _start(power: PowerState, latencies: Latencies) -> Course:
    if power is PowerState.RUNNING:
        return Course(interim=power, target=power, takes=latencies.no_change)
    takes = latencies.start_stopped if power in _ALLOCATED else latencies.start_deallocated
    return Course(interim=PowerState.STARTING, target=PowerState.RUNNING, takes=takes)


def _power_off(power: PowerState, latencies: Latencies) -> Course:
    if power is PowerState.STOPPED or power is PowerState.DEALLOCATED:
        return Course(interim=power, target=power, takes=latencies.no_change)
    if power is PowerState.DEALLOCATING:
        return Course(interim=power, target=PowerState.DEALLOCATED, takes=latencies.deallocate)
    return Course(interim=PowerState.STOPPING, target=PowerState.STOPPED, takes=latencies.power_off)


def _deallocate(power: PowerState, latencies: Latencies) -> Course:
    if power is PowerState.DEALLOCATED:
        return Course(interim=power, target=power, takes=latencies.no_change)
    return Course(interim=PowerState.DEALLOCATING, target=PowerState.DEALLOCATED, takes=latencies.deallocate)


def needs_allocation(kind: OrderKind, power: PowerState) -> bool:
    """Whether the region has to find a machine for it."""
    return kind is OrderKind.CREATE or (kind is OrderKind.START and power not in _ALLOCATED)


def failure(why: FailureClass, switches: Switches, instance_id: str = "") -> Failure:
    """What ARM calls it, in an operation's error and in `ProvisioningState/failed/…`."""
    if why is FailureClass.QUOTA:
        refusal = over_quota(switches.quota_code)
        return Failure(refusal.code, refusal.message, target=instance_id)
    codes = {FailureClass.ALLOCATION: switches.allocation_code, FailureClass.SKU: "SkuNotAvailable"}
    code = codes.get(why, "InternalExecutionError")
    return Failure(code, f"The VM could not be made ready ({code}).", target=instance_id)
