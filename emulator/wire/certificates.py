"""TLS for the emulator: an authority of its own, made at start, which signs one certificate and is forgotten."""

import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from secrets import token_bytes
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LIFE = timedelta(days=365)  # of an emulator that nobody restarts
_SKEW = timedelta(days=1)  # clients in containers may lag behind


@dataclass(frozen=True, slots=True, kw_only=True)
class Secured:
    """What the server shows, and whom a client has to trust for it. The authority's key is gone already."""

    authority: bytes  # PEM
    context: ssl.SSLContext


def secured(hosts: Iterable[str] = ()) -> Secured:
    """A fresh one for this machine's loopback names and these hosts."""
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
        (x509.SubjectAlternativeName([_general_name(each) for each in hosts]), False),
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
    """Python reads keys from files only: for that moment it lies there encrypted, under a password nobody else has."""
    password = token_bytes(32).hex().encode()
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # like Azure Resource Manager
    with TemporaryDirectory(prefix="emulator-") as folder:  # 0700
        chain = Path(folder, "leaf.pem")
        chain.write_bytes(leaf.public_bytes(Encoding.PEM) + encrypted)
        context.load_cert_chain(chain, password=password)
    return context
