"""One scale set of Uniform orchestration: looks are read narrowly, orders go through the SDK's typed operations."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

from scaler.errors import Missing
from scaler.model.instance import Instance, InstanceRef, Orchestration, VmId
from scaler.model.sighting import Answer, Pages
from scaler.vmss.calls import API_VERSION
from scaler.vmss.gates import BATCH_FROM, Kind
from scaler.vmss.listing import Network, PageWalk
from scaler.vmss.refusals import About, refusal
from scaler.vmss.resource import ScaleSetResource
from scaler.vmss.translate import UNIFORM_ID, to_instance, to_page

_NETWORK_VERSION = "2018-10-01"  # of these two lists: the one that all of Microsoft's own clients send
_NETWORK_PERMISSION = (
    "Microsoft.Compute/virtualMachineScaleSets/networkInterfaces/read and"
    " Microsoft.Compute/virtualMachineScaleSets/publicIPAddresses/read on the scale set"
)


class ArmScaleSet(ScaleSetResource):
    """Implements scaler.ports.ScaleSet."""

    orchestration = Orchestration.UNIFORM

    def list_instances(self) -> Pages:
        """Every instance with its power state: all pages or an error."""
        url = f"{self._path}/virtualMachines?$expand=instanceView&api-version={API_VERSION}"
        until = self._calls.until(self._calls.client.bounds.listing)
        listed = PageWalk(self._calls, Kind.LIST, partial(to_page, scale_set=self._name), until=until).all_pages(url)
        found: dict[VmId, Instance] = {}  # a machine may be on two pages when the scale set changes: the later one
        for page in listed.pages:
            found.update((instance.vm_id, instance) for instance in page.instances)
        at_address = {
            instance.ref.instance_id: instance for instance in found.values()
        }  # ids are reused: the later machine
        return Pages(
            scale_set=self._name,
            instances=tuple(at_address.values()),
            unidentified=sum(page.unidentified for page in listed.pages),
            nameless=frozenset().union(*(page.nameless for page in listed.pages)),
            requests=listed.requests,
            at=listed.at,
            sent=listed.sent,
        )

    def get(self, ref: InstanceRef) -> Answer:
        """The instance behind the id now, perhaps another machine than before."""
        instance_id = self._one(ref)
        url = f"{self._path}/virtualMachines/{instance_id}?$expand=instanceView&api-version={API_VERSION}"
        reply = self._calls.read(Kind.GET, url, until=self._soon)
        if reply.status == 200:
            return Answer(asked=ref, found=to_instance(reply, ref), at=reply.at, sent=reply.sent)
        error = refusal(reply, About(ids=(instance_id,), alone=True))
        if reply.status == 404 and isinstance(error, Missing) and error.instance_ids:
            return Answer(asked=ref, found=None, at=reply.at, sent=reply.sent)
        raise error

    def start(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Start them, in one batch."""
        self._batch(Kind.START, self._sets.begin_start, self._ids(refs), self._calls.until(within))

    def power_off(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Stop instances and keep the allocation."""
        ids, until = self._ids(refs), self._calls.until(within)
        if len(ids) >= BATCH_FROM:
            self._batch(Kind.POWER_OFF, self._sets.begin_power_off, ids, until)
        else:
            self._singly(Kind.POWER_OFF_ONE, self._of_set(self._vms.begin_power_off), ids, until)

    def deallocate(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Stop instances and give the allocation back."""
        ids, until = self._ids(refs), self._calls.until(within)
        if len(ids) >= BATCH_FROM:
            self._batch(Kind.DEALLOCATE, self._sets.begin_deallocate, ids, until)
        else:
            self._singly(Kind.DEALLOCATE_ONE, self._of_set(self._vms.begin_deallocate), ids, until)

    @property
    def network(self) -> Network:
        """The scale set's own lists: paths of Compute, answered by Microsoft.Network."""
        return Network(
            parent=self._id,
            interfaces=f"{self._path}/networkInterfaces?api-version={_NETWORK_VERSION}",
            public_ips=f"{self._path}/publicIPAddresses?api-version={_NETWORK_VERSION}",
            permission=_NETWORK_PERMISSION,
        )

    def _is_instance_id(self, instance_id: str) -> bool:
        return UNIFORM_ID.fullmatch(instance_id) is not None

    def _of_set(self, begin: Callable[..., object]) -> Callable[..., object]:
        """An operation on one VM of this scale set, named by its id alone."""
        return partial(begin, self._group, self._arm_name)
