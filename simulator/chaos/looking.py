"""A look at a keyspace in this process, cheap enough for every second."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from emulator.scale_set import EmulatedScaleSet
from scaler.model.row import Status
from scaler.registry.keys import Keys
from simulator.chaos.redis_server import RedisServer
from simulator.clock import VirtualClock
from simulator.happenings import Look
from simulator.looking import looked


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualLooker:
    """Implements Store, and looks as simulator.looking.Looker does; but the clocks differ."""

    clock: VirtualClock
    azures: Sequence[EmulatedScaleSet]
    redis: RedisServer

    def look(self, *, forgot: bool = False) -> Look:
        """A look. `forgot`: Redis lost writes since the last look."""
        return replace(looked(self, self.azures, self.clock.now(), self.redis.clock.truly), forgot=forgot)

    @property
    def keys(self) -> Keys:
        """How keys are spelled."""
        return self.redis.keys

    def strings(self) -> Mapping[bytes, bytes]:
        """All strings by key."""
        return self.redis.keyspace.snapshot_state().strings

    def members(self, status: Status) -> set[bytes]:
        """The index of that status."""
        return self.redis.keyspace.smembers(self.redis.keys.index(status))

    def lasts(self, key: bytes) -> bool:
        """Whether the key has no time to live."""
        return self.redis.keyspace.ttl(key) == -1
