"""The two lists of a Flexible scale set, joined: a list with power states, and a list of members with marks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from scaler.errors import Garbled
from scaler.model.instance import Instance, InstanceId, InstanceRef, ProvisioningState, ScaleSetName, is_instance_id
from scaler.vmss.reply import PageBody, VmBody
from scaler.vmss.translate import is_marked, shown, shown_id, vm_id_of

_UNDER_WAY = frozenset({ProvisioningState.CREATING, ProvisioningState.UPDATING, ProvisioningState.DELETING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The members in both lists. `unidentified`: being created or deleted, and not named in both lists."""

    instances: tuple[Instance, ...]
    unidentified: int
    nameless: frozenset[str] = frozenset()  # whom not both identify, on their way or not


def joined(members: Iterable[PageBody], machines: Iterable[PageBody], scale_set: ScaleSetName) -> Joined:
    """The scale set's members with their power.

    A machine in a single list is neither named nor counted: without a mark the machine would look like a new one,
    without a power state like a gone one, and counted it would make a short listing complete. The same goes for rows
    without an identity, except rows of machines that are being created or deleted.
    """
    named, powered = _by_name(members), _by_name(machines)
    pairs = [(row, powered[name]) for name, row in named.items() if name in powered]
    instances = [_instance(member, machine, scale_set) for member, machine in pairs]
    seen = tuple(instance for instance in instances if instance is not None)
    return Joined(
        instances=seen,
        unidentified=sum(_passing(*pair) for pair in pairs),
        nameless=frozenset(
            shown_id(_name(pair[0])) for pair, each in zip(pairs, instances, strict=True) if each is None
        ),
    )


def joined_one(member: VmBody, machine: VmBody, asked: InstanceRef) -> Instance:
    """The same for two targeted GETs. Raises Garbled unless both are about the one VM behind the name."""
    instance = _instance(member, machine, asked.scale_set)
    if instance is None or instance.ref.instance_id.lower() != asked.instance_id.lower():
        raise Garbled("the answers to two GETs of one instance do not say whom they are about")
    return instance


def _by_name(pages: Iterable[PageBody]) -> Mapping[str, VmBody]:
    """A machine may be on two pages when the scale set changes: the later one counts."""
    return {_name(row).lower(): row for page in pages for row in page.value if _name(row)}


def _name(row: VmBody) -> str:
    """The VM's name is its instance id."""
    return row.instance_id or row.name or ""


def _passing(member: VmBody, machine: VmBody) -> bool:
    """Whether a row has no identity because the VM is being created or deleted."""
    if vm_id_of(member) is not None and vm_id_of(machine) is not None:
        return False
    states = [row.properties.provisioning_state or "" for row in (member, machine) if row.properties is not None]
    return any(state.lower() in {"creating", "deleting"} for state in states)


def _instance(member: VmBody, machine: VmBody, scale_set: ScaleSetName) -> Instance | None:
    """None where the two rows are not surely about the same VM."""
    name, vm_id = _name(member), vm_id_of(machine)
    if vm_id is None or vm_id_of(member) != vm_id or not is_instance_id(name) or _name(machine).lower() != name.lower():
        return None
    ref = InstanceRef(scale_set=scale_set, instance_id=InstanceId(name), vm_id=vm_id)
    marked, etag = is_marked(member), member.etag
    seen, own = (shown(row, ref, marked=marked, etag=etag) for row in (machine, member))
    if seen.provisioning is ProvisioningState.SUCCEEDED and own.provisioning in _UNDER_WAY:
        return replace(seen, provisioning=own.provisioning)  # the mark's own operation is not finished yet
    return seen
