"""Looks at Azure's truth and at a keyspace in this process, cheap enough for every second."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from emulator.scale_set import EmulatedScaleSet
from scaler.model.record import Status
from simulator.chaos.clocks import VirtualClock
from simulator.chaos.redis_server import RedisServer
from simulator.happenings import Look, Published, Seen
from simulator.looking import parsed, published, sessions_in


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualLooker:
    """As simulator.looking.Looker, but both sides are in this process, and the clocks differ."""

    clock: VirtualClock
    azures: Sequence[EmulatedScaleSet]
    redis: RedisServer

    def look(self, *, forgot: bool = False) -> Look:
        """Everything now. `forgot`: Redis lost what had been written since the last look."""
        strings = self.redis.keyspace.snapshot_state().strings
        offered = self.redis.keyspace.smembers(self.redis.keys.index(Status.AVAILABLE))
        machines = tuple(
            Seen(state=vm, published=self._published(vm.vm_id, strings, offered), scale_set=azure.name)
            for azure in self.azures
            for vm in azure.vms
        )
        return Look(at=self.clock.now(), machines=machines, named=self._named(strings), forgot=forgot)

    def _published(self, vm_id: str, strings: Mapping[bytes, bytes], offered: set[bytes]) -> Published | None:
        prefix = self.redis.keys.prefix
        key = f"{prefix}:instance:{vm_id}".encode()
        found = _published(strings.get(key), strings.get(f"{prefix}:notes:{vm_id}".encode()), key in offered)
        if found is None or found.presumed_since is None:
            return found
        return replace(found, presumed_since=self.redis.clock.truly(found.presumed_since))

    def _named(self, strings: Mapping[bytes, bytes]) -> frozenset[str]:
        heads = tuple(f"{self.redis.keys.prefix}:{kind}:".encode() for kind in ("instance", "notes"))
        return frozenset(name for key, text in strings.items() if key.startswith(heads) for name in _sessions(text))


@lru_cache(maxsize=10_000)
def _published(record: bytes | None, notes: bytes | None, offered: bool) -> Published | None:
    return published(_value(record), _value(notes), offered)


@lru_cache(maxsize=10_000)
def _sessions(text: bytes) -> frozenset[str]:
    return frozenset(sessions_in(parsed(text) or {}))


def _value(text: bytes | None) -> Mapping[str, Any] | None:
    """What cannot be read is an empty value."""
    return None if text is None else parsed(text) or {}
