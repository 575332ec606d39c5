"""TLS to a real redis-server: who is believed, who is not, and what is said about it."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from threading import Thread

import pytest
from contract.registries import Server, free_port, redis_server
from wire.authority import Authority

from scaler.errors import Refused, ScalerError, Unreachable
from scaler.registry.auth import connect
from scaler.registry.keys import Keys
from scaler.registry.redis import RedisRegistry


@pytest.fixture
def authority(tmp_path: Path, request: pytest.FixtureRequest) -> Authority:
    """A certificate authority with a key usage, unless the test asks for an authority without."""
    return Authority(tmp_path, key_usage=getattr(request, "param", True))


type StartRedis = Callable[[str], tuple[Server, int]]


@pytest.fixture
def start_redis(authority: Authority, tmp_path: Path) -> Iterator[StartRedis]:
    """A redis-server whose certificate is for this name; and its TLS port, beside the plain one."""
    with ExitStack() as stack:

        def start(name: str) -> tuple[Server, int]:
            made, port = authority.certificate(name), free_port()
            files = ("--tls-cert-file", str(made.certificate), "--tls-key-file", str(made.key))
            trust = ("--tls-ca-cert-file", str(authority.ca_file), "--tls-auth-clients", "no")
            server = redis_server(tmp_path, "--tls-port", str(port), *files, *trust)
            return stack.enter_context(server), port

        yield start


class Talker:
    """Says something at once, in plain text, to everybody who comes."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._thread = Thread(target=self._talk)
        self._thread.start()

    def _talk(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with client:
                    client.sendall(b"-ERR unknown command\r\n")
                    client.recv(65536)

    def close(self) -> None:
        """No more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()


def refusal(url: str, ca_file: Path | None = None) -> ScalerError:
    """How a read of this Redis fails."""
    with closing(connect(url=url, ca_file=str(ca_file) if ca_file else None)) as client:
        with pytest.raises(ScalerError) as raised:
            RedisRegistry(client, Keys()).read()
        return raised.value


def test_a_redis_with_a_certificate_of_a_private_authority_is_believed_by_its_file(
    start_redis: StartRedis, authority: Authority
) -> None:
    _, port = start_redis("localhost")
    with closing(connect(url=f"rediss://localhost:{port}", ca_file=str(authority.ca_file))) as client:
        assert not RedisRegistry(client, Keys()).read().rows


def test_without_its_authority_it_is_not_believed(start_redis: StartRedis, tmp_path: Path) -> None:
    _, port = start_redis("localhost")
    for ca_file in (None, Authority(tmp_path, "another").ca_file):
        refused = refusal(f"rediss://localhost:{port}", ca_file)
        assert isinstance(refused, Refused)
        assert f"Redis at localhost:{port} is not believed: set REDIS_CA_FILE" in str(refused)


@pytest.mark.parametrize("authority", [False], indirect=True)
def test_what_an_authority_lacks_that_does_not_say_what_its_key_is_for_is_told(
    start_redis: StartRedis, authority: Authority
) -> None:
    _, port = start_redis("localhost")
    refused = refusal(f"rediss://localhost:{port}", authority.ca_file)
    assert isinstance(refused, Refused)
    assert "its certificate" not in str(refused)
    assert "the CA in REDIS_CA_FILE has no keyUsage" in str(refused)
    assert "-addext keyUsage=critical,keyCertSign,cRLSign" in str(refused)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_certificate_for_another_name_is_not_believed(
    start_redis: StartRedis, authority: Authority, host: str
) -> None:
    _, port = start_redis("redis.example")
    refused = refusal(f"rediss://{host}:{port}", authority.ca_file)
    assert isinstance(refused, Refused)
    assert "is not believed: its certificate is for another name" in str(refused)
    assert "REDIS_HOST" in str(refused)


def test_plain_text_to_a_tls_port_says_that_tls_may_be_wanted(start_redis: StartRedis) -> None:
    _, port = start_redis("localhost")
    away = refusal(f"redis://localhost:{port}")
    assert isinstance(away, Unreachable)
    assert "hangs up" in str(away)
    assert "REDIS_SSL" in str(away)


def test_tls_to_what_is_not_tls_says_so(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, closing(Talker(listener)):
        refused = refusal(f"rediss://localhost:{listener.getsockname()[1]}", authority.ca_file)
    assert isinstance(refused, Refused)
    assert "does not speak TLS on this port" in str(refused)
