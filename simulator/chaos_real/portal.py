"""Somebody in Azure's portal, who does not know what a machine is there for."""

from collections.abc import Sequence
from typing import cast

from redis import Redis, RedisError

from emulator.faults import Fault
from emulator.scale_set import EmulatedScaleSet
from scaler.model.record import Status
from scaler.registry.keys import Keys


class Portal:
    """Finds a machine by what Redis says of it, and hurts it by Azure's own means."""

    def __init__(self, scale_sets: Sequence[EmulatedScaleSet], aside: Redis, keys: Keys) -> None:
        self._scale_sets = scale_sets
        self._redis = aside
        self._keys = keys

    def delete_reserved(self) -> str | None:
        """The vm id of a machine that was reserved, and is being deleted now; None: there is none to be seen."""
        try:
            members = cast("set[bytes]", self._redis.smembers(self._keys.index(Status.RESERVED)))
        except RedisError:
            return None
        reserved = sorted(key.decode().rpartition(":")[2] for key in members)
        found = (vm_id for vm_id in reserved for each in self._scale_sets if each.find(vm_id) is not None)
        return next((vm_id for vm_id in found if self._delete(vm_id)), None)

    def _delete(self, vm_id: str) -> bool:
        return any(each.happen(Fault.DELETED_BY_SOMEBODY, vm_id) for each in self._scale_sets if each.find(vm_id))
