"""The host that a test starts ends with the test."""

from collections.abc import Callable, Iterator

import pytest
from function.host_process import HostProcess


@pytest.fixture
def start_host() -> Iterator[Callable[..., HostProcess]]:
    hosts: list[HostProcess] = []

    def start(*arguments: str, **environment: str) -> HostProcess:
        hosts.append(HostProcess(*arguments, **environment))
        return hosts[-1]

    yield start
    for host in hosts:
        host.end()
