"""One site, served over http and, where asked for, over https with a certificate authority of its own."""

import socket
import ssl
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from secrets import token_bytes
from tempfile import TemporaryDirectory
from threading import Event, Thread
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from emulator.scale_set import EmulatedScaleSet
from emulator.wire.answer_faults import AnswerFault
from emulator.wire.app import App
from emulator.wire.exchange import CallLog
from emulator.wire.listener import Listener
from emulator.wire.site import Site

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LIFE = timedelta(days=365)  # of an emulator that nobody restarts
_SKEW = timedelta(days=1)  # clients in containers may lag behind


@dataclass(frozen=True, slots=True, kw_only=True)
class Secured:
    """The server's TLS context, and the authority for clients to trust. The authority's key is already thrown away."""

    authority: bytes  # PEM
    context: ssl.SSLContext


def secured(hosts: Iterable[str] = ()) -> Secured:
    """A fresh certificate for this machine's loopback names and these hosts."""
    key, leaf_key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    authority = _authority(key)
    leaf = _leaf(leaf_key, authority, key, tuple(dict.fromkeys((*_LOOPBACK, *hosts))))
    return Secured(authority=authority.public_bytes(Encoding.PEM), context=_context(leaf, leaf_key))


def _authority(key: EllipticCurvePrivateKey) -> x509.Certificate:
    name = _name("Emulated Azure: authority")
    basic, use = x509.BasicConstraints(ca=True, path_length=0), _key_usage(certificates=True)
    return (
        _valid_builder(name, key)
        .issuer_name(name)
        .add_extension(basic, critical=True)
        .add_extension(use, critical=True)
        .sign(key, SHA256())
    )


def _leaf(
    key: EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: EllipticCurvePrivateKey,
    hosts: tuple[str, ...],
) -> x509.Certificate:
    """What Python's and OpenSSL's strictest checks ask for (RFC 5280): key usages and both key identifiers."""
    builder = _valid_builder(_name(hosts[0]), key).issuer_name(authority.subject)
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    for extension, critical in (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage(certificates=False), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectAlternativeName([_general_name(host) for host in hosts]), False),
        (signer, False),
    ):
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(authority_key, SHA256())


def _valid_builder(subject: x509.Name, key: EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _key_usage(*, certificates: bool) -> x509.KeyUsage:
    """Signing certificates, or signing handshakes; nothing else."""
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _context(leaf: x509.Certificate, key: EllipticCurvePrivateKey) -> ssl.SSLContext:
    """The TLS context. Python reads keys from files only: the key's file is encrypted under a random password."""
    password = token_bytes(32).hex().encode()
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # like Azure Resource Manager
    with TemporaryDirectory(prefix="emulator-") as folder:  # 0700
        chain = Path(folder, "leaf.pem")
        chain.write_bytes(leaf.public_bytes(Encoding.PEM) + encrypted)
        context.load_cert_chain(chain, password=password)
    return context


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Options of https. `ca_file` receives the certificate for clients to trust, and never a key."""

    ca_file: Path
    port: int = 0


class RunningServer:
    """A listening server. Close the server, or use the server as a context manager."""

    def __init__(self, site: Site, host: str, port: int, tls: Tls | None) -> None:
        self.site = site
        self._closing = Event()
        self._app = App(site, self._closing.wait)
        with ExitStack() as opened:
            self._plain = self._listen(opened, host, port)
            self._secure = None if tls is None else self._listen(opened, host, tls.port, tls)
            self._close = opened.pop_all()

    def _listen(self, opened: ExitStack, host: str, port: int, tls: Tls | None = None) -> Listener:
        context = None
        if tls is not None:
            shown = secured((_name_of(host),))
            tls.ca_file.write_bytes(shown.authority)
            context = shown.context
        listener = Listener((host, port), self._app, self._closing, context)
        thread = Thread(target=listener.serve_forever, args=(0.05,), name=f"emulator-{listener.scheme}", daemon=True)
        thread.start()
        for each in (thread.join, listener.server_close, listener.hang_up, listener.shutdown):
            opened.callback(each)  # the last one first
        return listener

    @property
    def url(self) -> str:
        """Scheme, host and port of plain http."""
        return self._plain.url

    @property
    def https_url(self) -> str | None:
        """The same of https, where it was asked for."""
        return None if self._secure is None else self._secure.url

    @property
    def calls(self) -> CallLog:
        """Every request so far, over either."""
        return self._app.calls

    def inject(self, how: AnswerFault, *, kind: str | None = None, times: int = 1, seconds: float = 2.0) -> None:
        """Spoil the next answers (to calls of `kind`, as the log of calls names them)."""
        self._app.injector.plan(how, kind=kind, times=times, seconds=seconds)

    def close(self) -> None:
        """Stop listening and end every connection."""
        self._closing.set()
        self._close.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _name_of(host: str) -> str:
    """The host name for clients: a server on all addresses is reached by this machine's name."""
    return socket.gethostname() if host in {"", "0.0.0.0", "::"} else host


def serve(
    emulated: EmulatedScaleSet | Sequence[EmulatedScaleSet],
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    site: Site | None = None,
    tls: Tls | None = None,
) -> RunningServer:
    """Serve scale sets; port 0 takes a free port. `site`: the settings, whose scale sets are replaced."""
    scale_sets = [emulated] if isinstance(emulated, EmulatedScaleSet) else list(emulated)
    return RunningServer(replace(site or Site(), scale_sets=scale_sets), host, port, tls)
