"""The JSON of NICs and public IPs, shaped as Microsoft.Network shapes them."""

from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from emulator.scale_set import EmulatedScaleSet
from emulator.vm import VmState
from emulator.wire.bodies import Json
from emulator.wire.machines import nic_id, suffix
from emulator.wire.site import Site

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
    """The NIC. Its public IP is a reference, unless it was asked to be shown itself."""
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
    """The public IP; one that is not allocated has no address."""
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
    """A part of a Uniform scale set says neither its type nor where it is."""
    body: Json = {"name": resource.rpartition("/")[2], "id": resource, "etag": _etag(resource)}
    return body | ({"type": f"Microsoft.Network/{kind}", "location": site.place.location} if emulated.flexible else {})


def _etag(resource: str) -> str:
    return f'W/"{UUID(sha256(resource.encode()).hexdigest()[:32])}"'


def _guid(state: VmState, what: str) -> str:
    return str(UUID(sha256(f"{state.vm_id}{what}".encode()).hexdigest()[:32]))
