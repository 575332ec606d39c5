"""What the contract suites share: one section per port."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from clock import ManualClock
from contract.registries import (
    House,
    Server,
    StartServer,
    fake_house,
    memory_house,
    narrow_house,
    redis_server,
)
from contract.scale_sets import IMPLEMENTATIONS, UNIFORM_ONES, Open
from contract.scale_sets import House as ScaleSetHouse

# --- the registry (test_registry_*.py) -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A redis-server shared by all tests that leave no trace in it."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def start_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """Servers of the test's own, with options of its own."""
    with ExitStack() as stack:

        def start(*options: str) -> Server:
            folder: Path = tmp_path_factory.mktemp("redis")
            return stack.enter_context(redis_server(folder, *options))

        yield start


@pytest.fixture
def clock() -> ManualClock:
    """The memory registry's time."""
    return ManualClock()


@pytest.fixture
def real_house(shared_redis: Server) -> Iterator[House]:
    """The real server, empty; scaler and queue manager have the documented rights and no others."""
    shared_redis.client().flushall()
    house = narrow_house(shared_redis)
    yield house
    shared_redis.close_clients()


@pytest.fixture(params=["memory", "fakeredis", "redis-server"])
def house(request: pytest.FixtureRequest, clock: ManualClock) -> House:
    """Each implementation in turn."""
    if request.param == "memory":
        return memory_house(clock)
    if request.param == "fakeredis":
        return fake_house()
    real: House = request.getfixturevalue("real_house")
    return real


@pytest.fixture(params=["fakeredis", "redis-server"])
def wired_house(request: pytest.FixtureRequest) -> House:
    """Those with scripts, and with values of other types."""
    house: House = fake_house() if request.param == "fakeredis" else request.getfixturevalue("real_house")
    return house


# --- scale sets (test_scale_set_*.py) --------------------------------------------------------------------------------


@pytest.fixture(params=IMPLEMENTATIONS)
def enter(request: pytest.FixtureRequest) -> Iterator[Open]:
    """Opens the implementation with the behaviour and the page size that a test wants."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(IMPLEMENTATIONS[request.param](**settings))


@pytest.fixture(params=UNIFORM_ONES)
def uniform(request: pytest.FixtureRequest) -> Iterator[ScaleSetHouse]:
    """The Uniform scale sets, whose instance ids are reused."""
    with UNIFORM_ONES[request.param]() as house:
        yield house
