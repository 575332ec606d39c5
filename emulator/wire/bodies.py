"""The JSON of a scale set and its VMs, shaped as Microsoft.Compute shapes it."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from emulator.arrivals import quoted
from emulator.courses import FAILURE_CODES
from emulator.scale_set import EmulatedScaleSet
from emulator.vm import VmState
from emulator.wire.site import Site
from emulator.world import SetState
from scaler.model.instance import PowerState, ProvisioningState

type Json = dict[str, Any]


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
        "properties": {
            "singlePlacementGroup": False,
            "orchestrationMode": "Uniform",
            "upgradePolicy": {"mode": "Manual"},
            "virtualMachineProfile": {
                "osProfile": {"computerNamePrefix": emulated.name[:9]},
                "storageProfile": {"osDisk": {"osType": "Windows", "createOption": "FromImage", "diskSizeGB": 128}},
                "timeCreated": _time(state.created_at),
            },
            "provisioningState": state.provisioning,
            "overprovision": False,
            "uniqueId": state.unique_id,
            "platformFaultDomainCount": 1,
            "timeCreated": _time(state.created_at),
        },
    }


def vm(site: Site, emulated: EmulatedScaleSet, state: VmState, *, view: bool) -> Json:
    """One VM; its power state only with the instance view."""
    vm_id = f"{site.set_id(emulated)}/virtualMachines/{state.instance_id}"
    body: Json = {
        "name": f"{emulated.name}_{state.instance_id}",
        "id": vm_id if state.identified or state.provisioning is ProvisioningState.CREATING else "",
        "type": "Microsoft.Compute/virtualMachineScaleSets/virtualMachines",
        "location": site.place.location,
        "tags": {},
        "instanceId": state.instance_id,
        "sku": {"name": site.place.sku, "tier": "Standard"},
        "properties": _properties(emulated, state, vm_id),
    }
    if emulated.behaviour.switches.vm_etags:
        body["etag"] = quoted(state.etag)
    if view:
        body["properties"]["instanceView"] = instance_view(emulated, state)
    return body


def _properties(emulated: EmulatedScaleSet, state: VmState, vm_id: str) -> Json:
    properties: Json = {
        "latestModelApplied": state.latest_model,
        "modelDefinitionApplied": "VirtualMachineScaleSet",
        "hardwareProfile": {},
        "osProfile": {"computerName": f"{emulated.name[:9]}{int(state.instance_id):06d}", "secrets": []},
        "storageProfile": {"osDisk": {"osType": "Windows", "name": f"{emulated.name}_{state.instance_id}_OsDisk_1"}},
        "networkProfile": {"networkInterfaces": [{"id": f"{vm_id}/networkInterfaces/nic"}]},
        "provisioningState": state.provisioning,
        "timeCreated": _time(state.created_at),
    }
    if state.identified:
        properties["vmId"] = state.vm_id
    if state.protected or state.protected_from_actions:
        properties["protectionPolicy"] = {
            "protectFromScaleIn": state.protected,
            "protectFromScaleSetActions": state.protected_from_actions,
        }
    return properties


def instance_view(emulated: EmulatedScaleSet, state: VmState) -> Json:
    """The instance view. One that does not run knows nothing of its guest."""
    statuses = [_provisioning(state)]
    if state.power is not PowerState.UNKNOWN:
        statuses.append(_status(f"PowerState/{state.power}", f"VM {state.power}"))
    body: Json = {"platformUpdateDomain": 0, "platformFaultDomain": 0, "statuses": statuses}
    if state.power is PowerState.RUNNING:
        body["computerName"] = f"{emulated.name[:9]}{int(state.instance_id):06d}"
        body["vmAgent"] = {"vmAgentVersion": "2.7", "statuses": [_status("ProvisioningState/succeeded", "Ready")]}
    return body


def set_view(rows: Iterable[VmState]) -> Json:
    """The scale set's instance view: it counts provisioning states, and never power states."""
    counts = Counter(f"ProvisioningState/{each.provisioning.lower()}" for each in rows)
    summary = [{"code": code, "count": count} for code, count in sorted(counts.items())]
    return {
        "virtualMachine": {"statusesSummary": summary},
        "statuses": [_status("ProvisioningState/succeeded", "Provisioning succeeded")],
    }


def _provisioning(state: VmState) -> Json:
    word = state.provisioning.lower()
    failed = state.provisioning is ProvisioningState.FAILED
    code = f"/{FAILURE_CODES[state.failure]}" if failed and state.failure else ""
    status = _status(f"ProvisioningState/{word}{code}", f"Provisioning {word}")
    return {**status, "level": "Error" if failed else "Info", "time": _time(state.changed_at)}


def _status(code: str, display: str) -> Json:
    return {"code": code, "level": "Info", "displayStatus": display}


def _time(when: datetime) -> str:
    return when.isoformat(timespec="microseconds")
