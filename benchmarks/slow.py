"""What a benchmark makes slow on purpose: Redis behind a wire, ARM's answers, the pages of a listing."""

import asyncio
import re
from argparse import ArgumentTypeError
from asyncio import BaseTransport, Transport
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from selectors import SelectSelector

from emulator.behaviour import Latencies
from simulator.parts.network import LOOPBACK

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s)")
MANY = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    """The conditions of a run. The default: Redis next door, ARM as it was measured, pages as in the emulator."""

    rtt: timedelta = timedelta(0)  # to Redis and back
    arm: timedelta | None = None  # each answer of ARM; None: 0.1 to 0.4 s
    page: int | None = None  # machines on a page of a listing; None: 100, or all where nothing else is said

    @property
    def page_size(self) -> int:
        """Machines on a page."""
        return self.page or 100

    @property
    def machines(self) -> int:
        """How many machines the part `listing` lists: those of ten scale sets, where pages are small."""
        return MANY if self.page else 1_000

    @property
    def latencies(self) -> Latencies:
        """Of the emulated Azure."""
        return Latencies() if self.arm is None else Latencies(accept=(self.arm.total_seconds(),) * 2)

    @property
    def round_trip(self) -> float:
        """Seconds until the median answer of ARM."""
        return sum(self.latencies.accept) / 2

    def __str__(self) -> str:
        arm = "0.1 to 0.4" if self.arm is None else f"{self.arm.total_seconds():g}"
        redis = f"{self.rtt.total_seconds() * 1e3:g} ms to Redis and back" if self.rtt else "Redis on this machine"
        return f"{redis}, {arm} s until ARM answers, pages of {self.page_size} machines"


def duration(text: str) -> timedelta:
    """`20ms`, `1.4ms` or `1s`."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ArgumentTypeError(f"{text!r} is no duration such as 20ms, 1.4ms or 1s")
    return timedelta(milliseconds=float(found[1]) * (1e3 if found[2] == "s" else 1))


@contextmanager
def wire(port: int, rtt: timedelta) -> Iterator[int]:
    """A port that leads to the port, with so much delay there and back; without delay the port itself."""
    if not rtt:
        yield port
        return
    with in_a_process(_carry, port, rtt.total_seconds() / 2) as led:
        yield led


@contextmanager
def in_a_process[*Args](serve: Callable[[Connection, *Args], None], *args: *Args) -> Iterator[int]:
    """The port at which the function serves in a process of its own. It sends the port as soon as it listens."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, *args), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _carry(told: Connection, port: int, one_way: float) -> None:
    """The process of a wire. Its selector waits by the microsecond; the default one by the millisecond."""

    async def carry() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _End(port, one_way), LOOPBACK, 0)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(SelectSelector())) as runner:
        runner.run(carry())


class _End(asyncio.Protocol):
    """One end of a connection: whatever comes in leaves at the other end after the delay, in the same order."""

    def __init__(self, port: int, one_way: float, other: "_End | None" = None) -> None:
        self._port, self._one_way, self.other = port, one_way, other
        self._loop = asyncio.get_running_loop()
        self._due = 0.0
        self.transport: Transport | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: BaseTransport) -> None:
        assert isinstance(transport, Transport)
        self.transport = transport
        if self.other is None:
            self.other = other = _End(self._port, self._one_way, self)
            leads = self._loop.create_connection(lambda: other, LOOPBACK, self._port)
            self._dialling = self._loop.create_task(leads)
        for piece in self._early:
            transport.write(piece)

    def data_received(self, data: bytes) -> None:
        assert self.other is not None
        self._due = max(self._loop.time() + self._one_way, self._due + 1e-9)
        self._loop.call_at(self._due, self.other.send, data)

    def send(self, piece: bytes) -> None:
        """Write what came in at the other end."""
        if self.transport is None:
            self._early.append(piece)
        else:
            self.transport.write(piece)

    def connection_lost(self, _: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()
