"""Proxies: addresses that stay the same before servers that do not, with the faults of networks.

A real wire that swallows packets acknowledges nothing, and the sender's kernel sends again for minutes, whether its
program still cares or not, unless the program resets the connection. Without rights over the network nobody can have
such a wire; a proxy that swallows stands in for that kernel: takes everything, and delivers later what was sent, even
of a sender that has hung up, but not of a sender that reset the connection.
"""

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import Coroutine
from contextlib import suppress
from enum import StrEnum
from threading import Thread
from types import TracebackType
from typing import Any, Self

LOOPBACK = "127.0.0.1"
_PIECE = 64 * 1024
_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: a close is a reset


def free_port() -> int:
    """A port that is free right now."""
    with socket.create_server((LOOPBACK, 0)) as taken:
        return int(taken.getsockname()[1])


class Condition(StrEnum):
    """How a proxy treats connections."""

    PASSING = "passing"
    REFUSING = "refusing"  # nobody listens
    SILENT = "silent"  # connections are taken and kept, and nothing passes any more
    SWALLOWING = "swallowing"  # the same; later all of it is delivered, but for what its sender took back by a reset


_HOLDING = frozenset({Condition.SILENT, Condition.SWALLOWING})


class _Pair:
    """The connection of a client, and the proxy's to the server."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.reader = reader
        self.writers = [writer]

    def end(self, *, politely: bool) -> None:
        """End both connections, after all data under way or at once."""
        if not politely:
            self.reset()
        for each in self.writers:
            each.close()

    def reset(self) -> None:
        """End both connections at once; data under way are lost."""
        for each in self.writers:
            if (taken := each.get_extra_info("socket")) is not None:
                with suppress(OSError):
                    taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            each.transport.abort()


class _Relay:
    """A proxy on its network's own thread."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._condition = Condition.PASSING
        self._pairs: set[_Pair] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._changed = asyncio.Event()
        # bound and never listening: while nobody listens a client is refused, and nobody else can take the port
        self._place = _bound(0)
        self.port: int = self._place.getsockname()[1]

    async def open(self) -> None:
        """Listen."""
        if self._server is None:
            listening = _bound(self.port)
            listening.listen(128)
            self._server = await asyncio.start_server(self._take, sock=listening)

    async def lead_to(self, port: int) -> None:
        """Lead to another server from now on, and cut all connections to the old server."""
        self._to = port
        await self.cut()

    async def cut(self) -> int:
        """Reset every connection; how many there were."""
        pairs = tuple(self._pairs)
        for each in pairs:
            each.reset()
        return len(pairs)

    async def be(self, condition: Condition) -> None:
        """Behave so from now on. What was held back in a silence is not delivered afterwards."""
        before, self._condition = self._condition, condition
        if condition is Condition.REFUSING:
            self._deafen()
        else:
            await self.open()
        if before is Condition.SILENT or condition is Condition.REFUSING:
            await self.cut()
        self._changed.set()
        self._changed = asyncio.Event()

    async def close(self) -> None:
        """For good."""
        self._deafen()
        await self.cut()
        for each in tuple(self._tasks):
            each.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._place.close()

    def _deafen(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _take(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        pair = _Pair(reader, writer)
        self._tasks.add(task)
        self._pairs.add(pair)
        polite = False
        try:
            polite = await self._connect(pair)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # whoever it was has gone, or the server has
        finally:
            pair.end(politely=polite)
            self._pairs.discard(pair)
            self._tasks.discard(task)

    async def _connect(self, pair: _Pair) -> bool:
        """Whether either end said good-bye."""
        answers, there = await asyncio.open_connection(LOOPBACK, self._to)
        pair.writers.append(there)
        asking = asyncio.ensure_future(self._ask(pair.reader, there))
        answering = asyncio.ensure_future(self._answer(answers, pair.writers[0]))
        try:
            done, _ = await asyncio.wait({asking, answering}, return_when=asyncio.FIRST_COMPLETED)
            return all(each.exception() is None and each.result() for each in done)
        finally:
            for each in (asking, answering):
                each.cancel()
            await asyncio.gather(asking, answering, return_exceptions=True)

    async def _ask(self, client: StreamReader, server: StreamWriter) -> bool:
        """Pass on requests. A request that was held back until the client gave up is dropped.

        A wire that swallows holds a goodbye back too: only a reset drops what was sent.
        """
        while piece := await client.read(_PIECE):
            swallowed = self._condition is Condition.SWALLOWING
            held = await self._held_back()
            if held and (client.exception() is not None or (client.at_eof() and not swallowed)):
                return False
            server.write(piece)
            await server.drain()
        return True

    async def _answer(self, server: StreamReader, client: StreamWriter) -> bool:
        """Pass on answers."""
        while piece := await server.read(_PIECE):
            await self._held_back()
            client.write(piece)
            await client.drain()
        return True

    async def _held_back(self) -> bool:
        """Wait as long as this piece has to; whether it had to."""
        held = self._condition in _HOLDING
        while self._condition in _HOLDING:
            await self._changed.wait()
        return held


def _bound(port: int) -> socket.socket:
    """A socket shared within this process: with SO_REUSEADDR any process could take a port without a listener."""
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    taken.bind((LOOPBACK, port))
    return taken


class Network:
    """The thread of all proxies, as a context manager: all connections end with the block."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="network", daemon=True)
        self._relays: list[_Relay] = []

    def proxy(self, to: int) -> "Proxy":
        """A new address that leads to the port."""

        async def make() -> _Relay:
            relay = _Relay(to)
            await relay.open()
            return relay

        relay = self.call(make())
        self._relays.append(relay)
        return Proxy(self, relay)

    def call[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Done over there, waited for here."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for each in self._relays:
            self.call(each.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Proxy:
    """A relay, for every thread but the network's."""

    def __init__(self, network: Network, relay: _Relay) -> None:
        self._network = network
        self._relay = relay

    @property
    def port(self) -> int:
        """The port, which never changes."""
        return self._relay.port

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{LOOPBACK}:{self.port}"

    def lead_to(self, port: int) -> None:
        """To another server, from now on."""
        self._network.call(self._relay.lead_to(port))

    def cut(self) -> int:
        """Reset every connection; how many there were."""
        return self._network.call(self._relay.cut())

    def be(self, condition: Condition) -> None:
        """Behave so from now on."""
        self._network.call(self._relay.be(condition))
