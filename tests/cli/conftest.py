"""One redis-server for all, an estate for each test."""

from collections.abc import Callable, Iterator

import pytest
from cli.console import Console
from cli.estate import Estate
from contract.registries import Server, redis_server


@pytest.fixture(scope="session")
def redis_for_commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Started once; each estate empties it."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def estate_of(redis_for_commands: Server) -> Iterator[Callable[..., Estate]]:
    """Estates with several scale sets."""
    made: list[Estate] = []

    def make(*names: str) -> Estate:
        made.append(Estate.beside(redis_for_commands, *names))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def estate(estate_of: Callable[..., Estate]) -> Estate:
    """One scale set that nobody has allowed us to manage, and an empty Redis."""
    made = estate_of()
    made.azure.tag()
    return made


@pytest.fixture
def console(estate: Estate) -> Console:
    """Its operator's shell."""
    return estate.console
