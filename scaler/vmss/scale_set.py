"""One scale set through ARM: looks are read narrowly, orders go through the SDK's typed operations, nothing waits."""

import re
from collections.abc import Callable, Sequence
from copy import copy
from datetime import timedelta
from functools import partial
from typing import Self
from urllib.parse import quote

from azure.core import MatchConditions
from azure.mgmt.compute.operations import VirtualMachineScaleSetsOperations, VirtualMachineScaleSetVMsOperations
from msgspec import to_builtins
from msgspec.structs import replace

from scaler.errors import Missing, ScalerError, Throttled
from scaler.model.instance import InstanceId, InstanceRef, ScaleSetName, addresses_one
from scaler.model.sighting import Answer, Pages, ScaleSetView
from scaler.ports import Clock
from scaler.vmss.bodies import SkuBody
from scaler.vmss.calls import API_VERSION, Calls
from scaler.vmss.client import ArmClient
from scaler.vmss.gates import Gates, Kind, Usage
from scaler.vmss.listing import Listing
from scaler.vmss.refusals import refusal
from scaler.vmss.translate import to_instance, to_scale_set, to_view

BATCH_FROM = 8  # stops: a batch costs one of 4 a minute per scale set; single ones have a bucket per machine
_RESOURCE_NAME = re.compile(r"[\w.()-]{0,89}[\w()-]")  # no dot at the end, so never ".."
_MARK = {"properties": {"protectionPolicy": {"protectFromScaleIn": True}}}


class _Seen:
    """The latest look at the scale set itself, shared by all callers; replaced as one value."""

    latest: tuple[ScaleSetView, SkuBody] | None = None


class ArmScaleSet:
    """Implements scaler.ports.ScaleSet. Thread-safe; `for_controller` gives each caller its own name to Azure."""

    def __init__(self, client: ArmClient, resource_group: str, name: str, *, clock: Clock, gates: Gates) -> None:
        if not all(_RESOURCE_NAME.fullmatch(each) for each in (resource_group, name)):
            raise ValueError(f"not the names of a resource group and a scale set: {resource_group!r}, {name!r}")
        self._group, self._arm_name, self._name = resource_group, name, ScaleSetName(name.lower())
        self._calls = Calls(client, gates, clock)
        self._seen = _Seen()
        self._path = (
            f"/subscriptions/{quote(client.subscription, safe='')}/resourceGroups/{quote(resource_group, safe='')}"
            f"/providers/Microsoft.Compute/virtualMachineScaleSets/{quote(name, safe='')}"
        )

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
        """What this process asked of ARM about this scale set, and what ARM said is left."""
        return self._calls.gates.usage

    def view(self, *, no_older_than: timedelta = timedelta(0)) -> ScaleSetView:
        """The scale set itself, perhaps remembered."""
        seen = self._seen.latest
        if seen is not None and no_older_than and self._calls.elapsed(seen[0].sent) <= no_older_than:
            return seen[0]
        return self._look(self._calls.until(self._calls.client.bounds.read))[0]

    def list_instances(self) -> Pages:
        """Every instance with its power state: all pages or an error."""
        url = f"{self._path}/virtualMachines?$expand=instanceView&api-version={API_VERSION}"
        return Listing(self._calls, url, self._name).all_pages()

    def get(self, ref: InstanceRef) -> Answer:
        """The instance behind the id now, whoever it is."""
        (instance_id,) = self._ids([ref])
        url = f"{self._path}/virtualMachines/{instance_id}?$expand=instanceView&api-version={API_VERSION}"
        reply = self._calls.read(Kind.GET, url, until=self._calls.until(self._calls.client.bounds.read))
        if reply.status == 200:
            return Answer(asked=ref, found=to_instance(reply, ref), at=reply.at, sent=reply.sent)
        error = refusal(reply, instance_id)
        if reply.status == 404 and isinstance(error, Missing) and error.instance_ids:
            return Answer(asked=ref, found=None, at=reply.at, sent=reply.sent)
        raise error

    def start(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Start them, in one batch."""
        self._batch(Kind.START, self._sets.begin_start, self._ids(refs), self._calls.until(within))

    def power_off(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Stop them and keep their allocation."""
        ids, until = self._ids(refs), self._calls.until(within)
        if len(ids) >= BATCH_FROM:
            self._batch(Kind.POWER_OFF, self._sets.begin_power_off, ids, until)
        else:
            self._singly(Kind.POWER_OFF_ONE, self._vms.begin_power_off, ids, until)

    def deallocate(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Stop them and give their allocation back."""
        ids, until = self._ids(refs), self._calls.until(within)
        if len(ids) >= BATCH_FROM:
            self._batch(Kind.DEALLOCATE, self._sets.begin_deallocate, ids, until)
        else:
            self._singly(Kind.DEALLOCATE_ONE, self._vms.begin_deallocate, ids, until)

    def delete(self, refs: Sequence[InstanceRef], *, within: timedelta) -> None:
        """Delete them, in one batch. ARM rejects a whole batch for one dead id: the rest of it is sent again."""
        ids, until = self._ids(refs), self._calls.until(within)
        while ids:
            try:
                self._batch(Kind.DELETE, self._sets.begin_delete_instances, ids, until)
                break
            except Missing as gone:
                left = tuple(each for each in ids if each not in gone.instance_ids)
                if left == ids:
                    raise
                ids = left

    def mark(self, ref: InstanceRef, etag: str | None, *, within: timedelta) -> None:
        """Set protectFromScaleIn."""
        (instance_id,) = self._ids([ref])
        begin = partial(self._vms.begin_update, **_if_match(etag))
        where, until = (self._group, self._arm_name, instance_id), self._calls.until(within)
        self._calls.order(Kind.MARK, begin, *where, _MARK, until=until, asked=instance_id)

    def set_capacity(self, capacity: int, etag: str | None, *, within: timedelta) -> None:
        """PATCH sku.capacity, with the sku's name and tier as they were last seen."""
        if capacity < 0:
            raise ValueError(f"a capacity of {capacity}")
        until = self._calls.until(within)
        seen = self._seen.latest if etag else None  # an etag vouches for the sku; without one it might be an old size
        sku = (seen or self._look(until))[1]
        begin = partial(self._sets.begin_update, **_if_match(etag))
        body = {"sku": to_builtins(replace(sku, capacity=capacity))}
        self._calls.order(Kind.CAPACITY, begin, self._group, self._arm_name, body, until=until)

    @property
    def _sets(self) -> VirtualMachineScaleSetsOperations:
        return self._calls.client.sdk.virtual_machine_scale_sets

    @property
    def _vms(self) -> VirtualMachineScaleSetVMsOperations:
        return self._calls.client.sdk.virtual_machine_scale_set_vms

    def _look(self, until: float) -> tuple[ScaleSetView, SkuBody]:
        reply = self._calls.read(Kind.VIEW, f"{self._path}?api-version={API_VERSION}", until=until)
        if reply.status != 200:
            raise refusal(reply)
        body = to_scale_set(reply)
        self._seen.latest = seen = (to_view(body, self._name, reply), body.sku)
        return seen

    def _ids(self, refs: Sequence[InstanceRef]) -> tuple[InstanceId, ...]:
        """Their ids. ARM takes no ids, and "*", for "all of them": neither gets past here."""
        if not refs:
            raise ValueError("no instances: ARM would take that for all of them")
        for each in refs:
            if each.scale_set != self._name or not addresses_one(each.instance_id):
                raise ValueError(f"not an instance of {self._name}: {each}")
        return tuple(dict.fromkeys(each.instance_id for each in refs))

    def _batch(self, kind: Kind, begin: Callable[..., object], ids: Sequence[InstanceId], until: float) -> None:
        self._calls.order(kind, begin, self._group, self._arm_name, {"instanceIds": list(ids)}, until=until)

    def _singly(self, kind: Kind, begin: Callable[..., object], ids: Sequence[InstanceId], until: float) -> None:
        """One failure does not keep the others running; only a throttle would meet them all."""
        first: ScalerError | None = None
        for each in ids:
            try:
                self._calls.order(kind, begin, self._group, self._arm_name, each, until=until, asked=each)
            except ScalerError as error:
                first = first or error
                if isinstance(error, Throttled):
                    break
        if first is not None:
            raise first


def _if_match(etag: str | None) -> dict[str, object]:
    """The SDK sends an etag only together with its condition."""
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified} if etag else {}
