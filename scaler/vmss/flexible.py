"""One scale set of Flexible orchestration, as far as the facts go: experimental, and chosen by a setting.

The instances are VMs in the resource group, and a VM's resource does not show the mark: a look is two lists, or two
GETs. The scale set's own list has the members; a name in the resource group's list alone is no member.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from scaler.errors import Missing
from scaler.model.instance import InstanceId, InstanceRef, Orchestration, is_instance_id
from scaler.model.sighting import Answer, Pages
from scaler.vmss.calls import API_VERSION
from scaler.vmss.flexible_rows import joined, joined_one
from scaler.vmss.gates import Kind
from scaler.vmss.listing import Network, PageWalk
from scaler.vmss.refusals import About, refusal
from scaler.vmss.reply import Reply
from scaler.vmss.resource import ScaleSetResource
from scaler.vmss.translate import to_row, to_rows

if TYPE_CHECKING:
    from azure.mgmt.compute.operations import VirtualMachinesOperations

EXPERIMENTAL = (
    "Flexible orchestration is experimental: it was built from Azure's documentation and has never been run against"
    " Azure; docs/decisions/0005-flexible.md says what is not known"
)
_NETWORK_VERSION = "2024-05-01"
_OF_VMS = "Microsoft.Compute/virtualMachines/* on the resource group"
_NETWORK_PERMISSION = (
    "Microsoft.Network/networkInterfaces/read and Microsoft.Network/publicIPAddresses/read on the resource group"
)


class FlexibleScaleSet(ScaleSetResource):
    """Implements scaler.ports.ScaleSet. All orders but a deletion go to each VM: nobody says if batches are taken."""

    orchestration = Orchestration.FLEXIBLE

    def list_instances(self) -> Pages:
        """Every instance with power state and mark: all pages of two lists, or an error."""
        until = self._calls.until(self._calls.client.bounds.listing)
        whose = quote(f"'virtualMachineScaleSet/id' eq '{self._id}'", safe="")
        own = f"{self._path}/virtualMachines?api-version={API_VERSION}"
        vms = f"{self._vms_path}?$filter={whose}&$expand=instanceView&api-version={API_VERSION}"
        members = PageWalk(self._calls, Kind.LIST, to_rows, until=until).all_pages(own)
        about = About(permission=_OF_VMS)
        machines = PageWalk(self._calls, Kind.LIST_VMS, to_rows, until=until, about=about).all_pages(vms)
        both = joined(members.pages, machines.pages, self._name)
        return Pages(
            scale_set=self._name,
            instances=both.instances,
            unidentified=both.unidentified,
            nameless=both.nameless,
            requests=members.requests + machines.requests,
            at=members.at,
            sent=members.sent,
        )

    def get(self, ref: InstanceRef) -> Answer:
        """The instance behind the name now. Timed by the first of the two answers."""
        name = self._one(ref)
        until = self._soon
        member = self._find(f"{self._path}/virtualMachines/{name}?api-version={API_VERSION}", name, until)
        if member.status == 404:
            return Answer(asked=ref, found=None, at=member.at, sent=member.sent)
        vm = f"{self._vms_path}/{name}?$expand=instanceView&api-version={API_VERSION}"
        machine = self._find(vm, name, until)
        found = None if machine.status == 404 else joined_one(to_row(member), to_row(machine), ref)
        return Answer(asked=ref, found=found, at=member.at, sent=member.sent)

    def start(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Start instances, one request each."""
        self._each(Kind.START_ONE, self._machines.begin_start, refs, within)

    def power_off(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Stop instances and keep the allocation, one request each."""
        self._each(Kind.POWER_OFF_ONE, self._machines.begin_power_off, refs, within)

    def deallocate(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Stop instances and give the allocation back, one request each."""
        self._each(Kind.DEALLOCATE_ONE, self._machines.begin_deallocate, refs, within)

    @property
    def network(self) -> Network:
        """The resource group's lists: a Flexible scale set has no network lists."""
        lists = quote(f"{self._providers}/Microsoft.Network")
        return Network(
            parent=f"{self._providers}/Microsoft.Compute",
            interfaces=f"{lists}/networkInterfaces?api-version={_NETWORK_VERSION}",
            public_ips=f"{lists}/publicIPAddresses?api-version={_NETWORK_VERSION}",
            permission=_NETWORK_PERMISSION,
        )

    def _is_instance_id(self, instance_id: str) -> bool:
        return is_instance_id(instance_id)

    @property
    def _vms_path(self) -> str:
        return quote(f"{self._providers}/Microsoft.Compute/virtualMachines")

    @property
    def _machines(self) -> "VirtualMachinesOperations":
        return self._calls.client.sdk.virtual_machines

    def _find(self, url: str, name: InstanceId, until: float) -> Reply:
        """A 200, or a 404 that says that this VM is not there."""
        reply = self._calls.read(Kind.GET, url, until=until)
        if reply.status == 200:
            return reply
        error = refusal(reply, About(ids=(name,), alone=True, permission=_OF_VMS))
        if reply.status == 404 and isinstance(error, Missing) and error.instance_ids:
            return reply
        raise error

    def _each(self, kind: Kind, begin: Callable[..., object], refs: Sequence[InstanceRef], within: timedelta) -> None:
        ids, until = self._ids(refs), self._calls.until(within)
        self._singly(kind, partial(begin, self._group), ids, until, _OF_VMS)
