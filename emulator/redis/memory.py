"""A Redis in this process on any clock: behind redis-py's client, and with the scaler's registry on it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

import redis
from redis.client import Pipeline
from redis.exceptions import ResponseError

from emulator.redis.keyspace import Command, Keyspace, commands_on
from emulator.redis.script_host import ScriptHost
from scaler.registry.keys import Keys
from scaler.registry.redis import RedisRegistry


class Replica(Protocol):
    """The replica behind a server."""

    @property
    def connected(self) -> bool:
        """Whether the server has a replica now."""
        ...

    def catch_up(self) -> bool:
        """Take over all writes; False where the replica is too slow for that."""
        ...


class PromptReplica:
    """A replica that has each write at once."""

    connected = True

    def catch_up(self) -> bool:
        """Always."""
        return True


class InProcessRedis(redis.Redis):
    """A client that sends nothing: commands are carried out on the keyspace at once."""

    def __init__(self, keyspace: Keyspace, replica: Replica | None = None) -> None:
        super().__init__(host="this process")
        self.run_id = "memory"  # a failover to another server gives another name
        self.memory: int | None = None  # bytes in all, as INFO tells them; None: not told
        self._replica = replica
        self._commands: dict[bytes, Command] = {
            **commands_on(keyspace),
            b"INFO": self._tell,
            b"WAIT": self._wait,
        }
        self._host = ScriptHost(self._commands)

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Carry out a command, and read the answer as redis-py does."""
        name = args[0]
        command = self._commands.get(name.encode())
        if command is None:
            raise ResponseError(f"unknown command '{name}'")
        answer = command(*map(_bytes, args[1:]))
        read: Any = self.response_callbacks
        if name in read:
            return read[name](answer, **options)
        return None if answer is False else answer

    def register_script(self, script: Any) -> Any:
        """A script as a function of keys and arguments."""
        text, run = script.encode(), self._host.run

        def registered(keys: Sequence[str], args: Sequence[Any]) -> Any:
            return run(text, [key.encode() for key in keys], [*map(_bytes, args)])

        return registered

    def pipeline(self, transaction: Any = True, shard_hint: Any = None) -> Pipeline:
        """Commands that are carried out one after the other."""
        return _Pipeline(self)

    def _tell(self, section: bytes = b"") -> bytes:
        replicas = int(self._replica is not None and self._replica.connected)
        memory = "" if self.memory is None else f"used_memory:{self.memory}\r\n"
        return f"run_id:{self.run_id}\r\n{memory}role:master\r\nconnected_slaves:{replicas}\r\n".encode()

    def _wait(self, replicas: bytes, milliseconds: bytes) -> int:
        return int(self._replica is not None and self._replica.catch_up())


class _Pipeline(Pipeline):
    def __init__(self, client: InProcessRedis) -> None:
        super().__init__(client.connection_pool, client.response_callbacks, transaction=False, shard_hint=None)
        self._client = client

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        return [self._client.execute_command(*args, **options) for args, options in self.command_stack]


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else repr(value)).encode()


class MemoryRegistry(RedisRegistry):
    """RedisRegistry, and `keyspace`: what its Redis holds, for naive clients and accidents."""

    def __init__(self, now: Callable[[], datetime], keys: Keys | None = None, replica: Replica | None = None) -> None:
        self.keyspace = Keyspace(now)
        self.server = InProcessRedis(self.keyspace, replica)
        super().__init__(self.server, keys or Keys())
