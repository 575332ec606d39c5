"""The scaler's registry on a Redis in this process, whose clock somebody else turns."""

from collections.abc import Callable
from datetime import datetime

from emulator.redis.client import InProcessRedis, Replica
from emulator.redis.keyspace import Keyspace
from scaler.registry.keys import Keys
from scaler.registry.redis import RedisRegistry


class MemoryRegistry(RedisRegistry):
    """RedisRegistry, and `keyspace`: what its Redis holds, for naive clients and accidents."""

    def __init__(self, now: Callable[[], datetime], keys: Keys | None = None, replica: Replica | None = None) -> None:
        self.keyspace = Keyspace(now)
        self.server = InProcessRedis(self.keyspace, replica)
        super().__init__(self.server, keys or Keys())
