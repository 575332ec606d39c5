"""Redis servers for the hostile, a watch over every connection that the process opens, and over its memory."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from clock import ManualClock
from contract.registries import House, Server, fake_house, memory_house, redis_house, redis_server

from scaler.registry.keys import Keys


@pytest.fixture(scope="session")
def a_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real one, for tests that empty it first."""
    with redis_server(tmp_path_factory.mktemp("hostile-redis")) as server:
        yield server


@pytest.fixture
def real_house(a_redis: Server) -> Iterator[House]:
    """It, empty."""
    client = a_redis.client()
    client.flushall()
    yield redis_house(client, Keys())
    client.close()


@pytest.fixture
def clock() -> ManualClock:
    """Time for Azure and for the process."""
    return ManualClock()


@pytest.fixture(params=["memory", "fakeredis", "redis-server"])
def house(request: pytest.FixtureRequest, clock: ManualClock) -> House:
    """Each registry in turn."""
    if request.param == "memory":
        return memory_house(clock)
    found: House = fake_house() if request.param == "fakeredis" else request.getfixturevalue("real_house")
    return found


@pytest.fixture(params=["fakeredis", "redis-server"])
def wired_house(request: pytest.FixtureRequest) -> House:
    """Those that have values of other types."""
    found: House = fake_house() if request.param == "fakeredis" else request.getfixturevalue("real_house")
    return found


class Connections:
    """Where this process connects to, and what names it looks up, while somebody watches."""

    def __init__(self) -> None:
        self._watched: list[list[object]] = []
        sys.addaudithook(self._heard)  # which nobody can take out again

    def _heard(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._watched and event in {"socket.connect", "socket.sendto"}:
            self._watched[-1].append(arguments[1])
        elif self._watched and event == "socket.getaddrinfo":
            self._watched[-1].append(arguments[:2])

    @contextmanager
    def watched(self) -> Iterator[list[object]]:
        """All of them, as they happen."""
        self._watched.append([])
        try:
            yield self._watched[-1]
        finally:
            self._watched.pop()


@pytest.fixture(scope="session")
def connections() -> Connections:
    """The one watch: an audit hook stays for as long as the process lives."""
    return Connections()


_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(slots=True)
class Footprint:
    """In MB, above what the process held before."""

    peak: int = 0


@contextmanager
def footprint() -> Iterator[Footprint]:
    """Of the block. Only Linux tells."""
    found = Footprint()
    try:
        _CLEAR.write_text("5", encoding="ascii")  # the high-water mark falls to what is in use now
    except OSError:
        pytest.skip("the peak of a process's memory is told on Linux only")
    before = _megabytes("VmRSS")
    yield found
    found.peak = _megabytes("VmHWM") - before


def _megabytes(name: str) -> int:
    (line,) = (each for each in _STATUS.read_text(encoding="ascii").splitlines() if each.startswith(f"{name}:"))
    return int(line.split()[1]) // 1024
