"""Machines at rest, marked and offered: where a benchmark before an emulated Azure begins."""

from collections.abc import Callable
from itertools import batched

from emulator.orders import OrderKind, Protection, Scale
from emulator.scale_set import EmulatedScaleSet
from emulator.vm import VmState
from scaler.model.instance import InstanceId, ScaleSetName, VmId
from scaler.model.lifecycle import Change
from scaler.model.row import Notes, Record, Row, Status

_BY = "operator"
_MARKS = 10  # a scale set's bucket of marks has room for so many


def offered(azure: EmulatedScaleSet, machines: int, later: Callable[[], object]) -> list[Change]:
    """Make the machines; what the registry must be told of them. `later` lets more time pass than any order takes."""
    azure.scale(Scale(capacity=machines), by=_BY)
    later()
    azure.order(OrderKind.DEALLOCATE, ["*"], by=_BY)
    for some in batched(azure.vms, _MARKS, strict=False):
        later()
        for vm in some:
            azure.protect(vm.instance_id, Protection(from_scale_in=True), by=_BY)
    later()
    return [_admission(azure, vm) for vm in azure.vms]


def _admission(azure: EmulatedScaleSet, vm: VmState) -> Change:
    now, address, vm_id = azure.now, InstanceId(vm.instance_id), VmId(vm.vm_id.lower())
    notes = Notes(
        scale_set=ScaleSetName(azure.name),
        unique_id=azure.set_state.unique_id,
        instance_id=address,
        mark_asked_at=now,
        mark_seen_at=now,
        admitted_at=now,
    )
    record = Record(vm_id=vm_id, instance_id=address, status=Status.AVAILABLE, created_at=now)
    return Change(row=Row(vm_id=vm_id), edge=None, record=record, notes=notes, index=Status.AVAILABLE)
