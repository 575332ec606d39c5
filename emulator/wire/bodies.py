"""The JSON of scale sets and VMs, in the shape of Microsoft.Compute; and refusals of forbidden changes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from datetime import datetime
from string import ascii_lowercase, digits
from typing import Any

from emulator.refusals import ArmError, quoted
from emulator.scale_set import EmulatedScaleSet
from emulator.transitions import failure
from emulator.vm import VmState
from emulator.wire.health_body import health_body
from emulator.wire.site import Site
from emulator.world import SetState
from scaler.model.instance import PowerState, ProvisioningState

type Json = dict[str, Any]

_BOOTING = "/OSProvisioningInProgress"


def scale_set(site: Site, emulated: EmulatedScaleSet, state: SetState) -> Json:
    """The scale set."""
    return {
        "name": emulated.name,
        "id": site.set_id(emulated),
        "type": "Microsoft.Compute/virtualMachineScaleSets",
        "location": site.place.location,
        "tags": dict(state.tags),
        "sku": {"name": site.place.sku, "tier": "Standard", "capacity": state.capacity},
        "etag": quoted(state.etag),
        "properties": _merged(_properties(emulated, state), state.shape),
    }


def _properties(emulated: EmulatedScaleSet, state: SetState) -> Json:
    """The properties of a scale set as the scaler wants it."""
    return {
        "singlePlacementGroup": False,
        "orchestrationMode": emulated.profile.orchestration,
        "upgradePolicy": {"mode": "Manual"},
        "virtualMachineProfile": {
            "osProfile": {"computerNamePrefix": emulated.name[:9]},
            "storageProfile": {
                "osDisk": {"osType": "Windows", "createOption": "FromImage", "diskSizeGB": 128},
                "imageReference": {"id": state.image},
            },
            "networkProfile": {"networkInterfaceConfigurations": [_card(public=emulated.profile.public_ips)]},
            **({"extensionProfile": {"extensions": [state.health.body]}} if state.health is not None else {}),
            "timeCreated": time(state.created_at),
        },
        "provisioningState": state.provisioning,
        **({} if emulated.flexible else {"overprovision": False}),
        "uniqueId": state.unique_id,
        "platformFaultDomainCount": 1,
        "timeCreated": time(state.created_at),
    }


def _card(*, public: bool) -> Json:
    """The network card of the model."""
    address = {"publicIPAddressConfiguration": {"name": "public"}} if public else {}
    configuration = {"name": "ip", "properties": {"primary": True, **address}}
    return {"name": "nic", "properties": {"primary": True, "ipConfigurations": [configuration]}}


def _merged(usual: Json, other: Mapping[str, Any]) -> Json:
    """The usual properties with the others in their place; objects are merged, lists are replaced."""
    both = {
        name: _merged(usual[name], value)
        for name, value in other.items()
        if isinstance(value, Mapping) and isinstance(usual.get(name), dict)
    }
    return {**usual, **other, **both}


def vm(site: Site, emulated: EmulatedScaleSet, state: VmState, *, view: bool) -> Json:
    """A VM as part of a scale set. Power states need the instance view, which Flexible scale sets never show here."""
    vm_id = f"{site.set_id(emulated)}/virtualMachines/{state.instance_id}"
    body: Json = {
        "name": state.instance_id if emulated.flexible else f"{emulated.name}_{state.instance_id}",
        "id": vm_id if state.identified or state.provisioning is ProvisioningState.CREATING else "",
        "type": "Microsoft.Compute/virtualMachineScaleSets/virtualMachines",
        "location": site.place.location,
        "tags": {},
        "instanceId": state.instance_id,
        "sku": {"name": site.place.sku, "tier": "Standard"},
        "properties": _flexible(site, emulated, state) if emulated.flexible else _uniform(emulated, state, vm_id),
    }
    if emulated.behaviour.switches.vm_etags:
        body["etag"] = quoted(state.etag)
    if view and not emulated.flexible:
        body["properties"]["instanceView"] = instance_view(emulated, state)
    return body


def shouted(site: Site, body: Json) -> Json:
    """The VM as in listings: the id has the resource group's name in capitals."""
    group = site.place.resource_group
    return body | {"id": body["id"].replace(f"/resourceGroups/{group}/", f"/resourceGroups/{group.upper()}/")}


def _uniform(emulated: EmulatedScaleSet, state: VmState, vm_id: str) -> Json:
    return _member(state) | {
        "hardwareProfile": {},
        "osProfile": {"computerName": computer(emulated, state), "secrets": []},
        "storageProfile": {"osDisk": _disk(_os_disk(emulated, state)), "dataDisks": []},
        "networkProfile": {"networkInterfaces": [{"id": f"{vm_id}/networkInterfaces/nic"}]},
    }


def _flexible(site: Site, emulated: EmulatedScaleSet, state: VmState) -> Json:
    machine = site.machine_id(state.instance_id)
    return _member(state) | {"hardwareProfile": {"vmSize": site.place.sku}, "virtualMachineResourceId": machine}


def _member(state: VmState) -> Json:
    properties: Json = {
        "latestModelApplied": state.latest_model,
        "modelDefinitionApplied": "VirtualMachineScaleSet",
        "provisioningState": state.provisioning,
        "timeCreated": time(state.created_at),
    }
    if state.identified:
        properties["vmId"] = state.vm_id
    if state.has_policy:
        properties["protectionPolicy"] = {
            "protectFromScaleIn": state.protected,
            "protectFromScaleSetActions": state.protected_from_actions,
        }
    return properties


def _os_disk(emulated: EmulatedScaleSet, state: VmState) -> str:
    return f"{emulated.name}_{state.instance_id}_OsDisk_{state.os_disks}"


def _disk(name: str) -> Json:
    """The disk, whose createOption `az vmss update` needs to send a VM back."""
    return {"osType": "Windows", "name": name, "createOption": "FromImage", "caching": "ReadWrite", "diskSizeGB": 128}


def instance_view(emulated: EmulatedScaleSet, state: VmState) -> Json:
    """The instance view. A deallocated VM shows no guest; a stopped VM still shows the last known guest."""
    statuses = [_provisioning(emulated, state)]
    if state.power is not PowerState.UNKNOWN:
        statuses.append(_status(f"PowerState/{state.power}", f"VM {state.power}"))
    body: Json = {"platformUpdateDomain": 0, "platformFaultDomain": 0, "statuses": statuses}
    if state.power is not PowerState.UNKNOWN:
        disk = _status("ProvisioningState/succeeded", "Provisioning succeeded") | {"time": time(state.changed_at)}
        body["disks"] = [{"name": _os_disk(emulated, state), "statuses": [disk]}]
    if state.power not in {PowerState.UNKNOWN, PowerState.DEALLOCATING, PowerState.DEALLOCATED}:
        body["computerName"] = computer(emulated, state)
        body["vmAgent"] = {"vmAgentVersion": "2.7", "statuses": [_status("ProvisioningState/succeeded", "Ready")]}
    return body if state.health is None else body | health_body(state.health, time(state.health.at))


def machine(site: Site, emulated: EmulatedScaleSet, state: VmState, *, view: bool) -> Json:
    """The VM's JSON, with the scale set but without the protection: only the scale set's list shows protection."""
    named = state.identified or state.provisioning is ProvisioningState.CREATING
    properties: Json = {
        "hardwareProfile": {"vmSize": site.place.sku},
        "provisioningState": state.provisioning,
        "osProfile": {"computerName": computer(emulated, state), "secrets": []},
        "networkProfile": {"networkInterfaces": [{"id": nic_id(site, state), "properties": {"primary": True}}]},
        "virtualMachineScaleSet": {"id": site.set_id(emulated)},
        "timeCreated": time(state.created_at),
    }
    if state.identified:
        properties["vmId"] = state.vm_id
    if view:
        properties["instanceView"] = instance_view(emulated, state)
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


def set_view(rows: Iterable[VmState]) -> Json:
    """The scale set's instance view: it counts provisioning states, and never power states."""
    counts = Counter(f"ProvisioningState/{row.provisioning.lower()}" for row in rows)
    summary = [{"code": code, "count": count} for code, count in sorted(counts.items())]
    return {
        "virtualMachine": {"statusesSummary": summary},
        "statuses": [_status("ProvisioningState/succeeded", "Provisioning succeeded")],
    }


def computer(emulated: EmulatedScaleSet, state: VmState) -> str:
    """The guest's host name."""
    return f"{emulated.name[:9]}{suffix(state) if emulated.flexible else _base36(int(state.instance_id)).zfill(6)}"


def _base36(number: int) -> str:
    rest, digit = divmod(number, 36)
    return (_base36(rest) if rest else "") + f"{digits}{ascii_lowercase}"[digit]


def _provisioning(emulated: EmulatedScaleSet, state: VmState) -> Json:
    word = state.provisioning.lower()
    failed = state.provisioning is ProvisioningState.FAILED
    why = failure(state.failure, emulated.behaviour.switches) if failed and state.failure else None
    detail = f"/{why.code}" if why else _BOOTING if state.provisioning is ProvisioningState.CREATING else ""
    status = _status(f"ProvisioningState/{word}{detail}", f"Provisioning {word}")
    more = {"message": why.message} if why else {}
    return {**status, **more, "level": "Error" if failed else "Info", "time": time(state.changed_at)}


def _status(code: str, display: str) -> Json:
    return {"code": code, "level": "Info", "displayStatus": display}


def time(when: datetime) -> str:
    """A moment as ARM writes it."""
    return when.isoformat(timespec="microseconds")


# What ARM writes and clients send back as they read it, perhaps old by now
_ITS_OWN = frozenset(
    {
        "etag",
        "id",
        "instanceid",
        "name",
        "properties.instanceview",
        "properties.latestmodelapplied",
        "properties.modeldefinitionapplied",
        "properties.provisioningstate",
        "properties.timecreated",
        "properties.uniqueid",
        "properties.virtualmachineprofile.timecreated",
        "properties.vmid",
        "type",
    }
)


def refuse_changes(sent: Json, shown: Json, changeable: Set[str]) -> None:
    """Raise a 409 for the first changed value in `sent`. `changeable`: paths of allowed changes, lower case."""
    _compare(sent, shown, changeable | _ITS_OWN, "")


def _compare(sent: Json, shown: Json, skipped: Set[str], above: str) -> None:
    here = {name.lower(): value for name, value in shown.items()}
    for name, value in sent.items():
        path = f"{above}{name}"
        if path.lower() in skipped or value in (None, {}, []):
            continue
        present = here.get(name.lower())
        if isinstance(value, dict) and isinstance(present, dict):
            _compare(value, present, skipped, f"{path}.")
        elif isinstance(present, dict):
            raise ArmError(
                400, "InvalidRequestContent", f"The request content's '{path}' is not an object.", target=path
            )
        elif _bare(value) != _bare(present):
            changeable = " and ".join(sorted(skipped - _ITS_OWN))
            message = f"Changing property '{path}' is not allowed: the emulator can only change {changeable}."
            raise ArmError(409, "PropertyChangeNotAllowed", message, target=path)


def _bare(value: Any) -> Any:
    """ARM minds neither case nor the blank in `West Europe`."""
    return value.lower().replace(" ", "") if isinstance(value, str) else value
