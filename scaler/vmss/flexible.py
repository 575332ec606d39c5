"""One scale set of Flexible orchestration, as far as the facts go: experimental, and chosen by a setting.

The instances are VMs in the resource group, and a VM's resource does not show the mark: a look is two lists, or two
GETs. The scale set's own list has the members; a name in the resource group's list alone is no member.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from urllib.parse import quote

from scaler.model.instance import InstanceRef, Orchestration, ScaleSetName
from scaler.model.sighting import Answer, Pages
from scaler.vmss.addresses import INTERFACE, MACHINE, InterfaceBody, interface_ids
from scaler.vmss.calls import API_VERSION
from scaler.vmss.gates import Kind
from scaler.vmss.network import Network
from scaler.vmss.refusals import About, refusal
from scaler.vmss.reply import Listed, VmBody
from scaler.vmss.scale_set import ArmScaleSet
from scaler.vmss.translate import VM, VMS, instance_of, name_of, shown_id, to_instance, vm_id_of

EXPERIMENTAL = (
    "Flexible orchestration is experimental: it was built from Azure's documentation and has never been run against"
    " Azure; docs/decisions/0005-flexible.md says what is not known"
)


class _NetworkOfGroup(Network):
    """The resource group's lists: a Flexible scale set has none. A machine names its interfaces."""

    version = "2024-05-01"
    requests = 3
    list_permission = machine_permission = (
        "Microsoft.Network/networkInterfaces/read and Microsoft.Network/publicIPAddresses/read on the resource group"
    )

    @property
    def parent(self) -> str:
        return f"{self.providers}/Microsoft.Compute"

    @property
    def lists(self) -> str:
        return f"{self.providers}/Microsoft.Network"

    def interfaces_of(self, ref: InstanceRef, until: float) -> Iterable[InterfaceBody]:
        path = quote(f"{self.parent}/virtualMachines/{ref.instance_id}")
        reply = self.calls.read(Kind.GET, f"{path}?api-version={API_VERSION}", until=until)
        if reply.status != 200:
            raise refusal(reply, About(ids=(ref.instance_id,), alone=True, permission=FlexibleScaleSet.permission))
        found = (self.resource(each, INTERFACE, until) for each in interface_ids(reply.read(MACHINE)))
        return [interface for interface in found if interface is not None]


class FlexibleScaleSet(ArmScaleSet):
    """Implements scaler.ports.ScaleSet. All orders but a deletion go to each VM: nobody says if batches are taken."""

    orchestration = Orchestration.FLEXIBLE
    batches: Mapping[Kind, int] = {}
    permission = "Microsoft.Compute/virtualMachines/* on the resource group"
    network = _NetworkOfGroup

    def list_instances(self) -> Pages:
        """Every instance with power state and mark: all pages of two lists, or an error."""
        until = self._listing_ends
        whose = quote(f"'virtualMachineScaleSet/id' eq '{self._id}'", safe="")
        own = f"{self._path}/virtualMachines?api-version={API_VERSION}"
        vms = f"{self._vms_path}?$filter={whose}&$expand=instanceView&api-version={API_VERSION}"
        members = self._list(Kind.LIST, VMS, own, until)
        return joined(members, self._list(Kind.LIST_VMS, VMS, vms, until, self.permission), self.name)

    def get(self, ref: InstanceRef) -> Answer:
        """The instance behind the name now. Timed by the first of the two answers."""
        name = self._one(ref)
        until = self._calls.until()
        found, vm = None, f"{self._vms_path}/{name}?$expand=instanceView&api-version={API_VERSION}"
        member = self._find(f"{self._path}/virtualMachines/{name}?api-version={API_VERSION}", name, until)
        if member.status == 200 and (machine := self._find(vm, name, until)).status == 200:
            found = to_instance(member.read(VM), machine.read(VM), ref, self.orchestration)
        return Answer(asked=ref, found=found, at=member.at, sent=member.sent)

    @property
    def _vms_path(self) -> str:
        return quote(f"{self._providers}/Microsoft.Compute/virtualMachines")

    def _operation(self, name: str) -> Callable[..., object]:
        return partial(getattr(self._sdk.virtual_machines, name), self._group)


def joined(members: Listed[VmBody], machines: Listed[VmBody], scale_set: ScaleSetName) -> Pages:
    """The scale set's members, whose rows have the marks, with the power states of the other list.

    A machine in a single list is neither named nor counted: without a mark the machine would look like a new one,
    without a power state like a gone one, and counted it would make a short listing complete. The same goes for rows
    without an identity, except rows of machines that are being created or deleted.
    """
    named, powered = _by_name(members.rows), _by_name(machines.rows)
    pairs = [(row, powered[name]) for name, row in named.items() if name in powered]
    instances = [instance_of(*pair, scale_set, Orchestration.FLEXIBLE) for pair in pairs]
    nameless = [shown_id(member) for (member, _), found in zip(pairs, instances, strict=True) if found is None]
    return Pages(
        scale_set=scale_set,
        instances=tuple(instance for instance in instances if instance is not None),
        unidentified=sum(_passing(*pair) for pair in pairs),
        nameless=frozenset(nameless),
        requests=members.requests + machines.requests,
        at=members.at,
        sent=members.sent,
    )


def _by_name(rows: Iterable[VmBody]) -> Mapping[str, VmBody]:
    """A machine may be on two pages when the scale set changes: the later one counts."""
    return {name_of(row).lower(): row for row in rows if name_of(row)}


def _passing(member: VmBody, machine: VmBody) -> bool:
    """Whether a row has no identity because the VM is being created or deleted."""
    if vm_id_of(member) is not None and vm_id_of(machine) is not None:
        return False
    states = [row.properties.provisioning_state or "" for row in (member, machine) if row.properties is not None]
    return any(state.lower() in {"creating", "deleting"} for state in states)
