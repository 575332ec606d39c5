"""A connection that is given up is reset: no kernel delivers later what was on its way over it."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL
from socket import AF_INET, create_server, socket
from subprocess import PIPE, Popen
from sys import executable

import pytest
from requests.exceptions import RequestException

from scaler.vmss.client import session

_ROOT = Path(__file__).parents[2]
_CALL = """\
from scaler.vmss.client import session
session(use_environment=False).get({url!r}, timeout=(5, 60))
"""


@pytest.fixture
def silent() -> Iterator[socket]:
    """A listener that takes connections and says nothing."""
    with create_server(("127.0.0.1", 0), family=AF_INET) as listener:
        listener.settimeout(10)
        yield listener


def url_of(listener: socket, scheme: str) -> str:
    return f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/"


def is_reset(taken: socket) -> bool:
    """Whether the other end resets it; False: it says goodbye, after all that it had to say."""
    try:
        while taken.recv(65536):
            pass
    except ConnectionResetError:
        return True
    return False


@pytest.mark.parametrize("scheme", ["http", "https"])  # https: in the middle of its handshake
def test_a_call_that_is_given_up_resets_its_connection(scheme: str, silent: socket) -> None:
    with session(use_environment=False) as calls:
        with suppress(RequestException):
            calls.get(url_of(silent, scheme), timeout=(0.2, 0.2))
        taken, _ = silent.accept()
        with taken:
            taken.settimeout(10)
            assert is_reset(taken)


def test_a_process_that_is_killed_resets_its_connection(silent: socket) -> None:
    call = _CALL.format(url=url_of(silent, "http"))
    with Popen([executable, "-c", call], cwd=_ROOT, stderr=PIPE) as process:
        taken, _ = silent.accept()
        with taken:
            taken.settimeout(10)
            assert taken.recv(1)
            process.send_signal(SIGKILL)
            assert is_reset(taken)


def test_a_call_through_a_proxy_that_is_given_up_resets_its_connection(silent: socket) -> None:
    with session(use_environment=False) as calls:
        calls.proxies = {"http": url_of(silent, "http")}
        with suppress(RequestException):
            calls.get("http://management.invalid/", timeout=(0.2, 0.2))
        taken, _ = silent.accept()
        with taken:
            taken.settimeout(10)
            assert is_reset(taken)
