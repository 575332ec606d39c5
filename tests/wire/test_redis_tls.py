"""TLS to a real redis-server: who is believed, who is not, and what is said about it."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from contract.registries import free_port, redis_server
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from loopback import Loopback

from scaler.errors import Refused, ScalerError, Unreachable
from scaler.registry.auth import connect
from scaler.registry.keys import Keys
from scaler.registry.redis import RedisRegistry

_DAY = timedelta(days=1)
_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """A certificate authority for one test: signs for any host name. `ca_file` is for those who shall believe it."""

    def __init__(self, folder: Path, name: str = "ca", *, key_usage: bool = True) -> None:
        """`key_usage`: whether it says what its key is for; one of a plain `openssl req -x509` does not."""
        self._folder = folder
        self._key = generate_private_key(SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"authority {name}")])
        builder = self._builder(self._subject, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0 if key_usage else None), critical=True
        )
        if key_usage:
            builder = builder.add_extension(_SIGNS_CERTIFICATES, critical=True)
        self._certificate = builder.sign(self._key, SHA256())
        self.ca_file = folder / f"{name}.pem"
        self.ca_file.write_bytes(self._certificate.public_bytes(Encoding.PEM))

    def certificate(self, host: str) -> tuple[Path, Path]:
        """The files of a certificate for this host name, and of its key."""
        key = generate_private_key(SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        leaf = (
            self._builder(subject, key)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(signer, critical=False)
            .sign(self._key, SHA256())
        )
        made = self._folder / f"{host}.pem", self._folder / f"{host}.key"
        made[0].write_bytes(leaf.public_bytes(Encoding.PEM))
        made[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return made

    def _builder(self, subject: x509.Name, key: EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now, public = datetime.now(UTC), key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + _DAY)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )


@pytest.fixture
def authority(tmp_path: Path, request: pytest.FixtureRequest) -> Authority:
    """A certificate authority with a key usage, unless the test asks for an authority without."""
    return Authority(tmp_path, key_usage=getattr(request, "param", True))


type StartRedis = Callable[[str], int]


@pytest.fixture
def start_redis(authority: Authority, tmp_path: Path) -> Iterator[StartRedis]:
    """Starts a redis-server whose certificate is for this name, and tells its TLS port."""
    with ExitStack() as stack:

        def start(name: str) -> int:
            (certificate, key), port = authority.certificate(name), free_port()
            files = ("--tls-cert-file", str(certificate), "--tls-key-file", str(key))
            trust = ("--tls-ca-cert-file", str(authority.ca_file), "--tls-auth-clients", "no")
            stack.enter_context(redis_server(tmp_path, "--tls-port", str(port), *files, *trust))
            return port

        yield start


def complaining(client: socket.socket) -> None:
    """Says something at once, in plain text, to everybody who comes."""
    client.sendall(b"-ERR unknown command\r\n")
    client.recv(65536)


def refusal(url: str, ca_file: Path | None = None) -> ScalerError:
    """How a read of this Redis fails."""
    with closing(connect(url=url, ca_file=str(ca_file) if ca_file else None)) as client:
        with pytest.raises(ScalerError) as raised:
            RedisRegistry(client, Keys()).read()
        return raised.value


def test_a_redis_with_a_certificate_of_a_private_authority_is_believed_by_its_file(
    start_redis: StartRedis, authority: Authority
) -> None:
    port = start_redis("localhost")
    with closing(connect(url=f"rediss://localhost:{port}", ca_file=str(authority.ca_file))) as client:
        assert not RedisRegistry(client, Keys()).read().rows


def test_without_its_authority_it_is_not_believed(start_redis: StartRedis, tmp_path: Path) -> None:
    port = start_redis("localhost")
    for ca_file in (None, Authority(tmp_path, "another").ca_file):
        refused = refusal(f"rediss://localhost:{port}", ca_file)
        assert isinstance(refused, Refused)
        assert f"Redis at localhost:{port} is not believed: set REDIS_CA_FILE" in str(refused)


@pytest.mark.parametrize("authority", [False], indirect=True)
def test_what_an_authority_lacks_that_does_not_say_what_its_key_is_for_is_told(
    start_redis: StartRedis, authority: Authority
) -> None:
    port = start_redis("localhost")
    refused = refusal(f"rediss://localhost:{port}", authority.ca_file)
    assert isinstance(refused, Refused)
    assert "its certificate" not in str(refused)
    assert "the CA in REDIS_CA_FILE has no keyUsage" in str(refused)
    assert "-addext keyUsage=critical,keyCertSign,cRLSign" in str(refused)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_certificate_for_another_name_is_not_believed(
    start_redis: StartRedis, authority: Authority, host: str
) -> None:
    port = start_redis("redis.example")
    refused = refusal(f"rediss://{host}:{port}", authority.ca_file)
    assert isinstance(refused, Refused)
    assert "is not believed: its certificate is for another name" in str(refused)
    assert "REDIS_HOST" in str(refused)


def test_plain_text_to_a_tls_port_says_that_tls_may_be_wanted(start_redis: StartRedis) -> None:
    port = start_redis("localhost")
    away = refusal(f"redis://localhost:{port}")
    assert isinstance(away, Unreachable)
    assert "hangs up" in str(away)
    assert "REDIS_SSL" in str(away)


def test_tls_to_what_is_not_tls_says_so(authority: Authority) -> None:
    with closing(Loopback(complaining)) as it:
        refused = refusal(f"rediss://localhost:{it.port}", authority.ca_file)
    assert isinstance(refused, Refused)
    assert "does not speak TLS on this port" in str(refused)
