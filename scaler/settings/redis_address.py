"""Address, certificate and identity for Redis: the REDIS_… variables."""

import re
import ssl
from dataclasses import dataclass, field, replace
from urllib.parse import SplitResult, quote, unquote, urlsplit

from scaler.clouds import LOOPBACK
from scaler.settings.reader import Reader

_HOST = re.compile(r"\w([\w.-]*\w)?|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*", re.ASCII)
_TRUTH = {**dict.fromkeys(("0", "false", "no", "off"), False), **dict.fromkeys(("1", "true", "yes", "on"), True)}
_DATABASE = re.compile(r"(/[0-9]{0,9})?")
_AZURE = {
    ".redis.azure.net": 10000,
    ".redisenterprise.cache.azure.net": 10000,
    ".redis.cache.windows.net": 6380,
    ".redis.cache.usgovcloudapi.net": 6380,
    ".redis.cache.chinacloudapi.cn": 6380,
}
"""How the names of Azure's hosts end, and the port where they speak TLS."""
_NOWHERE = "REDIS_URL: not set, and REDIS_HOST neither; set one, e.g. redis://127.0.0.1:6379/0"
_NO_URL = (  # without the value: it may hold a password that only looks like something else
    "REDIS_URL: cannot be read; expected redis://host:6379/0 or rediss://…, without ?options; in a password write %2F"
    " for / (and so on), or put it into REDIS_PASSWORD"
)
_NO_HOST = "REDIS_HOST: cannot be used; expected a host name or address alone; for more there is REDIS_URL"
_TWICE = "set beside REDIS_URL, which says it too; unset one of the two"
_NO_KEY = "{}, and REDIS_AUTH is entra, which needs none: take it out, or set REDIS_AUTH=key"
_IN_THE_CLEAR = "{} would send the {} in the clear; expected {}"
_CA_WITHOUT_TLS = "REDIS_CA_FILE: set, but there is no TLS; set REDIS_SSL=true (or rediss:// in REDIS_URL), or unset it"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """One Redis."""

    host: str
    port: int
    tls: bool
    database: int = 0
    username: str = ""
    password: str = field(default="", repr=False)
    entra: bool = False  # signs in as the managed identity
    ca_file: str | None = None  # trusted besides the system's

    @property
    def url(self) -> str:
        """The address as a URL for Redis clients."""
        who = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}@".removeprefix(":@")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"redis{'s' if self.tls else ''}://{who}{host}:{self.port}/{self.database}"


def redis_address(reader: Reader) -> RedisAddress:
    """Read the address; an unusable value becomes a mistake of the reader, and the answer is harmless."""
    by_url = bool(reader.text("REDIS_URL"))
    place = _by_url(reader) if by_url else _by_host(reader)
    entra = reader.choice("REDIS_AUTH", {"key": False, "entra": True}, "key or entra")
    ca_file = _ca_file(reader)
    if place is None:
        return RedisAddress(host="localhost", port=6379, tls=False)
    if entra:
        _check_entra(reader, place, by_url=by_url)
    elif place.password and not place.tls and _azure_port(place.host) is not None:
        reader.mistakes.append(_in_the_clear("key", by_url=by_url))
    if ca_file is not None and not place.tls:
        reader.mistakes.append(_CA_WITHOUT_TLS)
    return replace(place, entra=entra, ca_file=ca_file)


def _by_url(reader: Reader) -> RedisAddress | None:
    for name in ("REDIS_HOST", "REDIS_PORT", "REDIS_SSL"):
        if reader.text(name):
            reader.mistakes.append(f"{name}: {_TWICE}")
    parts = _parts(reader.text("REDIS_URL"))
    if parts is None:
        reader.mistakes.append(_NO_URL)
        return None
    password = unquote(parts.password or "")
    if password and reader.text("REDIS_PASSWORD"):
        reader.mistakes.append(f"REDIS_PASSWORD: {_TWICE}")
    host = parts.hostname or ""
    return RedisAddress(
        host=host,
        port=parts.port or _azure_port(host) or 6379,
        tls=parts.scheme == "rediss",
        database=int(parts.path[1:] or "0"),
        username=unquote(parts.username or ""),
        password=password or reader.text("REDIS_PASSWORD"),
    )


def _parts(url: str) -> SplitResult | None:
    """Those of a Redis URL without options: an option could switch the check of the certificate off."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # a port that is none, a broken IPv6 address
        return None
    sound = parts.scheme in {"redis", "rediss"} and _HOST.fullmatch(parts.hostname or "") and port != 0
    return parts if sound and _DATABASE.fullmatch(parts.path) and not parts.query and not parts.fragment else None


def _by_host(reader: Reader) -> RedisAddress | None:
    host = reader.text("REDIS_HOST")
    if not _HOST.fullmatch(host):
        reader.mistakes.append(_NO_HOST if host else _NOWHERE)
    azure_port = _azure_port(host)
    port, tls = reader.text("REDIS_PORT") or str(azure_port or 6379), reader.text("REDIS_SSL")
    found = RedisAddress(
        host=host,
        port=reader.whole("REDIS_PORT", low=1, high=65535, value=port),
        tls=reader.choice("REDIS_SSL", _TRUTH, "true or false", value=tls) if tls else azure_port is not None,
        password=reader.text("REDIS_PASSWORD"),
    )
    return found if _HOST.fullmatch(host) else None


def _azure_port(host: str) -> int | None:
    """The TLS port of a Redis of Azure's; None elsewhere."""
    return next((port for end, port in _AZURE.items() if host.lower().endswith(end)), None)


def _check_entra(reader: Reader, place: RedisAddress, *, by_url: bool) -> None:
    if reader.text("REDIS_PASSWORD"):
        reader.mistakes.append(_NO_KEY.format("REDIS_PASSWORD: set"))
    elif place.password or place.username:
        reader.mistakes.append(_NO_KEY.format("REDIS_URL: has a user or a password"))
    if not place.tls and place.host not in LOOPBACK:
        reader.mistakes.append(_in_the_clear("Entra ID token", by_url=by_url))


def _in_the_clear(what: str, *, by_url: bool) -> str:
    said, expected = ("REDIS_URL: redis://", "rediss://") if by_url else ("REDIS_SSL: false", "true")
    return _IN_THE_CLEAR.format(said, what, expected)


def _ca_file(reader: Reader) -> str | None:
    path = reader.text("REDIS_CA_FILE")
    if not path:
        return None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except OSError as error:  # SSLError is one
        reader.reject("REDIS_CA_FILE", path, f"a file with certificates in PEM form ({error.strerror or error})")
    return path
