"""The Redises on which the registry must keep its promise: that of virtual time, fakeredis, and a redis-server."""

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fakeredis
import redis
from clock import ManualClock
from missing import missing

from emulator.redis.memory import MemoryRegistry
from scaler.model.edges import Actor, Edge
from scaler.model.instance import InstanceId, ScaleSetName, SessionId, VmId
from scaler.model.lifecycle import Change, step
from scaler.model.row import Notes, OpenedNote, Record, Row, StartNote, Status
from scaler.ports import Registry
from scaler.registry.auth import connect
from scaler.registry.keys import Keys
from scaler.registry.redis import RedisRegistry
from scaler.registry.reservations import Reservations
from scaler.registry.rights import SCALER, SCRIPTS, Rights

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
ME, OTHER = SessionId('visitor "1" / é'), SessionId("other")
KEPT = (("tags", "[]"), ("big", "12345678901234567890.000"), ("odd", '{ "\\u00e9" : [1.0, {}, ""] }'), ("é", '"\\/"'))
"""Fields of the queue manager's that JSON libraries like to change."""

STRANGE_NOTES = (
    *(None, b"7", b"[]", b"{}", b'{"v":2}', b"\xff", b"{"),
    b'{"v":1,"admitted_at":"2026-01-01T00:00:00Z"}',
    b'{"v":2,"scale_set":"","unique_id":"","instance_id":"","admitted_at":"2026-01-01T00:00:00Z","presumed_at":"x"}',
    b'{"v":2,"scale_set":"","unique_id":"","instance_id":"","admitted_at":"2026-01-01T00:00:00Z"}',
    b'{"v":1,"scale_set":"","unique_id":"","instance_id":"","presumed_at":"2026-01-01T00:00:00Z","ended":[]}',
    b'{"v":1,"scale_set":"","unique_id":"","instance_id":"","presumed_at":"2026-01-01T00:00:00Z","opened":true}',
    b'{"v":1,"scale_set":"","unique_id":"","instance_id":"","presumed_at":"2026-01-01T00:00:00Z","x":\x01}',
    b'{"v":1,"scale_set":"","unique_id":"","instance_id":"","admitted_at":"2026-01-01T00:00:00Z","x":"\x01"}',
)
"""Values that are no notes of ours."""


@dataclass(frozen=True, kw_only=True)
class House:
    """One registry, the queue manager's client beside it, and the naked Redis under both."""

    registry: Registry
    reservations: Reservations
    redis: Any  # redis.Redis, or a Keyspace, which names the same commands the same way
    keys: Keys

    def row(self, vm_id: str) -> Row:
        """The machine as a tick would see it."""
        found = self.registry.read().rows.get(VmId(vm_id))
        return found if found is not None else self.registry.read_also([VmId(vm_id)])[VmId(vm_id)]

    def raw(self, vm_id: str) -> bytes | None:
        """The record's bytes."""
        value: bytes | None = self.redis.get(self.keys.instance(VmId(vm_id)))
        return value

    def members(self, status: Status) -> set[str]:
        """The vm ids in one set of the index."""
        found = (self.keys.vm_id_of(member) for member in self.redis.smembers(self.keys.index(status)))
        return {vm_id for vm_id in found if vm_id is not None}

    def apply(self, *changes: Change) -> tuple[Row | None, ...]:
        """One batch."""
        return self.registry.apply(changes)

    def admit(self, vm_id: str, **fields: Any) -> Row:
        """A machine that a visitor may have. `fields` are the record's."""
        (row,) = self.apply(admission(Row(vm_id=VmId(vm_id)), **fields))
        assert row is not None
        return row

    def note(self, vm_id: str, notes: Notes) -> Row:
        """Other notes for a machine that is there."""
        (row,) = self.apply(Change(row=self.row(vm_id), edge=None, notes=notes))
        assert row is not None
        return row

    def plant(self, vm_id: str, text: str | bytes, status: Status | None = None) -> str:
        """A record as somebody else wrote it, and its place in the index."""
        key = self.keys.instance(VmId(vm_id))
        self.redis.set(key, text)
        if status is not None:
            self.redis.sadd(self.keys.index(status), key)
        return key


def record(vm_id: str, **fields: Any) -> Record:
    """A plain Available record."""
    plain: dict[str, Any] = {"instance_id": InstanceId("7"), "status": Status.AVAILABLE, "created_at": EPOCH}
    return Record(vm_id=VmId(vm_id), **(plain | fields))


def notes(**fields: Any) -> Notes:
    """Notes of an admitted machine."""
    plain: dict[str, Any] = {"unique_id": "u", "instance_id": InstanceId("7"), "admitted_at": EPOCH}
    return Notes(scale_set=ScaleSetName("gpu"), **(plain | fields))


def admission(row: Row, **fields: Any) -> Change:
    """The step that makes a machine Available."""
    return step(Edge.ADMIT, Actor.RECONCILER, row, record(row.vm_id, **fields), notes(), EPOCH)


def started(session: SessionId = ME, **fields: Any) -> Notes:
    """Notes of a machine that was ordered to start for this session."""
    return notes(start=StartNote(session=session, at=EPOCH, attempts=1), **fields)


def opened(row: Row, session: SessionId = ME, **fields: Any) -> Notes:
    """Notes of a machine that this session was let in to."""
    assert row.readable is not None
    return started(session, opened=OpenedNote(session=session, at=EPOCH, record=row.readable), **fields)


def let_in(house: House, vm_id: str = "a", session: SessionId = ME, **fields: Any) -> Row:
    """A session on an opened machine."""
    house.admit(vm_id, **fields)
    assert house.reservations.reserve(session) is not None
    row = house.note(vm_id, opened(house.row(vm_id), session))
    assert row.readable is not None
    text = (house.raw(vm_id) or b"").replace(b'"Reserved"', b'"Unavailable"')
    house.redis.srem(house.keys.index(Status.RESERVED), house.keys.instance(VmId(vm_id)))
    house.plant(vm_id, text, Status.UNAVAILABLE)
    return house.row(vm_id)


def readable(house: House, vm_id: str) -> Record:
    """The record of a machine, asserted to be readable."""
    found = house.row(vm_id).readable
    assert found is not None
    return found


def memory_house(clock: ManualClock) -> House:
    """The Redis of virtual time."""
    registry = MemoryRegistry(clock.now, Keys())
    return House(
        registry=registry,
        reservations=Reservations(registry.client, registry.keys),
        redis=registry.keyspace,
        keys=registry.keys,
    )


def redis_house(client: redis.Redis, keys: Keys) -> House:
    """On anything that speaks Redis."""
    return House(registry=RedisRegistry(client, keys), reservations=Reservations(client, keys), redis=client, keys=keys)


def fake_house() -> House:
    """fakeredis, its Lua by lupa."""
    return redis_house(fakeredis.FakeRedis(server=fakeredis.FakeServer()), Keys())


@dataclass(frozen=True, kw_only=True)
class Server:
    """A redis-server of this test run."""

    port: int
    process: subprocess.Popen[str]
    clients: list[redis.Redis] = field(default_factory=list)  # closed with the server

    def client(self, user: str = "") -> redis.Redis:
        """A connection as the scaler makes it; of a user that `held_to` has made."""
        client = connect(url=f"redis://{user and f'{user}:secret@'}127.0.0.1:{self.port}")
        self.clients.append(client)
        return client

    def close_clients(self) -> None:
        """Close the connections made so far."""
        while self.clients:
            self.clients.pop().close()

    def held_to(self, rights: Rights, *without: str, prefix: str = "vmss") -> redis.Redis:
        """A connection of a user with these rights, less some commands."""
        return self.client(self.name_of(rights, *without, prefix=prefix))

    def name_of(self, rights: Rights, *without: str, prefix: str = "vmss") -> str:
        """Make a Redis user with these rights and the password `secret`; returns the name."""
        name = "-".join(
            (rights.name, *(["less"] if without else []), *without, *([prefix] if prefix != "vmss" else []))
        )
        words = [word for word in rights.acl(prefix).split() if word.removeprefix("+") not in without]
        self.client().execute_command("ACL", "SETUSER", name, "reset", "on", ">secret", *words)  # type: ignore[no-untyped-call]
        return name


def narrow_house(server: Server) -> House:
    """A scaler and a queue manager on a real server, each with the documented rights and no others."""
    keys = Keys()
    return House(
        registry=RedisRegistry(server.held_to(SCALER), keys),
        reservations=Reservations(server.held_to(SCRIPTS), keys),
        redis=server.client(),
        keys=keys,
    )


type StartServer = Callable[..., Server]


@contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[Server]:
    """A redis-server on a free port, without persistence; it dies with the test that needs it."""
    port = free_port()
    command = [find_redis_server(), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    slow = ("--lua-time-limit", "60000")  # a busy machine is no reason to refuse whoever comes meanwhile
    with subprocess.Popen([*command, "--save", "", *slow, *options], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if "Ready to accept connections" in line:
                    break
            server = Server(port=port, process=process)
            yield server
            server.close_clients()
        finally:
            process.kill()


def find_redis_server() -> str:
    """Where redis-server is. Without one the tests on it are skipped, but never in CI."""
    return shutil.which("redis-server") or missing("redis-server is not installed", "nothing is tested on a real Redis")


def free_port() -> int:
    """A free TCP port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
