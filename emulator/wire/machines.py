"""VMs of Flexible scale sets, which are resources by themselves: listing, GET, DELETE, and actions."""

import re
from collections.abc import Sequence

from emulator.behaviour import Fault
from emulator.budgets import Call
from emulator.orders import ACTIONS, OrderKind
from emulator.refusals import ArmError, not_found
from emulator.scale_set import EmulatedScaleSet
from emulator.vm import VmState
from emulator.wire import bodies, listing
from emulator.wire.exchange import Answer, Asked
from emulator.wire.operations import accepted
from emulator.wire.scale_sets import charged
from emulator.wire.site import Site
from scaler.model.instance import ProvisioningState

_OF_SET = re.compile(r"'?virtualMachineScaleSet/id'?\s+eq\s+'?(?P<id>[^']+)'?", re.IGNORECASE)


def every(site: Site, asked: Asked) -> Answer:
    """One page of the VMs of one scale set, or of all."""
    site.check_group(asked)
    sets = _wanted(site, asked)
    if not sets:
        return Answer(body={"value": []})
    skip, first = listing.skipped(asked, sets[0]), sets[0]
    rows = [
        (emulated, row)
        for emulated in sets
        for row in emulated.read_rows(skip, site.page_size, call=Call.LIST_MACHINES)
    ]

    def show(row: tuple[EmulatedScaleSet, VmState]) -> bodies.Json:
        return body(site, *row, view=asked.expands_view)

    page, _ = listing.page(asked, first, rows, site.page_size, show)
    return charged(Answer(body=page), first, Call.LIST_MACHINES)


def _wanted(site: Site, asked: Asked) -> Sequence[EmulatedScaleSet]:
    flexible = [scale_set for scale_set in site.scale_sets if scale_set.flexible]
    condition = asked.query.get("$filter")
    if condition is None:
        return flexible
    found = _OF_SET.fullmatch(condition.strip())
    if found is None:
        raise ArmError(400, "InvalidParameter", f"'{condition}' is not a filter of VMs.", target="$filter")
    return [each for each in flexible if site.set_id(each).lower() == found["id"].strip().lower()]


def get(site: Site, asked: Asked) -> Answer:
    """GET of one."""
    emulated, name, state = _looked_up(site, asked)
    return charged(Answer(body=body(site, emulated, state, view=asked.expands_view)), emulated, Call.GET_MACHINE, name)


def view(site: Site, asked: Asked) -> Answer:
    """GET of one's instance view."""
    emulated, name, state = _looked_up(site, asked)
    return charged(Answer(body=bodies.instance_view(emulated, state)), emulated, Call.GET_MACHINE, name)


def act(site: Site, asked: Asked) -> Answer:
    """An action on one."""
    return _order(site, asked, ACTIONS[asked.params["action"]])


def delete(site: Site, asked: Asked) -> Answer:
    """DELETE of a VM; 204 for a missing VM."""
    try:
        return _order(site, asked, OrderKind.DELETE)
    except ArmError as error:
        if error.status != 404:
            raise
        return Answer(status=204)


def evict(site: Site, asked: Asked) -> Answer:
    """POST …/simulateEviction: 204, and the eviction comes when it comes."""
    emulated, name, state = _looked_up(site, asked, Call.UPDATE_MACHINE)
    emulated.happen(Fault.EVICTED, state.vm_id)
    return charged(Answer(status=204), emulated, Call.UPDATE_MACHINE, name)


def _order(site: Site, asked: Asked, kind: OrderKind) -> Answer:
    emulated, name = _member(site, asked)
    try:
        operation = emulated.order(kind, [name], by=asked.caller, single=True)
    except ArmError as error:
        raise _not_there(asked) if error.target == "instanceIds" else error from None
    call = emulated.call_of(kind, single=True)
    return charged(accepted(site, asked, operation), emulated, call, name)


def _looked_up(site: Site, asked: Asked, call: Call = Call.GET_MACHINE) -> tuple[EmulatedScaleSet, str, VmState]:
    emulated, name = _member(site, asked)
    try:
        return emulated, name, emulated.read_vm(name, call=call)
    except ArmError as error:
        raise _not_there(asked) if error.status == 404 else error from None


def _member(site: Site, asked: Asked) -> tuple[EmulatedScaleSet, str]:
    """The scale set of a VM, by the VM's name; ARM's 404 if there is no such VM."""
    site.check_group(asked)
    name = asked.params["name"]
    for scale_set in site.scale_sets:
        if scale_set.flexible and scale_set.name.lower() == name.rpartition("_")[0]:
            return scale_set, name
    raise _not_there(asked)


def _not_there(asked: Asked) -> ArmError:
    return not_found(f"virtualMachines/{asked.params['name']}", asked.params["group"])


def body(site: Site, emulated: EmulatedScaleSet, state: VmState, *, view: bool) -> bodies.Json:
    """The VM's JSON, with the scale set but without the protection: only the scale set's list shows protection."""
    named = state.identified or state.provisioning is ProvisioningState.CREATING
    properties: bodies.Json = {
        "hardwareProfile": {"vmSize": site.place.sku},
        "provisioningState": state.provisioning,
        "osProfile": {"computerName": bodies.computer(emulated, state), "secrets": []},
        "networkProfile": {"networkInterfaces": [{"id": nic_id(site, state), "properties": {"primary": True}}]},
        "virtualMachineScaleSet": {"id": site.set_id(emulated)},
        "timeCreated": bodies.time(state.created_at),
    }
    if state.identified:
        properties["vmId"] = state.vm_id
    if view:
        properties["instanceView"] = bodies.instance_view(emulated, state)
    return {
        "name": state.instance_id,
        "id": site.machine_id(state.instance_id) if named else "",
        "type": "Microsoft.Compute/virtualMachines",
        "location": site.place.location,
        "tags": {},
        "properties": properties,
    }


def nic_id(site: Site, state: VmState) -> str:
    """Its network interface, a resource of the group as well."""
    return f"{site.group_id}/providers/Microsoft.Network/networkInterfaces/nic-{suffix(state)}"


def suffix(state: VmState) -> str:
    """The part of the name that differs between VMs."""
    return state.instance_id.rpartition("_")[2]
