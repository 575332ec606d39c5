"""What answers at Redis' address is no Redis, or one gone mad: every call ends, with one of our errors."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from time import monotonic

import pytest
import redis
from contract.registries import admission
from hostile.conftest import footprint
from loopback import Loopback
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from scaler.errors import Garbled, ScalerError
from scaler.model.instance import SessionId, VmId
from scaler.model.row import Row
from scaler.registry.keys import Keys
from scaler.registry.redis import RedisRegistry
from scaler.registry.reservations import Reservations

PATIENCE = 0.1
ANSWERS: Mapping[str, bytes] = {
    "nothing": b"",
    "a web server": b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n",
    "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x46",
    "bytes": bytes(range(256)) * 20,
    "an error in no language": b"-ERR \xff\xfe\x1b[31m\r\n",
    "an error of a megabyte": b"-" + b"x" * 1_000_000 + b"\r\n",
    "an error in the scaler's words": b"-WRONGTYPE NOAUTH NOPERM OOM\r\n",
    "OK to everything": b"+OK\r\n" * 10,
    "nil to everything": b"$-1\r\n" * 10,
    "a list to everything": b"*0\r\n" * 10,
    "too short a list": b"*2\r\n:1\r\n:2\r\n",
    "words for numbers": b"*6\r\n$1\r\nx\r\n$1\r\ny\r\n$-1\r\n:7\r\n:7\r\n:7\r\n",
    "a time that is none": b"*6\r\n:9223372036854775807\r\n:-1\r\n$-1\r\n*0\r\n*0\r\n*0\r\n",
    "lists of lists": b"*1\r\n" * 100_000,
    "a number of many digits": b":" + b"9" * 5_000 + b"\r\n",
    "a gigabyte that does not come": b"$1073741824\r\nx",
    "a length below zero": b"$-7\r\n",
    "RESP 3": b"%2\r\n+a\r\n:1\r\n+b\r\n#t\r\n,1.5\r\n_\r\n",
    "half an answer": b"*6\r\n:1767225600\r\n:0\r\n$-1\r\n*1\r\n$10\r\nvms",
}
CALLS: Mapping[str, Callable[[redis.Redis], object]] = {
    "read": lambda client: RedisRegistry(client, Keys()).read(),
    "read_also": lambda client: RedisRegistry(client, Keys()).read_also([VmId("a")]),
    "reserved": lambda client: RedisRegistry(client, Keys()).reserved(),
    "confirm": lambda client: RedisRegistry(client, Keys()).confirm(),
    "check": lambda client: RedisRegistry(client, Keys()).check(),
    "apply": lambda client: RedisRegistry(client, Keys()).apply([admission(Row(vm_id=VmId("a")))]),
    "reserve": lambda client: Reservations(client, Keys()).reserve(SessionId("s")),
    "look": lambda client: Reservations(client, Keys()).look(SessionId("s")),
    "release": lambda client: Reservations(client, Keys()).release(SessionId("s")),
}


class Impostor(Loopback):
    """Answers whatever it is asked with the same bytes, and then nothing."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        super().__init__(self._converse)

    def _converse(self, connection: socket.socket) -> None:
        while connection.recv(65_536):
            connection.sendall(self._answer)


@pytest.mark.parametrize("seconds", [0, 7_258_118_400])
def test_a_clock_that_is_centuries_off_is_no_time_to_note_anything(seconds: int) -> None:
    answer = f"*6\r\n:{seconds}\r\n:0\r\n$-1\r\n*0\r\n*0\r\n*0\r\n".encode()
    with closing(Impostor(answer)) as it, closing(redis.Redis(port=it.port, protocol=2)) as client:
        registry = RedisRegistry(client, Keys())
        with pytest.raises(Garbled, match="clock"):
            registry.read()


@pytest.fixture
def impostor(request: pytest.FixtureRequest) -> Iterator[Impostor]:
    """A server in the place of Redis, which gives the answer of this name."""
    with closing(Impostor(ANSWERS[request.param])) as it:
        yield it


@pytest.mark.parametrize("impostor", ANSWERS, indirect=True)
def test_whatever_answers_at_redis_address_ends_a_call_with_one_of_our_errors(impostor: Impostor) -> None:
    for name, call in CALLS.items():
        once_more = Retry(ConstantBackoff(0.1), 1)  # as production does
        client = redis.Redis(host="127.0.0.1", port=impostor.port, protocol=2, socket_timeout=PATIENCE, retry=once_more)
        began = monotonic()
        with closing(client), footprint() as memory, suppress(ScalerError):
            call(client)
        assert monotonic() - began < 4 * PATIENCE + 30, name  # bounded, on however busy a machine
        assert memory.peak < 100, name
