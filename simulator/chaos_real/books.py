"""What is not yet as it should be, in plain words: machines, records, the index, each compared with the others."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from redis import Redis

from emulator.history import What
from emulator.scale_set import EmulatedScaleSet
from emulator.vm import VmState
from scaler.model.instance import PowerState, ProvisioningState, ScaleSetName, VmId
from scaler.model.policy import Policy
from scaler.model.record import Status
from scaler.registry.keys import Keys

type _Values = Mapping[str, Mapping[str, Any]]

SOMEBODY = "somebody"
"""How Azure's history calls who is none of the scaler's."""
_TOLD = frozenset({"refuse", "move"})
"""Records that are kept for their readers after their machine has gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Reads Redis for itself, as the observer does; raises redis.RedisError."""

    scale_sets: Sequence[EmulatedScaleSet]
    client: Redis
    keys: Keys
    policy: Policy
    unanswered: Collection[
        str
    ] = ()  # sessions whose queue manager crashed, or was cut off, before it heard of a machine

    def open_items(self) -> tuple[str, ...]:
        """Nothing, once all is well: capacity as desired, each machine fresh, at rest and on offer, the index true."""
        records, index, machines = self._values("instance"), self._index(), self._machines()
        for stray in self._strays(records, index, machines):
            del records[stray]
        return (
            *self._numbers(),
            *(f"{vm_id[:4]} {why}" for vm_id, vm in machines.items() for why in _machine(vm, records.get(vm_id))),
            *_index(records, index),
            *self._leftovers(records, machines),
        )

    def strays(self) -> int:
        """Records that nothing names, of machines that are gone. Known, and harmless but for their bytes.

        A queue manager died with the key in its hands, and somebody deleted the machine before the scaler saw it again:
        whoever never scans Redis does not find them.
        """
        return len(self._strays(self._values("instance"), self._index(), self._machines()))

    def attempts(self) -> int:
        """How often the most stubborn machine's delete was ordered."""
        notes = self._values("notes").values()
        return max((int((each.get("delete") or {}).get("attempts", 0)) for each in notes), default=0)

    def _machines(self) -> dict[str, VmState]:
        return {vm.vm_id: vm for each in self.scale_sets for vm in each.vms}

    def _strays(self, records: _Values, index: Mapping[Status, set[str]], machines: Mapping[str, VmState]) -> list[str]:
        named = set().union(*index.values(), machines)
        nobodys = [vm_id for vm_id, record in records.items() if self._is_nobodys(record)]
        return [vm_id for vm_id in nobodys if vm_id not in named and self._deleted_by_hand(vm_id)]

    def _is_nobodys(self, record: Mapping[str, Any]) -> bool:
        """The queue manager crashed before its SET, or between its SET and its SADD."""
        status, session = record.get("status"), record.get("sessionId")
        return status == Status.AVAILABLE or (status == Status.RESERVED and session in self.unanswered)

    def _deleted_by_hand(self, vm_id: str) -> bool:
        events = (event for each in self.scale_sets for event in each.history.of(vm_id))
        return any(event.what is What.DELETE_ORDERED and event.by == SOMEBODY for event in events)

    def _numbers(self) -> Iterator[str]:
        for each in self.scale_sets:
            desired, there = self.policy.capacity[ScaleSetName(each.name.lower())].desired, len(each.vms)
            if (each.capacity, there) != (desired, desired):
                yield f"{each.name} has a capacity of {each.capacity} and {there} machines, not {desired}"

    def _leftovers(self, records: _Values, machines: Mapping[str, VmState]) -> Iterator[str]:
        notes = self._values("notes")
        for vm_id in records.keys() - machines.keys():
            ended = (notes.get(vm_id, {}).get("ended") or {}).values()
            if not _TOLD & set(ended):
                yield f"{vm_id[:4]} is gone, and its record is there"

    def _index(self) -> dict[Status, set[str]]:
        found = {each: cast("set[bytes]", self.client.smembers(self.keys.index(each))) for each in Status}
        return {status: {_last(key) for key in members} for status, members in found.items()}

    def _values(self, kind: str) -> dict[str, Mapping[str, Any]]:
        pattern = (self.keys.instance if kind == "instance" else self.keys.notes)(VmId("*"))
        names = cast("list[bytes]", self.client.keys(pattern))
        texts = cast("list[bytes | None]", self.client.mget(names)) if names else []
        return {_last(name): json.loads(text) for name, text in zip(names, texts, strict=True) if text is not None}


def _machine(vm: VmState, record: Mapping[str, Any] | None) -> Iterator[str]:
    if vm.provisioning is not ProvisioningState.SUCCEEDED:
        yield f"is {vm.provisioning}"
    elif vm.power not in {PowerState.STOPPED, PowerState.DEALLOCATED}:
        yield f"is {vm.power}"
    elif not vm.protected:
        yield "is not marked"
    elif record is None:
        yield "has no record"
    elif record.get("used") or record.get("status") != Status.AVAILABLE:
        yield f"is {record.get('status')}{' and used' if record.get('used') else ''}"


def _index(records: _Values, index: Mapping[Status, set[str]]) -> Iterator[str]:
    for status, members in index.items():
        said = {vm_id for vm_id, record in records.items() if record.get("status") == status}
        yield from (f"{vm_id[:4]} is in the set {status}, and its record is not" for vm_id in members - said)
        yield from (f"{vm_id[:4]} is {status}, and not in that set" for vm_id in said - members)


def _last(key: bytes) -> str:
    return key.decode().rpartition(":")[2]
