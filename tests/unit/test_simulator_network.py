"""Proxies pass, cut, refuse and swallow; clients see the same as with a broken network."""

import socket
import struct
from collections.abc import Iterator
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from time import monotonic

import pytest
from requests.exceptions import RequestException

from scaler.vmss.client import session
from simulator.parts.network import LOOPBACK, Condition, Network, Proxy

SOON = 5.0  # seconds: nothing here takes so long


class Echo(ThreadingTCPServer):
    """Answers what it is asked, with a name before it; remembers what arrived."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, name: bytes) -> None:
        super().__init__((LOOPBACK, 0), _Echoing)
        self.name = name
        self.heard: list[bytes] = []
        self.port: int = self.server_address[1]
        Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()


class _Echoing(BaseRequestHandler):
    server: Echo

    def handle(self) -> None:
        try:
            while asked := self.request.recv(4096):
                self.server.heard.append(asked)
                self.request.sendall(self.server.name + asked)
        except OSError:
            pass


@pytest.fixture
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@pytest.fixture
def server() -> Iterator[Echo]:
    with Echo(b"one:") as server:
        yield server
        server.shutdown()


@pytest.fixture
def proxy(network: Network, server: Echo) -> Proxy:
    return network.proxy(server.port)


def dial(proxy: Proxy) -> socket.socket:
    return socket.create_connection((LOOPBACK, proxy.port), timeout=SOON)


def asked(connection: socket.socket, what: bytes = b"hello") -> bytes:
    connection.sendall(what)
    return connection.recv(4096)


def test_what_is_asked_arrives_and_the_answer_comes_back(proxy: Proxy) -> None:
    with dial(proxy) as connection:
        assert asked(connection) == b"one:hello"
        assert asked(connection, b"again") == b"one:again"


def test_a_cut_resets_every_connection_and_the_next_ones_pass(proxy: Proxy) -> None:
    with dial(proxy) as first, dial(proxy) as second:
        asked(first), asked(second)
        assert proxy.cut() == 2
        for each in (first, second):
            with pytest.raises(ConnectionResetError):
                each.recv(1)
    with dial(proxy) as third:
        assert asked(third) == b"one:hello"


def test_who_is_refused_is_refused_at_once_and_the_address_stays_ours(proxy: Proxy) -> None:
    with dial(proxy) as connection:
        asked(connection)
        proxy.be(Condition.REFUSING)
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    with pytest.raises(ConnectionRefusedError):
        dial(proxy)
    with pytest.raises(OSError, match="in use"), socket.create_server((LOOPBACK, proxy.port)):
        pass
    proxy.be(Condition.PASSING)
    with dial(proxy) as connection:
        assert asked(connection) == b"one:hello"


def test_silence_ends_in_a_reset_and_what_was_said_in_it_never_arrives(proxy: Proxy, server: Echo) -> None:
    proxy.be(Condition.SILENT)
    with dial(proxy) as connection:
        connection.sendall(b"lost")
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        proxy.be(Condition.PASSING)
        connection.settimeout(SOON)
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    with dial(proxy) as connection:
        asked(connection)
    assert server.heard == [b"hello"]


def test_what_was_swallowed_arrives_later_unless_its_sender_reset_the_connection(proxy: Proxy, server: Echo) -> None:
    proxy.be(Condition.SWALLOWING)
    closed, reset, waiting = dial(proxy), dial(proxy), dial(proxy)
    for each, what in ((closed, b"closed"), (reset, b"reset"), (waiting, b"waiting")):
        each.sendall(what)
    reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    closed.close()
    reset.close()
    with waiting:
        waiting.settimeout(0.2)
        with pytest.raises(TimeoutError):
            waiting.recv(1)
        assert server.heard == []
        proxy.be(Condition.PASSING)
        waiting.settimeout(SOON)
        assert waiting.recv(4096) == b"one:waiting"
    until = monotonic() + SOON
    with dial(proxy) as last:
        while b"closed" not in server.heard and monotonic() < until:
            asked(last)
        asked(last)
    assert set(server.heard) == {b"closed", b"waiting", b"hello"}


def test_an_order_that_the_scaler_gave_up_in_a_wire_that_swallows_never_arrives(proxy: Proxy, server: Echo) -> None:
    proxy.be(Condition.SWALLOWING)
    with session(use_environment=False) as calls, pytest.raises(RequestException):
        calls.post(f"http://{LOOPBACK}:{proxy.port}/powerOff", timeout=(0.2, 0.2))
    proxy.be(Condition.PASSING)
    with dial(proxy) as connection:
        asked(connection)
    assert server.heard == [b"hello"]


def test_a_proxy_that_leads_elsewhere_cuts_off_who_was_connected_and_keeps_its_address(proxy: Proxy) -> None:
    with Echo(b"two:") as other:
        with dial(proxy) as connection:
            asked(connection)
            proxy.lead_to(other.port)
            with pytest.raises(ConnectionResetError):
                connection.recv(1)
        with dial(proxy) as connection:
            assert asked(connection) == b"two:hello"
        other.shutdown()


def test_a_proxy_before_a_dead_server_hangs_up(network: Network) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
    proxy = network.proxy(port)
    with pytest.raises(ConnectionResetError), dial(proxy) as connection:
        connection.recv(1)
