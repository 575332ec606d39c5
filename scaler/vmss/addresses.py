"""Network interfaces and public addresses, as Microsoft.Network lists them, in the model's words: pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from msgspec import field
from msgspec.json import Decoder

from scaler.model.instance import Addresses, InstanceId, is_instance_id
from scaler.vmss.reply import Body, Page, PropertiesOf


class _Reference(Body):
    id: str | None = None


class _IpConfiguration(Body):
    primary: bool | None = None
    private_ip: str | None = field(default=None, name="privateIPAddress")
    public_ip: _Reference | None = field(default=None, name="publicIPAddress")


class _Interface(Body):
    primary: bool | None = None
    virtual_machine: _Reference | None = None
    ip_configurations: list[PropertiesOf[_IpConfiguration]] | None = None


class _PublicIp(Body):
    ip_address: str | None = None  # none while the VM is deallocated, if it is a dynamic one


class PublicIpBody(PropertiesOf[_PublicIp]):
    """One public address."""

    id: str | None = None


type InterfaceBody = PropertiesOf[_Interface]
INTERFACES, INTERFACE = Decoder(Page[PropertiesOf[_Interface]]), Decoder(PropertiesOf[_Interface])
PUBLIC_IPS, PUBLIC_IP = Decoder(Page[PublicIpBody]), Decoder(PublicIpBody)


class _NetworkProfile(Body):
    network_interfaces: list[_Reference] | None = None


class _Machine(Body):
    network_profile: _NetworkProfile | None = None


MACHINE = Decoder(PropertiesOf[_Machine])
"""A VM that is a resource of its own, and the ids of its interfaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """An ipConfiguration of an instance; the first ipConfiguration has the instance's address."""

    instance_id: InstanceId
    primary: tuple[bool, bool]  # its interface, and itself on that interface
    private: str | None
    public_id: str | None  # the resource id of its public address, lower case


def configurations(interfaces: Iterable[InterfaceBody], parent: str) -> Iterator[Configuration]:
    """The ipConfigurations of all VMs below the resource `parent`; ids are compared without regard to case."""
    below = f"{parent}/virtualMachines/".lower()
    for interface in (row.properties for row in interfaces if row.properties is not None):
        vm = _id(interface.virtual_machine)
        instance_id = vm[len(below) :]
        if not vm.lower().startswith(below) or not is_instance_id(instance_id):
            continue
        for configuration in (row.properties for row in interface.ip_configurations or ()):
            if configuration is not None:
                yield Configuration(
                    instance_id=InstanceId(instance_id),
                    primary=(interface.primary is True, configuration.primary is True),
                    private=configuration.private_ip,
                    public_id=_id(configuration.public_ip).lower() or None,
                )


def interface_ids(machine: PropertiesOf[_Machine]) -> Iterator[str]:
    """The resource ids of a machine's interfaces."""
    profile = machine.properties.network_profile if machine.properties is not None else None
    yield from filter(None, map(_id, (profile and profile.network_interfaces) or ()))


def _id(reference: _Reference | None) -> str:
    return (reference and reference.id) or ""


def public_by_id(rows: Iterable[PublicIpBody]) -> Mapping[str, str | None]:
    """The addresses by their resources' ids, lower case: the name is the same for every instance."""
    return {row.id.lower(): row.properties.ip_address if row.properties else None for row in rows if row.id}


def located(found: Iterable[Configuration], public: Mapping[str, str | None]) -> dict[InstanceId, Addresses]:
    """Each instance's best addresses."""
    by_instance: dict[InstanceId, list[Configuration]] = {}
    for configuration in found:
        by_instance.setdefault(configuration.instance_id, []).append(configuration)
    return {instance_id: _addresses(those, public) for instance_id, those in by_instance.items()}


def _addresses(those: Sequence[Configuration], public: Mapping[str, str | None]) -> Addresses:
    """The first list is older than the second: an address named in the first may be missing in the second."""
    best = _best((its.primary, public.get(its.public_id or "")) for its in those)
    return Addresses(
        private=_best((its.primary, its.private) for its in those),
        public=best,
        untold=best is None and any(its.public_id for its in those),
    )


def _best(candidates: Iterable[tuple[tuple[bool, bool], str | None]]) -> str | None:
    """Prefer IPv4, then the primary address. A text that is no address is left out."""
    ranked = []
    for primary, text in candidates:
        try:
            address = ip_address(text or "")
        except ValueError:
            continue
        if "%" not in str(address):  # a scope: it means something on one machine only
            ranked.append(((address.version == 4, *primary), str(address)))
    return max(ranked, default=((), None), key=lambda each: each[0])[1]
