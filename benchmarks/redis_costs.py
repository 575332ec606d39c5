"""What a reservation, a read of all machines and a write of a hundred cost, beside the plainest commands of Redis.

On a redis-server of its own, through the wire of the run. Floors are what Redis does for anybody: a GET, an MGET of
the same bytes, an unconditional MSET with SREM and SADD, and the four commands of a naive queue manager's reservation.
"""

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from statistics import median
from time import perf_counter
from uuid import UUID

import hiredis
import redis
import redis.asyncio

from benchmarks.rows import Bound, in_turn
from benchmarks.rows import Row as Figure
from benchmarks.slow import Slow, wire
from scaler.model.edges import Actor, Edge
from scaler.model.instance import InstanceId, ScaleSetName, SessionId, VmId
from scaler.model.lifecycle import Change, step
from scaler.model.row import Notes, OpenedNote, Record, Row, StartNote, Status
from scaler.registry.auth import connect
from scaler.registry.keys import Keys, ScriptName, script_text
from scaler.registry.redis import RedisRegistry
from simulator.parts.redis_server import redis_server

KEYS = Keys()
UNIQUE = "6c9a5c5e-0b6e-4c5e-8f7a-2d1f3f0c1c11"
"""Of the scale set."""
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
FREE = (50, 500, 5_000)
CLIENTS = (1, 8, 64)
MANY = (5_000, 10_000)
ROUNDS = 7
CALLS = 40  # a round
SESSIONS = (f"visitor-{number}" for number in count())


def vm_id(number: int) -> VmId:
    """The machine of that number."""
    return VmId(str(UUID(int=number)))


def admitted(number: int) -> tuple[Record, Notes]:
    """A cold free machine, as the reconciler leaves it."""
    at = BEGAN + timedelta(seconds=number)
    address = InstanceId(str(number))
    notes = Notes(
        scale_set=ScaleSetName("vmss-pixels"),
        unique_id=UNIQUE,
        instance_id=address,
        mark_asked_at=at,
        mark_seen_at=at,
        admitted_at=at,
    )
    record = Record(
        vm_id=vm_id(number),
        instance_id=address,
        status=Status.AVAILABLE,
        region="westeurope",
        created_at=at,
        updated_at=at,
    )
    return record, notes


def fill(registry: RedisRegistry, numbers: Sequence[int]) -> None:
    """Free machines of these numbers."""
    changes = []
    for number in numbers:
        record, notes = admitted(number)
        row = Row(vm_id=record.vm_id)
        changes.append(Change(row=row, edge=None, record=record, notes=notes, index=Status.AVAILABLE))
    assert None not in registry.apply(changes)


class Naked:
    """A socket and a parser: the least that a client can do. Close it."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def milliseconds(self, *commands: bytes) -> float:
        """From the packed commands to the last parsed answer."""
        reader, wanted = hiredis.Reader(), len(commands)
        began = perf_counter()
        self._socket.sendall(b"".join(commands))
        while wanted:
            reader.feed(self._socket.recv(1 << 16))
            while wanted and reader.gets() is not False:
                wanted -= 1
        return (perf_counter() - began) * 1e3

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def packed(*words: str | bytes) -> bytes:
    """A command as it goes over the wire."""
    command: bytes = hiredis.pack_command(words)  # type: ignore[arg-type]
    return command


class Server:
    """A redis-server with free machines, and what its own processor time says."""

    def __init__(self, port: int) -> None:
        self.url, self.port = f"redis://127.0.0.1:{port}", port
        self.client = connect(url=self.url)
        self.registry = RedisRegistry(self.client, KEYS)
        self.reserve = self.client.script_load(script_text(ScriptName.RESERVE))

    def refill(self, free: int) -> None:
        """So many free machines, and nothing else."""
        self.client.flushdb()
        fill(self.registry, range(free))

    def processor_time(self, calls: int, command: Callable[[redis.client.Pipeline], object]) -> float:
        """Microseconds of the server for one command, of so many in one packet."""
        pipeline = self.client.pipeline(transaction=False)
        for _ in range(calls):
            command(pipeline)
        before = self._processor()
        answers = pipeline.execute()
        spent = self._processor() - before
        assert all(answers), "a command was answered with nothing"
        return spent / calls

    def _processor(self) -> float:
        cpu = self.client.info("cpu")
        return float(cpu["used_cpu_user"] + cpu["used_cpu_sys"]) * 1e6


def arguments() -> tuple[list[str], list[str]]:
    """Keys and arguments of a reservation that nobody has made before."""
    session = SessionId(next(SESSIONS))
    return [KEYS.session(session), *(KEYS.index(status) for status in Status)], [session, "203.0.113.7"]


def reserved_on_the_server(server: Server, free: int) -> float:
    """Microseconds of the server for a reservation among so many free machines."""

    def reserve(pipeline: redis.client.Pipeline) -> None:
        keys, words = arguments()
        pipeline.evalsha(server.reserve, len(keys), *keys, *words)

    server.refill(free + CALLS)
    return server.processor_time(CALLS, reserve)


def taken_on_the_server(server: Server, free: int) -> float:
    """The same of the four commands of a naive queue manager, which loses machines when it dies between them."""
    server.refill(free + CALLS)
    key = KEYS.instance(vm_id(0))
    value: bytes = server.client.get(key)  # type: ignore[assignment]

    def take(pipeline: redis.client.Pipeline) -> None:
        pipeline.spop(KEYS.index(Status.AVAILABLE))
        pipeline.get(key)
        pipeline.set(key, value)
        pipeline.sadd(KEYS.index(Status.RESERVED), next(SESSIONS))

    return server.processor_time(CALLS, take)


def reserve_on_the_server(server: Server) -> Iterator[Figure]:
    """Server time of reserve(), and whether it depends on how many machines are free."""
    ours = [partial(reserved_on_the_server, server, free) for free in FREE]
    *costs, floor = in_turn(ROUNDS, *ours, partial(taken_on_the_server, server, FREE[-1]))
    for free, cost in zip(FREE, costs, strict=True):
        name = f"reserve(): server time, {free:,} free"
        yield Figure(name=name, unit="µs", ours=cost, floor=floor, goal=60, bound=Bound.MOST)
    name = f"reserve(): server time, {FREE[-1]:,} free over {FREE[0]} free"
    yield Figure(name=name, unit="µs", ours=costs[-1], floor=costs[0], goal=1.25)


def reserve_for_a_client(server: Server) -> Iterator[Figure]:
    """What a client waits for reserve(), and for a GET, with others beside it."""
    for clients in CLIENTS:

        def both(clients: int = clients) -> tuple[float, float]:
            server.refill(500 + clients * CALLS)
            return asyncio.run(waits(server, clients))

        measured = [both() for _ in range(ROUNDS)]
        ours, floor = (min(each) for each in zip(*measured, strict=True))
        name = f"reserve(): p50 of {clients} {'client' if clients == 1 else 'clients'}, 500 free"
        yield Figure(name=name, unit="µs", ours=ours, floor=floor, goal=3)


async def waits(server: Server, clients: int) -> tuple[float, float]:
    """Microseconds that half of the reservations, and half of the GETs, took at most."""
    client = redis.asyncio.Redis.from_url(server.url, max_connections=clients)
    record = KEYS.instance(vm_id(0))

    async def reserve() -> object:
        keys, words = arguments()
        return await client.evalsha(server.reserve, len(keys), *keys, *words)

    async def timed(call: Callable[[], object]) -> list[float]:
        spent = []
        for _ in range(CALLS):
            began = perf_counter()
            assert await call()  # type: ignore[misc]
            spent.append((perf_counter() - began) * 1e6)
        return spent

    async def crowd(call: Callable[[], object]) -> float:
        return median(each for part in await asyncio.gather(*(timed(call) for _ in range(clients))) for each in part)

    async def get() -> object:
        return await client.get(record)

    await asyncio.gather(*(get() for _ in range(clients)))  # every connection is made
    try:
        return await crowd(reserve), await crowd(get)
    finally:
        await client.aclose()


def loads(server: Server, machines: int) -> tuple[float, float, float]:
    """Milliseconds of a first and a further read of so many machines, and of one MGET of the same bytes."""
    server.refill(machines)
    keys = [key(vm_id(number)) for number in range(machines) for key in (KEYS.instance, KEYS.notes)]
    same_bytes = packed("MGET", *keys)

    def first() -> float:
        server.registry = RedisRegistry(server.client, KEYS)
        return again()

    def again() -> float:
        began = perf_counter()
        assert len(server.registry.read().rows) == machines
        return (perf_counter() - began) * 1e3

    with closing(Naked(server.port)) as naked:
        cold, warm, floor = in_turn(ROUNDS, first, again, lambda: naked.milliseconds(same_bytes))
    return cold, warm, floor


def load(server: Server) -> Iterator[Figure]:
    """A read of all machines, of two values each, below and above the size at which a cache of 16,384 would be full."""
    for machines in MANY:
        cold, warm, floor = loads(server, machines)
        yield Figure(name=f"load and decode {machines:,} rows, first", unit="ms", ours=cold, floor=floor, goal=8)
        yield Figure(name=f"load and decode {machines:,} rows, again", unit="ms", ours=warm, floor=floor, goal=4)


def transition(server: Server) -> Iterator[Figure]:
    """A hundred steps Reserved -> Unavailable in one call, beside the same writes without any condition."""
    numbers = range(100)
    server.refill(100)
    for _ in numbers:
        keys, words = arguments()
        server.client.evalsha(server.reserve, len(keys), *keys, *words)
    rows = server.registry.read().rows
    begun = [Change(row=row, edge=None, notes=_started(row)) for row in rows.values()]
    started = [row for row in server.registry.apply(begun) if row is not None]
    keys = [key(row.vm_id) for row in started for key in (KEYS.instance, KEYS.notes)]
    members = [KEYS.instance(row.vm_id) for row in started]
    reserved, unavailable = KEYS.index(Status.RESERVED), KEYS.index(Status.UNAVAILABLE)

    def values() -> list[str | bytes]:
        found: list[bytes] = server.client.mget(keys)  # type: ignore[assignment]
        return [word for pair in zip(keys, found, strict=True) for word in pair]

    def ours() -> float:
        naked.milliseconds(*back)
        changes = [_opening(row) for row in started]
        began = perf_counter()
        assert None not in server.registry.apply(changes)
        return (perf_counter() - began) * 1e3

    def raw() -> float:
        naked.milliseconds(*back)
        return naked.milliseconds(*forth)

    with closing(Naked(server.port)) as naked:
        back = [packed("MSET", *values()), packed("SREM", unavailable, *members), packed("SADD", reserved, *members)]
        ours()
        forth = [packed("MSET", *values()), packed("SREM", reserved, *members), packed("SADD", unavailable, *members)]
        cost, floor = in_turn(ROUNDS * 3, ours, raw)
    yield Figure(name="100 records Reserved → Unavailable in one call", unit="ms", ours=cost, floor=floor, goal=4)


def _started(row: Row) -> Notes:
    assert row.notes is not None
    assert row.readable is not None
    return replace(row.notes, start=StartNote(session=row.readable.session, at=BEGAN, attempts=1))


def _opening(row: Row) -> Change:
    assert row.notes is not None
    assert row.readable is not None
    opened = replace(row.readable, public_ip="20.1.2.3", private_ip="10.0.0.4")
    notes = replace(row.notes, opened=OpenedNote(session=row.readable.session, at=BEGAN, record=opened))
    return step(Edge.OPEN, Actor.STARTER, row, opened, notes, BEGAN)


def figures(slow: Slow) -> Iterator[Figure]:
    """The figures of all four parts, measured on one server."""
    with redis_server() as running, wire(running.port, slow.rtt) as port:
        server = Server(port)
        for part in (reserve_on_the_server, reserve_for_a_client, load, transition):
            yield from part(server)
