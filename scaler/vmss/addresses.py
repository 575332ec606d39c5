"""Network interfaces and public addresses, as Microsoft.Network lists them, in the model's words: pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from msgspec import field
from msgspec.json import Decoder

from scaler.model.instance import Addresses, InstanceId, is_instance_id
from scaler.vmss.reply import Body, Reply, decoded


class _Reference(Body):
    id: str | None = None


class _IpConfigurationProperties(Body):
    primary: bool | None = None
    private_ip: str | None = field(default=None, name="privateIPAddress")
    public_ip: _Reference | None = field(default=None, name="publicIPAddress")


class _IpConfiguration(Body):
    properties: _IpConfigurationProperties | None = None


class _InterfaceProperties(Body):
    primary: bool | None = None
    virtual_machine: _Reference | None = None
    ip_configurations: list[_IpConfiguration] | None = None


class InterfaceBody(Body):
    """One network interface."""

    properties: _InterfaceProperties | None = None


class InterfacesBody(Body):
    """One page of them."""

    value: list[InterfaceBody]
    next_link: str | None = None


class _PublicIpProperties(Body):
    ip_address: str | None = None  # none while the VM is deallocated, if it is a dynamic one


class PublicIpBody(Body):
    """One public address."""

    id: str | None = None
    properties: _PublicIpProperties | None = None


class PublicIpsBody(Body):
    """One page of them."""

    value: list[PublicIpBody]
    next_link: str | None = None


_INTERFACES, _PUBLIC_IPS = Decoder(InterfacesBody), Decoder(PublicIpsBody)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """An ipConfiguration of an instance; the first ipConfiguration has the instance's address."""

    instance_id: InstanceId
    primary: tuple[bool, bool]  # its interface, and itself on that interface
    private: str | None
    public_id: str | None  # the resource id of its public address, lower case


def to_interfaces(reply: Reply) -> InterfacesBody:
    """One page of network interfaces."""
    return decoded(_INTERFACES, reply.json)


def to_public_ips(reply: Reply) -> PublicIpsBody:
    """One page of public addresses."""
    return decoded(_PUBLIC_IPS, reply.json)


def configurations(pages: Iterable[InterfacesBody], parent: str) -> Iterator[Configuration]:
    """The ipConfigurations of all VMs below the resource `parent`; ids are compared without regard to case."""
    below = f"{parent}/virtualMachines/".lower()
    for properties in (row.properties for page in pages for row in page.value):
        vm = ((properties.virtual_machine and properties.virtual_machine.id) or "") if properties else ""
        instance_id = vm[len(below) :]
        if properties is None or not vm.lower().startswith(below) or not is_instance_id(instance_id):
            continue
        for configuration in (it.properties for it in properties.ip_configurations or ()):
            if configuration is not None:
                yield Configuration(
                    instance_id=InstanceId(instance_id),
                    primary=(properties.primary is True, configuration.primary is True),
                    private=configuration.private_ip,
                    public_id=((configuration.public_ip and configuration.public_ip.id) or "").lower() or None,
                )


def public_by_id(pages: Iterable[PublicIpsBody]) -> Mapping[str, str | None]:
    """The addresses by their resources' ids, lower case: the name is the same for every instance."""
    rows = (row for page in pages for row in page.value)
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
