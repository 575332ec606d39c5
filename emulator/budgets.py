"""ARM's request budgets as a table: which kind of call is counted in which buckets, and how large those are."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from emulator.switches import Switches


class Call(StrEnum):
    """Every kind of call that is counted."""

    GET_SET = "get-set"
    SET_VIEW = "set-view"
    LIST = "list"  # each page
    GET_VM = "get-vm"
    UPDATE_SET = "update-set"
    START = "start"
    RESTART = "restart"
    POWER_OFF = "power-off"
    DEALLOCATE = "deallocate"
    DELETE = "delete"
    UPDATE_VM = "update-vm"
    VM_ACTION = "vm-action"
    VM_DELETE = "vm-delete"  # and power-off and deallocate of one VM
    LIST_MACHINES = "list-machines"  # Flexible: the VMs of the resource group, each page
    GET_MACHINE = "get-machine"
    UPDATE_MACHINE = "update-machine"  # all actions on one
    DELETE_MACHINE = "delete-machine"
    GET_OPERATION = "get-operation"
    NETWORK = "network"  # each page of NICs or public IPs


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One bucket. It is the resource's own, or else one for the whole subscription."""

    name: str
    burst: float
    refill: float  # a minute
    own: bool = False
    per_vm: bool = False  # takes a token for each VM that the call is about, not one for the call
    told: bool = True  # answers say what is left


def _limits(name: str, subscription: tuple[float, float], own: tuple[float, float] | None = None) -> tuple[Limit, ...]:
    """Both numbers are (burst, refill a minute)."""
    shared = Limit(name=f"{name}SubscriptionMaximum", burst=subscription[0], refill=subscription[1])
    if own is None:
        return (shared,)
    return (shared, Limit(name=f"{name}Resource", burst=own[0], refill=own[1], own=True))


_HIGH_COST = _limits("HighCostGetVMScaleSet", (1080, 360), (30, 10))
_GET_SET_VM = _limits("GetVMScaleSetVM", (6000, 2000), (36, 12))
_OF_SET = _limits("DeleteVMScaleSet", (525, 175), (12, 4))
_OF_SET_SHARED = _limits("DeleteVMScaleSet", (525, 175))
_OF_VM = _limits("DeleteVMScaleSetVM", (1500, 500), (12, 4))
_OF_VM_SHARED = _limits("DeleteVMScaleSetVM", (1500, 500))
_ACTIONS = _limits("VMScaleSetActions", (1500, 500))
_ACTIONS_OF_SET = _limits("VMScaleSetActions", (1500, 500), (12, 4))
BATCHED = Limit(name="VMScaleSetBatchedVMRequestsSubscriptionMaximum", burst=6000, refill=2000, per_vm=True)
_VIEWS = Limit(name="VMScaleSetVMViewsSubscriptionMaximum", burst=5000, refill=5000 / 3, per_vm=True)

# Microsoft's compute throttling limits. Names and numbers of the four for single machines are those of VMSS VMs: what
# applies to VMs by themselves is not among the facts.
_TABLE: Mapping[Call, tuple[Limit, ...]] = {
    Call.GET_SET: _limits("GetVMScaleSet", (2400, 800), (36, 12)),
    Call.SET_VIEW: _HIGH_COST,
    Call.LIST: _HIGH_COST,
    Call.GET_VM: _GET_SET_VM,
    Call.UPDATE_SET: (*_ACTIONS_OF_SET, BATCHED),
    Call.START: (*_ACTIONS, BATCHED),
    Call.RESTART: (*_ACTIONS, BATCHED),
    Call.POWER_OFF: (*_OF_SET_SHARED, BATCHED),
    Call.DEALLOCATE: (*_OF_SET, BATCHED),
    Call.DELETE: (*_OF_VM_SHARED, BATCHED),
    Call.UPDATE_VM: _limits("UpdateVMScaleSetVM", (1500, 500), (12, 4)),
    Call.VM_ACTION: _limits("VMScaleSetVMActions", (1500, 500), (12, 4)),
    Call.VM_DELETE: _OF_VM,
    Call.LIST_MACHINES: _limits("HighCostGet", (1080, 360)),
    Call.GET_MACHINE: _limits("LowCostGet", (6000, 2000), (36, 12)),
    Call.UPDATE_MACHINE: _limits("UpdateVM", (1500, 500), (12, 4)),
    Call.DELETE_MACHINE: _limits("DeleteVM", (1500, 500), (12, 4)),
    Call.GET_OPERATION: _limits("GetOperation", (15000, 5000), (45, 15)),
    # 10,000 reads in five minutes; Microsoft.Network does not say how many are left
    Call.NETWORK: (Limit(name="NetworkReads", burst=10_000, refill=2000, told=False),),
}

BURSTS: Mapping[str, int] = {each.name: round(each.burst) for found in _TABLE.values() for each in found if each.told}
"""How much each bucket holds, by its name in the header."""


def limits(call: Call, switches: Switches) -> tuple[Limit, ...]:
    """The buckets of a call, in the order in which an answer names them."""
    found = _TABLE[call]
    if call is Call.DELETE and switches.delete_bucket_of_set:
        found = (*_OF_SET, BATCHED)
    if call is Call.DEALLOCATE and not switches.deallocate_bucket_of_set:
        found = (*_OF_SET_SHARED, BATCHED)
    if call is Call.UPDATE_VM and not switches.mark_bucket_per_vm:
        found = (*_ACTIONS_OF_SET, BATCHED)
    if call in {Call.LIST, Call.GET_VM} and switches.views_are_metered:
        found = (*found, _VIEWS)
    return found


QUEUED = "VmssQueuedVMOperations;0"
"""Stands behind the per-VM bucket. It once counted down from 4,800; a 0 means nothing any more."""
