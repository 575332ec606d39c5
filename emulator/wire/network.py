"""Microsoft.Network: the NICs and public IPs of a scale set's VMs, and of the resource group's own VMs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from uuid import UUID

from emulator.budgets import Call
from emulator.refusals import ArmError
from emulator.scale_set import EmulatedScaleSet
from emulator.vm import VmState
from emulator.wire import listing
from emulator.wire.bodies import Json, nic_id, suffix
from emulator.wire.exchange import Answer, Asked
from emulator.wire.scale_sets import charged
from emulator.wire.site import Site

type Row = tuple[EmulatedScaleSet, VmState]


def of_set(site: Site, asked: Asked) -> Answer:
    """The NICs of a Uniform scale set; empty for a Flexible scale set."""
    return _listing(site, asked, [_uniform(site, asked)], interface)


def public_ips_of_set(site: Site, asked: Asked) -> Answer:
    """The public IPs of a Uniform scale set; empty without public IPs."""
    return _listing(site, asked, [_uniform(site, asked)], public_ip, _has_public_ip)


def of_group(site: Site, asked: Asked) -> Answer:
    """The NICs of the resource group: NICs of VMs in Flexible scale sets."""
    site.check_group(asked)
    return _listing(site, asked, site.flexible, interface)


def public_ips_of_group(site: Site, asked: Asked) -> Answer:
    """The public IPs that are resources of the group."""
    site.check_group(asked)
    return _listing(site, asked, site.flexible, public_ip, _has_public_ip)


def get_of_group(site: Site, asked: Asked) -> Answer:
    """GET of a NIC that is a resource of the group."""
    return _resource_of_group(site, asked, asked.params["nic"], interface)


def public_ip_of_group(site: Site, asked: Asked) -> Answer:
    """GET of a public IP that is a resource of the group."""
    return _resource_of_group(site, asked, asked.params["address"], public_ip, _has_public_ip)


def of_vm(site: Site, asked: Asked) -> Answer:
    """The NICs of a VM: always one NIC."""
    emulated, state = _vm(site, asked)
    return charged(Answer(body={"value": [interface(site, emulated, state)]}), emulated, Call.NETWORK)


def get(site: Site, asked: Asked) -> Answer:
    """GET of a NIC; only this answer can show the public IP inside the NIC."""
    emulated, state = _vm(site, asked)
    if asked.params["nic"] != NIC:
        raise _nothing(asked.path)
    expanded = "publicipaddress" in asked.query.get("$expand", "").lower()
    return charged(Answer(body=interface(site, emulated, state, expanded=expanded)), emulated, Call.NETWORK)


def public_ips_of_vm(site: Site, asked: Asked) -> Answer:
    """The public IPs of one NIC's IP configuration."""
    emulated, state = _vm(site, asked)
    if (asked.params["nic"], asked.params["configuration"]) != (NIC, CONFIGURATION):
        raise _nothing(asked.path)
    value = [public_ip(site, emulated, state)] if _has_public_ip((emulated, state)) else []
    return charged(Answer(body={"value": value}), emulated, Call.NETWORK)


def public_ip_of_vm(site: Site, asked: Asked) -> Answer:
    """GET of a public IP."""
    answer = public_ips_of_vm(site, asked)
    for each in answer.body["value"]:
        if each["name"].lower() == asked.params["address"]:
            return replace(answer, body=each)
    raise _nothing(asked.path)


def _resource_of_group(
    site: Site,
    asked: Asked,
    name: str,
    show: Callable[[Site, EmulatedScaleSet, VmState], Json],
    keep: Callable[[Row], bool] = lambda _row: True,
) -> Answer:
    site.check_group(asked)
    for emulated in site.flexible:
        for state in emulated.read_addresses():
            if keep((emulated, state)) and (body := show(site, emulated, state))["name"].lower() == name:
                return charged(Answer(body=body), emulated, Call.NETWORK)
    raise _nothing(asked.path)


def _listing(
    site: Site,
    asked: Asked,
    sets: list[EmulatedScaleSet],
    show: Callable[[Site, EmulatedScaleSet, VmState], Json],
    keep: Callable[[Row], bool] = lambda _row: True,
) -> Answer:
    if not sets:
        return Answer(body={"value": []})
    rows = [row for emulated in sets for state in emulated.read_addresses() if keep(row := (emulated, state))]
    body, _ = listing.page(asked, sets[0], rows, site.page_size, lambda row: show(site, *row))
    return charged(Answer(body=body), sets[0], Call.NETWORK)


def _has_public_ip(row: Row) -> bool:
    emulated, state = row
    listed = emulated.behaviour.switches.unallocated_public_ips_listed
    return emulated.profile.public_ips and (listed or state.public_ip is not None)


def _uniform(site: Site, asked: Asked) -> EmulatedScaleSet:
    emulated = site.scale_set(asked)
    if emulated.flexible:
        raise _nothing(site.set_id(emulated))
    return emulated


def _vm(site: Site, asked: Asked) -> Row:
    emulated = _uniform(site, asked)
    for state in emulated.read_addresses():
        if state.instance_id == asked.params["instance"]:
            return emulated, state
    raise _nothing(asked.path)


def _nothing(resource: str) -> ArmError:
    return ArmError(404, "NotFound", f"Resource {resource} not found.")


NIC, CONFIGURATION, PUBLIC_IP = "nic", "ipconfig", "instancepublicip"  # a Uniform set's names, the same for all


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids:
    """The resource ids of one VM and its network."""

    vm: str
    nic: str
    public_ip: str

    @property
    def configuration(self) -> str:
        """The NIC's only IP configuration."""
        return f"{self.nic}/ipConfigurations/{CONFIGURATION}"


def ids(site: Site, emulated: EmulatedScaleSet, state: VmState) -> Ids:
    """Below the scale set, or resources of the group where the VM is one."""
    if emulated.flexible:
        public_ip = f"{site.group_id}/providers/Microsoft.Network/publicIPAddresses/{PUBLIC_IP}-{suffix(state)}"
        return Ids(vm=site.machine_id(state.instance_id), nic=nic_id(site, state), public_ip=public_ip)
    vm = f"{site.set_id(emulated)}/virtualMachines/{state.instance_id}"
    nic = f"{vm}/networkInterfaces/{NIC}"
    return Ids(vm=vm, nic=nic, public_ip=f"{nic}/ipConfigurations/{CONFIGURATION}/publicIPAddresses/{PUBLIC_IP}")


def interface(site: Site, emulated: EmulatedScaleSet, state: VmState, *, expanded: bool = False) -> Json:
    """The NIC. The public IP is a reference, or shown in full if `expanded`."""
    known = ids(site, emulated, state)
    return _resource(site, emulated, known.nic, "networkInterfaces") | {
        "properties": {
            "provisioningState": "Succeeded",
            "resourceGuid": _guid(state, "nic"),
            "ipConfigurations": [_configuration(site, emulated, state, expanded=expanded)],
            "dnsSettings": {"dnsServers": [], "appliedDnsServers": []},
            "macAddress": "00-0D-3A-" + "-".join(_guid(state, "mac").upper()[each : each + 2] for each in (0, 2, 4)),
            "enableAcceleratedNetworking": False,
            "enableIPForwarding": False,
            "primary": True,
            "virtualMachine": {"id": known.vm},
            "hostedWorkloads": [],
            "tapConfigurations": [],
        }
    }


def _configuration(site: Site, emulated: EmulatedScaleSet, state: VmState, *, expanded: bool) -> Json:
    known = ids(site, emulated, state)
    properties: Json = {
        "provisioningState": "Succeeded",
        "privateIPAllocationMethod": "Dynamic",
        "subnet": {"id": f"{site.group_id}/providers/Microsoft.Network/virtualNetworks/vnet-pixels/subnets/default"},
        "primary": True,
        "privateIPAddressVersion": "IPv4",
    }
    if state.private_ip is not None:
        properties["privateIPAddress"] = state.private_ip
    if emulated.profile.public_ips:
        properties["publicIPAddress"] = public_ip(site, emulated, state) if expanded else {"id": known.public_ip}
    return {"name": CONFIGURATION, "id": known.configuration, "etag": _etag(known.nic), "properties": properties}


def public_ip(site: Site, emulated: EmulatedScaleSet, state: VmState) -> Json:
    """The public IP; without an address unless allocated."""
    known = ids(site, emulated, state)
    keeps = emulated.behaviour.switches.public_ip_survives_deallocation
    properties: Json = {
        "provisioningState": "Succeeded",
        "resourceGuid": _guid(state, "public"),
        "publicIPAddressVersion": "IPv4",
        "publicIPAllocationMethod": "Static" if keeps else "Dynamic",
        "idleTimeoutInMinutes": 4,
        "ipTags": [],
        "ipConfiguration": {"id": known.configuration},
    }
    if state.public_ip is not None:
        properties["ipAddress"] = state.public_ip
    sku = {"name": "Standard" if keeps else "Basic", "tier": "Regional"}
    return _resource(site, emulated, known.public_ip, "publicIPAddresses") | {"properties": properties, "sku": sku}


def _resource(site: Site, emulated: EmulatedScaleSet, resource: str, kind: str) -> Json:
    """The head of a resource. Parts of Uniform scale sets have neither type nor location."""
    body: Json = {"name": resource.rpartition("/")[2], "id": resource, "etag": _etag(resource)}
    return body | ({"type": f"Microsoft.Network/{kind}", "location": site.place.location} if emulated.flexible else {})


def _etag(resource: str) -> str:
    return f'W/"{UUID(sha256(resource.encode()).hexdigest()[:32])}"'


def _guid(state: VmState, what: str) -> str:
    return str(UUID(sha256(f"{state.vm_id}{what}".encode()).hexdigest()[:32]))
