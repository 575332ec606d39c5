"""The common part of both orchestrations: the scale set as a resource of ARM, marks, batch deletion."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from azure.core import MatchConditions
from msgspec import to_builtins
from msgspec.structs import replace

from scaler.errors import Conflict, Missing, Partly, Refused, ScalerError, Throttled
from scaler.model.instance import Addresses, InstanceId, InstanceRef, Orchestration, ScaleSetName
from scaler.model.sighting import Pause, ScaleSetView
from scaler.ports import Clock
from scaler.vmss.calls import API_VERSION, Calls
from scaler.vmss.client import ArmClient
from scaler.vmss.gates import Gates, Kind, Usage
from scaler.vmss.listing import Network
from scaler.vmss.refusals import OF_SCALE_SETS, About, refusal
from scaler.vmss.reply import SkuBody
from scaler.vmss.translate import TAGS_API_VERSION, pausing, to_scale_set, to_view

if TYPE_CHECKING:
    from azure.mgmt.compute.operations import VirtualMachineScaleSetsOperations, VirtualMachineScaleSetVMsOperations

_RESOURCE_NAME = re.compile(r"[\w.()-]{0,89}[\w()-]")  # no dot at the end, so never ".."
_MARK = {"properties": {"protectionPolicy": {"protectFromScaleIn": True}}}


class _Seen:
    """The latest look at the scale set itself, shared by all callers; replaced as one value."""

    latest: tuple[ScaleSetView, SkuBody] | None = None


class ScaleSetResource(ABC):
    """One scale set. Thread-safe; `for_controller` gives each caller its own name to Azure."""

    orchestration: Orchestration

    def __init__(self, client: ArmClient, resource_group: str, name: str, *, clock: Clock, gates: Gates) -> None:
        if not all(_RESOURCE_NAME.fullmatch(part) for part in (client.subscription, resource_group, name)):
            raise ValueError(f"not the names of a resource group and a scale set: {resource_group!r}, {name!r}")
        self._group, self._arm_name, self._name = resource_group, name, ScaleSetName(name.lower())
        self._calls = Calls(client, gates, clock)
        self._seen = _Seen()
        self._providers = f"/subscriptions/{client.subscription}/resourceGroups/{resource_group}/providers"
        self._id = f"{self._providers}/Microsoft.Compute/virtualMachineScaleSets/{name}"
        self._path = quote(self._id)

    def for_controller(self, controller: str) -> Self:
        """The same scale set, gates and memory; requests carry `scaler-<controller>` as their User-Agent."""
        named = copy(self)
        named._calls = self._calls.named(f"scaler-{controller}")
        return named

    @property
    def name(self) -> ScaleSetName:
        """The configured name, lower case."""
        return self._name

    @property
    def usage(self) -> Usage:
        """Requests of this process about the scale set, and the budgets that ARM reported."""
        return self._calls.gates.usage

    def prepare(self) -> None:
        """Import the SDK's models now, so that the first visitor does not wait half a second for the import."""
        self._calls.client.sdk  # noqa: B018 (made once, and kept)

    def view(self, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
        """The scale set itself, perhaps remembered."""
        seen = self._seen.latest
        if seen is not None and no_older_than and self._calls.elapsed(seen[0].sent) <= no_older_than:
            return seen[0]
        return self._look(self._soon)[0]

    def addresses(self) -> Mapping[InstanceId, Addresses]:
        """Where the instances can be reached."""
        return self.network.look(self._calls)

    @property
    @abstractmethod
    def network(self) -> Network:
        """Where Azure lists the instances' network interfaces."""

    @abstractmethod
    def _is_instance_id(self, instance_id: str) -> bool:
        """Whether a text can be an instance's id: neither a path nor a wildcard."""

    def delete(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Delete instances, in one batch. ARM rejects a whole batch for a dead id: the rest is sent again."""
        ids, until = self._ids(refs), self._calls.until(within)
        while ids:
            try:
                self._batch(Kind.DELETE, self._sets.begin_delete_instances, ids, until)
                break
            except Missing as gone:
                left = tuple(instance_id for instance_id in ids if instance_id not in gone.instance_ids)
                if left == ids:
                    raise
                ids = left

    def mark(self, ref: InstanceRef, etag: str | None, *, within: timedelta) -> None:
        """Set protectFromScaleIn."""
        (instance_id,) = self._ids([ref])
        begin = partial(self._vms.begin_update, **_if_match(etag))
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
        begin = partial(self._sets.begin_update, **_if_match(etag))
        body = {"sku": to_builtins(replace(sku, capacity=capacity))}
        self._calls.order(Kind.CAPACITY, begin, self._group, self._arm_name, body, until=until)

    def set_pause(self, how: Pause) -> None:
        """Set the tag `scaler:paused` alone, for an operator. The controllers see the tag in the next look."""
        url = f"{self._path}/providers/Microsoft.Resources/tags/default?api-version={TAGS_API_VERSION}"
        reply = self._calls.patch(Kind.TAG, url, pausing(how), until=self._soon)
        if reply.status not in {200, 202}:
            raise refusal(reply, About(permission="Microsoft.Resources/tags/write on the scale set (Tag Contributor)"))
        self._seen.latest = None

    @property
    def _soon(self) -> float:
        """When a look that begins now is given up."""
        return self._calls.until(self._calls.client.bounds.read)

    @property
    def _sets(self) -> "VirtualMachineScaleSetsOperations":
        return self._calls.client.sdk.virtual_machine_scale_sets

    @property
    def _vms(self) -> "VirtualMachineScaleSetVMsOperations":
        return self._calls.client.sdk.virtual_machine_scale_set_vms

    def _look(self, until: float) -> tuple[ScaleSetView, SkuBody]:
        reply = self._calls.read(Kind.VIEW, f"{self._path}?api-version={API_VERSION}", until=until)
        if reply.status != 200:
            raise refusal(reply)
        body = to_scale_set(reply, self.orchestration)
        self._seen.latest = seen = (to_view(body, self._name, reply), body.sku)
        return seen

    def _ids(self, refs: Sequence[InstanceRef]) -> tuple[InstanceId, ...]:
        """The instance ids. ARM reads an empty list, and "*", as "all instances": both are refused here."""
        if not refs:
            raise ValueError("no instances: ARM would take that for all of them")
        for ref in refs:
            if ref.scale_set != self._name or not self._is_instance_id(ref.instance_id):
                raise ValueError(f"not an instance of {self._name}: {ref}")
        return tuple(dict.fromkeys(ref.instance_id for ref in refs))

    def _one(self, ref: InstanceRef) -> InstanceId:
        """The instance id. Notes may hold any text: a text that cannot be an id is refused here, as ARM would do."""
        if ref.scale_set != self._name or not self._is_instance_id(ref.instance_id):
            raise Refused(f"not an instance of {self._name}: {ref.instance_id[:80]!r}", "InvalidParameter", 400)
        return ref.instance_id

    def _batch(self, kind: Kind, begin: Callable[..., object], ids: Sequence[InstanceId], until: float) -> None:
        where, body = (self._group, self._arm_name), {"instanceIds": list(ids)}
        self._calls.order(kind, begin, *where, body, until=until, about=About(ids=tuple(ids)))

    def _singly(
        self,
        kind: Kind,
        begin: Callable[..., object],
        ids: Sequence[InstanceId],
        until: float,
        permission: str = OF_SCALE_SETS,
    ) -> None:
        """Give orders one by one. A failure does not stop the rest; only a throttle would meet every order."""
        failures: dict[InstanceId, ScalerError] = {}
        for number, each in enumerate(ids):
            about = About(ids=(each,), alone=True, permission=permission)
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
