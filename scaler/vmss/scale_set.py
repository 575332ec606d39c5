"""One scale set of Uniform orchestration: looks are read narrowly, orders go through the SDK's typed operations."""

import re
from collections.abc import Callable, Mapping, Sequence
from copy import copy, replace
from datetime import timedelta
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from azure.core import MatchConditions
from msgspec import to_builtins
from msgspec.json import Decoder

from scaler.errors import Conflict, Missing, Partly, Refused, ScalerError, Throttled
from scaler.model.instance import Addresses, InstanceId, InstanceRef, Orchestration, ScaleSetName, VmId
from scaler.model.sighting import Answer, OuterTags, Pages, Pause, ScaleSetView
from scaler.model.tags import PAUSE_TAG
from scaler.ports import Clock, Together
from scaler.vmss import translate
from scaler.vmss.calls import API_VERSION, Calls
from scaler.vmss.client import ArmClient
from scaler.vmss.gates import BATCH_FROM, Gates, Kind
from scaler.vmss.listing import PageWalk
from scaler.vmss.network import Learnt, Network
from scaler.vmss.refusals import OF_SCALE_SETS, About, refusal
from scaler.vmss.reply import Listed, Page, Reply, SkuBody

if TYPE_CHECKING:
    from azure.mgmt.compute import ComputeManagementClient

_GROUP_PATIENCE = timedelta(seconds=3)  # a tick that lists waits for it
_RESOURCE_NAME = re.compile(r"[\w.()-]{0,89}[\w()-]")  # no dot at the end, so never ".."
_MARK = {"properties": {"protectionPolicy": {"protectFromScaleIn": True}}}
_ORDERS: Mapping[Kind, tuple[Kind, str]] = {
    Kind.START: (Kind.START_ONE, "begin_start"),
    Kind.POWER_OFF: (Kind.POWER_OFF_ONE, "begin_power_off"),
    Kind.DEALLOCATE: (Kind.DEALLOCATE_ONE, "begin_deallocate"),
}
"""Orders that go to a batch, or to each machine by an order of another kind: the SDK names both operations alike."""


class _Seen:
    """The latest look at the scale set itself, shared by all callers; replaced as one value."""

    latest: tuple[ScaleSetView, SkuBody] | None = None

    def __init__(self) -> None:
        self.network = Learnt()


class ArmScaleSet:
    """Implements scaler.ports.ScaleSet, which says what each call does; a subclass has what differs for Flexible.

    Thread-safe; `for_controller` gives each caller its own name to Azure.
    """

    orchestration = Orchestration.UNIFORM
    batches: Mapping[Kind, int] = {Kind.START: 1, Kind.POWER_OFF: BATCH_FROM, Kind.DEALLOCATE: BATCH_FROM}
    """The kinds of orders that go out as a batch, from so many machines on."""
    permission = OF_SCALE_SETS
    """What the identity needs for single machines."""
    network = Network

    def __init__(self, client: ArmClient, resource_group: str, name: str, *, clock: Clock, gates: Gates) -> None:
        if not all(_RESOURCE_NAME.fullmatch(part) for part in (client.subscription, resource_group, name)):
            raise ValueError(f"not the names of a resource group and a scale set: {resource_group!r}, {name!r}")
        self.gates = gates
        self.name = ScaleSetName(name.lower())
        self._group, self._arm_name = resource_group, name
        self._calls = Calls(client, gates, clock)
        self._seen = _Seen()
        self._providers = f"/subscriptions/{client.subscription}/resourceGroups/{resource_group}/providers"
        self._id = f"{self._providers}/Microsoft.Compute/virtualMachineScaleSets/{name}"
        self._path = quote(self._id)

    def for_controller(self, controller: str) -> Self:
        """The same scale set, gates and memory; requests carry `scaler-<controller>` as their User-Agent."""
        named = copy(self)
        named._calls = replace(self._calls, agent=f"scaler-{controller}")
        return named

    def prepare(self) -> None:
        """Import the SDK's models now, so that the first visitor does not wait half a second for the import."""
        self._sdk  # noqa: B018 (made once, and kept)

    @property
    def arm_id(self) -> str:
        """The resource id, as the settings spell it."""
        return self._id

    def document(self, resource: str, version: str = API_VERSION, more: str = "") -> tuple[object, Reply]:
        """Ask for the whole JSON of a resource, by its id or path, for people. Raises Refused, Missing, …"""
        url = f"{quote(resource)}?api-version={version}{more}"
        reply = self._calls.read(Kind.VIEW, url, until=self._calls.until())
        if reply.status != 200:
            raise refusal(reply, About(permission=f"Reader on {resource}"))
        return reply.read(translate.DOCUMENT), reply

    def view(self, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
        seen = self._seen.latest
        if seen is not None and no_older_than and self._calls.until(-no_older_than) <= seen[0].sent:
            return seen[0]
        return self._look(self._calls.until())[0]

    def group_tags(self) -> OuterTags:
        url = f"{quote(self._providers.removesuffix('/providers'))}?api-version={translate.TAGS_API_VERSION}"
        reply = self._calls.read(Kind.GROUP, url, until=self._calls.until(_GROUP_PATIENCE))
        if reply.status != 200:
            raise refusal(reply, About(permission="Microsoft.Resources/subscriptions/resourceGroups/read"))
        return translate.to_group_tags(reply)

    def list_instances(self) -> Pages:
        """Every instance with its power state: all pages or an error."""
        url = f"{self._path}/virtualMachines?$expand=instanceView&api-version={API_VERSION}"
        return translate.to_pages(self._list(Kind.LIST, translate.VMS, url, self._listing_ends), self.name)

    def get(self, ref: InstanceRef) -> Answer:
        """The instance behind the id now, perhaps another machine than before."""
        instance_id = self._one(ref)
        url = f"{self._path}/virtualMachines/{instance_id}?$expand=instanceView&api-version={API_VERSION}"
        reply = self._find(url, instance_id, self._calls.until())
        row = reply.read(translate.VM) if reply.status == 200 else None
        found = translate.to_instance(row, row, ref, self.orchestration) if row is not None else None
        return Answer(asked=ref, found=found, at=reply.at, sent=reply.sent)

    def addresses(
        self, refs: Sequence[InstanceRef], together: Together
    ) -> tuple[Mapping[VmId, Addresses | None], Sequence[ScalerError]]:
        self._ids(refs)
        capacity = self._seen.latest[0].capacity if self._seen.latest is not None else 0
        network = self.network(calls=self._calls, learnt=self._seen.network, providers=self._providers, set_id=self._id)
        return network.addresses(refs, together, capacity)

    def start(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        self._give(Kind.START, refs, within)

    def power_off(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        self._give(Kind.POWER_OFF, refs, within)

    def deallocate(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        self._give(Kind.DEALLOCATE, refs, within)

    def delete(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Delete instances, in one batch. ARM rejects a whole batch for a dead id: the rest is sent again."""
        ids, until = self._ids(refs), self._calls.until(within)
        while ids:
            try:
                self._batch(Kind.DELETE, self._sdk.virtual_machine_scale_sets.begin_delete_instances, ids, until)
                break
            except Missing as gone:
                left = tuple(instance_id for instance_id in ids if instance_id not in gone.instance_ids)
                if left == ids:
                    raise
                ids = left

    def mark(self, ref: InstanceRef, etag: str | None, *, within: timedelta) -> None:
        (instance_id,) = self._ids([ref])
        begin = partial(self._sdk.virtual_machine_scale_set_vms.begin_update, **_if_match(etag))
        where, until = (self._group, self._arm_name, instance_id), self._calls.until(within)
        about = About(ids=(instance_id,), alone=True)
        self._calls.order(Kind.MARK, begin, *where, _MARK, until=until, about=about)

    def set_capacity(self, capacity: int, etag: str | None, *, within: timedelta) -> None:
        """PATCH sku.capacity, with name and tier of the sku by the last look.

        Without an etag Azure would take any number: the capacity is read first, and must not be larger.
        """
        if capacity < 0:
            raise ValueError(f"a capacity of {capacity}")
        until = self._calls.until(within)
        seen = self._seen.latest if etag else None  # an etag vouches for the sku; without one it might be an old size
        view, sku = seen or self._look(until)
        if not etag and view.capacity > capacity:
            raise Conflict(f"not sent: the capacity is {view.capacity} by now, and {capacity} would lower it")
        begin = partial(self._sdk.virtual_machine_scale_sets.begin_update, **_if_match(etag))
        body = {"sku": to_builtins(replace(sku, capacity=capacity))}
        self._calls.order(Kind.CAPACITY, begin, self._group, self._arm_name, body, until=until)

    def set_pause(self, how: Pause) -> None:
        """Set the tag `scaler:paused` alone, for an operator. "Go on" is a value, too."""
        self.set_tag(PAUSE_TAG, how.word)

    def set_tag(self, name: str, value: str, *, takes: bool = False) -> None:
        """Set a tag for an operator, or take it away if it has that value. The controllers see it in the next look."""
        url = f"{self._path}/providers/Microsoft.Resources/tags/default?api-version={translate.TAGS_API_VERSION}"
        reply = self._calls.patch(Kind.TAG, url, translate.tagging(name, value, takes=takes), until=self._calls.until())
        if reply.status not in {200, 202}:
            raise refusal(reply, About(permission="Microsoft.Resources/tags/write on the scale set (Tag Contributor)"))
        self._seen.latest = None

    def _operation(self, name: str) -> Callable[..., object]:
        """The SDK's operation on one VM, which is still to be named."""
        return partial(getattr(self._sdk.virtual_machine_scale_set_vms, name), self._group, self._arm_name)

    @property
    def _listing_ends(self) -> float:
        """When a listing that begins now is given up."""
        return self._calls.until(self._calls.client.bounds.listing)

    @property
    def _sdk(self) -> "ComputeManagementClient":
        return self._calls.client.sdk

    def _look(self, until: float) -> tuple[ScaleSetView, SkuBody]:
        reply = self._calls.read(Kind.VIEW, f"{self._path}?api-version={API_VERSION}", until=until)
        if reply.status != 200:
            raise refusal(reply)
        body = translate.to_scale_set(reply, self.orchestration)
        self._seen.latest = seen = (translate.to_view(body, self.name, reply), body.sku)
        return seen

    def _list[Row](
        self, kind: Kind, page: Decoder[Page[Row]], url: str, until: float, permission: str = OF_SCALE_SETS
    ) -> Listed[Row]:
        return PageWalk(self._calls, kind, page, until=until, about=About(permission=permission)).all_pages(url)

    def _find(self, url: str, instance_id: InstanceId, until: float) -> Reply:
        """The answer for one VM: 200, or the 404 of a VM that ARM does not have. Raises ScalerError for any other."""
        reply = self._calls.read(Kind.GET, url, until=until)
        if reply.status == 200:
            return reply
        error = refusal(reply, About(ids=(instance_id,), alone=True, permission=self.permission))
        if reply.status == 404 and isinstance(error, Missing) and error.instance_ids:
            return reply
        raise error

    def _ids(self, refs: Sequence[InstanceRef]) -> tuple[InstanceId, ...]:
        """The instance ids. ARM reads an empty list, and "*", as "all instances": both are refused here."""
        if not refs:
            raise ValueError("no instances: ARM would take that for all of them")
        for ref in refs:
            if not self._is_ours(ref):
                raise ValueError(f"not an instance of {self.name}: {ref}")
        return tuple(dict.fromkeys(ref.instance_id for ref in refs))

    def _is_ours(self, ref: InstanceRef) -> bool:
        return ref.scale_set == self.name and translate.can_be_id(ref.instance_id, self.orchestration)

    def _one(self, ref: InstanceRef) -> InstanceId:
        """The instance id. Notes may hold any text: a text that cannot be an id is refused here, as ARM would do."""
        if not self._is_ours(ref):
            raise Refused(f"not an instance of {self.name}: {ref.instance_id[:80]!r}", "InvalidParameter", 400)
        return ref.instance_id

    def _give(self, kind: Kind, refs: Sequence[InstanceRef], within: timedelta) -> None:
        ids, until = self._ids(refs), self._calls.until(within)
        singly, name = _ORDERS[kind]
        if len(ids) >= self.batches.get(kind, inf):
            self._batch(kind, getattr(self._sdk.virtual_machine_scale_sets, name), ids, until)
        else:
            self._singly(singly, self._operation(name), ids, until)

    def _batch(self, kind: Kind, begin: Callable[..., object], ids: Sequence[InstanceId], until: float) -> None:
        where, body = (self._group, self._arm_name), {"instanceIds": list(ids)}
        self._calls.order(kind, begin, *where, body, until=until, about=About(ids=tuple(ids)))

    def _singly(self, kind: Kind, begin: Callable[..., object], ids: Sequence[InstanceId], until: float) -> None:
        """Give orders one by one. A failure does not stop the rest; only a throttle would meet every order."""
        failures: dict[InstanceId, ScalerError] = {}
        for number, each in enumerate(ids):
            about = About(ids=(each,), alone=True, permission=self.permission)
            try:
                self._calls.order(kind, begin, each, until=until, about=about)
            except Throttled as held:
                failures |= dict.fromkeys(ids[number:], held)
                break
            except ScalerError as error:
                failures[each] = error
        if failures:
            raise Partly(failures) if len(ids) > 1 else failures[ids[0]]


def _if_match(etag: str | None) -> dict[str, object]:
    """The SDK sends an etag only together with its condition."""
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified} if etag else {}
