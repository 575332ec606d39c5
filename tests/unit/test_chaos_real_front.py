"""What passes a front, what does not, and what its clients see of it."""

import socket
import struct
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from time import monotonic

import pytest
from requests.exceptions import RequestException

from scaler.vmss.punctual import session
from simulator.chaos_real.front import LOOPBACK, Condition
from simulator.chaos_real.switchboard import Gate, Switchboard

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


class _Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class calls it so)
        """Nobody reads it."""


@pytest.fixture
def board() -> Iterator[Switchboard]:
    with Switchboard() as board:
        yield board


@pytest.fixture
def server() -> Iterator[Echo]:
    with Echo(b"one:") as server:
        yield server
        server.shutdown()


@pytest.fixture
def gate(board: Switchboard, server: Echo) -> Gate:
    return board.gate(server.port)


def dial(gate: Gate) -> socket.socket:
    return socket.create_connection((LOOPBACK, gate.port), timeout=SOON)


def asked(connection: socket.socket, what: bytes = b"hello") -> bytes:
    connection.sendall(what)
    return connection.recv(4096)


def test_what_is_asked_arrives_and_the_answer_comes_back(gate: Gate) -> None:
    with dial(gate) as connection:
        assert asked(connection) == b"one:hello"
        assert asked(connection, b"again") == b"one:again"


def test_a_cut_resets_every_connection_and_the_next_ones_pass(gate: Gate) -> None:
    with dial(gate) as first, dial(gate) as second:
        asked(first), asked(second)
        assert gate.cut() == 2
        for each in (first, second):
            with pytest.raises(ConnectionResetError):
                each.recv(1)
    with dial(gate) as third:
        assert asked(third) == b"one:hello"


def test_slow_means_that_both_ways_take_their_time(gate: Gate) -> None:
    gate.be(Condition.SLOW, 0.1)
    with dial(gate) as connection:
        began = monotonic()
        assert asked(connection) == b"one:hello"
        assert monotonic() - began >= 0.2


def test_what_was_slow_on_its_way_does_not_arrive_once_its_client_has_gone(gate: Gate, server: Echo) -> None:
    gate.be(Condition.SLOW, 0.2)
    with dial(gate) as connection:
        connection.sendall(b"late")
    with dial(gate) as other:
        assert asked(other, b"in time") == b"one:in time"
    assert server.heard == [b"in time"]


def test_who_is_refused_is_refused_at_once_and_the_address_stays_ours(gate: Gate) -> None:
    with dial(gate) as connection:
        asked(connection)
        gate.be(Condition.REFUSING)
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    with pytest.raises(ConnectionRefusedError):
        dial(gate)
    with pytest.raises(OSError, match="in use"), socket.create_server((LOOPBACK, gate.port)):
        pass
    gate.be(Condition.PASSING)
    with dial(gate) as connection:
        assert asked(connection) == b"one:hello"


def test_silence_ends_in_a_reset_and_what_was_said_in_it_never_arrives(gate: Gate, server: Echo) -> None:
    gate.be(Condition.SILENT)
    with dial(gate) as connection:
        connection.sendall(b"lost")
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        gate.be(Condition.PASSING)
        connection.settimeout(SOON)
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    with dial(gate) as connection:
        asked(connection)
    assert server.heard == [b"hello"]


def test_what_was_swallowed_arrives_later_unless_its_sender_reset_the_connection(gate: Gate, server: Echo) -> None:
    gate.be(Condition.SWALLOWING)
    closed, reset, waiting = dial(gate), dial(gate), dial(gate)
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
        gate.be(Condition.PASSING)
        waiting.settimeout(SOON)
        assert waiting.recv(4096) == b"one:waiting"
    until = monotonic() + SOON
    with dial(gate) as last:
        while b"closed" not in server.heard and monotonic() < until:
            asked(last)
        asked(last)
    assert set(server.heard) == {b"closed", b"waiting", b"hello"}


def test_an_order_that_the_scaler_gave_up_in_a_wire_that_swallows_never_arrives(gate: Gate, server: Echo) -> None:
    gate.be(Condition.SWALLOWING)
    with session(use_environment=False) as calls, pytest.raises(RequestException):
        calls.post(f"http://{LOOPBACK}:{gate.port}/powerOff", timeout=(0.2, 0.2))
    gate.be(Condition.PASSING)
    with dial(gate) as connection:
        asked(connection)
    assert server.heard == [b"hello"]


def test_one_way_means_that_it_arrives_and_nobody_hears_of_it(gate: Gate, server: Echo) -> None:
    gate.be(Condition.ONE_WAY)
    with dial(gate) as connection, pytest.raises(ConnectionResetError):
        asked(connection, b"delete")
    assert server.heard == [b"delete"]


def test_a_failing_front_says_503_and_nothing_arrives(board: Switchboard) -> None:
    with ThreadingHTTPServer((LOOPBACK, 0), _Page) as page:
        Thread(target=page.serve_forever, args=(0.02,), daemon=True).start()
        gate = board.gate(page.server_address[1])
        gate.be(Condition.FAILING)
        assert (status(gate, "POST"), status(gate, "GET")) == (503, 503)
        gate.be(Condition.PASSING)
        assert status(gate, "GET") == 200
        page.shutdown()


def status(gate: Gate, method: str) -> int:
    connection = HTTPConnection(LOOPBACK, gate.port, timeout=SOON)
    try:
        connection.request(method, "/", body=b"{}" if method == "POST" else None)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_front_that_leads_elsewhere_cuts_off_who_was_connected_and_keeps_its_address(gate: Gate) -> None:
    with Echo(b"two:") as other:
        with dial(gate) as connection:
            asked(connection)
            gate.lead_to(other.port)
            with pytest.raises(ConnectionResetError):
                connection.recv(1)
        with dial(gate) as connection:
            assert asked(connection) == b"two:hello"
        other.shutdown()


def test_a_front_before_a_dead_server_hangs_up(board: Switchboard) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
    gate = board.gate(port)
    with pytest.raises(ConnectionResetError), dial(gate) as connection:
        connection.recv(1)
