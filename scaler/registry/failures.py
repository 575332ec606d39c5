"""Exceptions of redis-py -> scaler.errors, with a line for the place and the remedy."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis import exceptions

from scaler.errors import Garbled, Refused, ScalerError, Unreachable
from scaler.registry.rights import Holder, Rights

_REFUSALS = {
    "NOAUTH": "it wants a password: set REDIS_PASSWORD, or put it into REDIS_URL",
    "NOPASS": "it has no password, and was given one: unset REDIS_PASSWORD (or take it out of REDIS_URL)",
    "WRONGPASS": "it does not know this user or password",
    "NOPERM": "this user may not do that: it needs the rights in docs/redis-contract.md",
    "CROSSSLOT": 'it is clustered, and one slot must hold all keys: set SCALER_REDIS_PREFIX="{vmss}", braces included',
    "MOVED": "it is clustered, and this client stays at one node: use one that follows, as redis.RedisCluster does",
    "WRONGTYPE": "a key of the prefix holds something else: is SCALER_REDIS_PREFIX shared with another program?",
}
_OUTAGES = {
    "LOADING": "it is loading its data after a restart",
    "READONLY": "it is a replica: a failover is under way, or this is the wrong endpoint",
    "OOM": "it is out of memory: scale it up, and look for what fills it",
    "MISCONF": "it cannot persist and therefore takes no writes: see its disk",
    "NOREPLICAS": "it wants more replicas than it has before it takes writes",
    "MASTERDOWN": "its primary is down: a failover is under way",
    "CLUSTERDOWN": "its cluster is down: a failover is under way",
    "TRYAGAIN": "its cluster is moving slots",
    "BUSY": "a script of somebody blocks it",
}
_CLASSES: dict[type[exceptions.RedisError], str] = {
    exceptions.BusyLoadingError: "LOADING",
    exceptions.ReadOnlyError: "READONLY",
    exceptions.OutOfMemoryError: "OOM",
    exceptions.NoPermissionError: "NOPERM",
    exceptions.ClusterCrossSlotError: "CROSSSLOT",
    exceptions.MovedError: "MOVED",
    exceptions.AskError: "MOVED",
    exceptions.MasterDownError: "MASTERDOWN",
    exceptions.ClusterDownError: "CLUSTERDOWN",
    exceptions.TryAgainError: "TRYAGAIN",
}
_SENTENCES = {
    "executing the script can't": "NOPERM",  # inside a script, where Redis 7 has no word for it
    "without any password configured": "NOPASS",
    "no password is set": "NOPASS",
    "non local key": "TRYAGAIN",  # a script met a key that had gone to another node
    "same key slot": "CROSSSLOT",  # said by redis.RedisCluster
}
"""What is said instead of a word."""
_HANDSHAKES = (
    (r"(Hostname|IP address) mismatch", "its certificate is for another name than REDIS_HOST (or REDIS_URL) has"),
    (
        r"CA cert does not include key usage|without key usage keyCertSign",
        (
            "the CA in REDIS_CA_FILE has no keyUsage, and Python believes no such CA: add"
            " -addext keyUsage=critical,keyCertSign,cRLSign to the `openssl req -x509` that makes it"
        ),
    ),
    (
        "Basic Constraints of CA cert not marked critical",
        "the CA in REDIS_CA_FILE must have basicConstraints=critical,CA:TRUE",
    ),
    (r"self-signed certificate|unable to get .*issuer", "set REDIS_CA_FILE to the CA that signed its certificate"),
    ("CERTIFICATE_VERIFY_FAILED", "its certificate does not stand the check"),
    ("WRONG_VERSION_NUMBER", "it does not speak TLS on this port: name its TLS port (Azure: 10000 or 6380)"),
)
"""Messages of OpenSSL with remedies, the first match wins. The next tick would not help."""
_SILENCE = "check host, port and firewall, and whether this port speaks TLS (REDIS_SSL, or rediss://)"
_NO_REDIS = "gives answers that are none; is it a Redis? Check REDIS_HOST and REDIS_PORT, or REDIS_URL"
_HUNG_UP = re.compile(r"Connection closed by server|Connection reset by peer|UNEXPECTED_EOF|EOF occurred")
_ARGUMENTS = re.compile(r",? with args beginning with:.*", re.DOTALL)
"""The arguments in a server's text about an unknown command: for AUTH, the access key."""
_WORDS = re.compile(rf"\b({'|'.join((*_REFUSALS, *_OUTAGES))})\b")


class Explained(exceptions.RedisError):
    """Carries a scaler error through redis-py, which cleans up after its own errors only."""

    def __init__(self, meaning: ScalerError) -> None:
        super().__init__(str(meaning))
        self.meaning = meaning


@contextmanager
def translated(where: str, holder: Holder | None = None) -> Iterator[None]:
    """Translate every exception of redis-py inside the block into scaler.errors. `holder`: who asks."""
    try:
        yield
    except exceptions.InvalidResponse as error:
        raise Garbled(f"Redis at {where} {_NO_REDIS} ({error})") from error
    except (exceptions.RedisError, exceptions.RedisClusterException) as error:
        cause = None if _ARGUMENTS.search(str(error)) else error  # a traceback would show the key
        raise translate(error, where, holder) from cause
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, OSError) as error:
        raise Garbled(f"Redis at {where} {_NO_REDIS} ({error})") from error


def address(client: redis.Redis | redis.RedisCluster) -> str:
    """Host and port, for people."""
    if isinstance(client, redis.RedisCluster):
        return ", ".join(each.name for each in client.get_nodes())  # type: ignore[no-untyped-call]
    where = client.connection_pool.connection_kwargs
    return str(where["path"]) if "path" in where else f"{where.get('host', 'localhost')}:{where.get('port', 6379)}"


def holder_of(client: redis.Redis | redis.RedisCluster, rights: Rights, prefix: str) -> Holder:
    """The user that a client signs in as."""
    manager: Any = client.nodes_manager if isinstance(client, redis.RedisCluster) else client.connection_pool
    where = manager.connection_kwargs
    unnamed = "<its user>" if where.get("credential_provider") is not None else "default"
    return Holder(rights=rights, prefix=prefix, user=where.get("username") or unnamed)


def translate(error: Exception, where: str, holder: Holder | None = None) -> ScalerError:
    """The scaler's word for it."""
    if isinstance(error, Explained):
        return error.meaning
    text = _ARGUMENTS.sub("", str(error))
    word = _word_of(error)
    if word in _REFUSALS:
        remedy = holder.remedy(text) if holder is not None and word == "NOPERM" else _REFUSALS[word]
        return Refused(f"Redis at {where} refuses: {remedy} ({text})", code=word)
    if word in _OUTAGES:
        return Unreachable(f"Redis at {where} does not serve us now: {_OUTAGES[word]} ({text})")
    handshake = next((remedy for said, remedy in _HANDSHAKES if re.search(said, text)), None)
    if handshake is not None:
        return Refused(f"Redis at {where} is not believed: {handshake} ({text})", code="TLS")
    if isinstance(error, exceptions.ConnectionError | exceptions.TimeoutError):
        verb = "hangs up" if _HUNG_UP.search(text) else "does not answer"
        return Unreachable(f"Redis at {where} {verb}: {_SILENCE}; the next tick tries again ({text})")
    return Refused(f"Redis at {where} refuses: {text}", code=word)


def _word_of(error: Exception) -> str:
    """The first word of Redis' error, which redis-py cuts off for errors with a class."""
    for kind, word in _CLASSES.items():
        if isinstance(error, kind):
            return word
    found = _WORDS.search(str(error))
    if found is not None:
        return found.group()
    said = next((word for words, word in _SENTENCES.items() if words in str(error)), "")
    if said or isinstance(error, exceptions.RedisClusterException):
        return said or "CLUSTERDOWN"
    if isinstance(error, exceptions.AuthenticationError):
        return "WRONGPASS" if "invalid" in str(error) else "NOAUTH"
    return ""
