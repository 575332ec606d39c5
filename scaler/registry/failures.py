"""What redis-py raises -> scaler.errors, with one line that says where and what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis import exceptions

from scaler.errors import Refused, ScalerError, Unreachable

_REFUSALS = {
    "NOAUTH": "it wants a password: set REDIS_PASSWORD, or put it into REDIS_URL",
    "WRONGPASS": "it does not know this user or password",
    "NOPERM": "this user may not do that: it needs the commands in docs/redis-contract.md on all keys of the prefix",
    "CROSSSLOT": 'it is clustered, and one slot must hold all keys: set SCALER_REDIS_PREFIX="{vmss}", braces included',
    "MOVED": "it is clustered with the OSS policy: use the non-clustered or the Enterprise policy",
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
    exceptions.MasterDownError: "MASTERDOWN",
    exceptions.ClusterDownError: "CLUSTERDOWN",
    exceptions.TryAgainError: "TRYAGAIN",
}
_WORDS = re.compile(rf"\b({'|'.join((*_REFUSALS, *_OUTAGES))})\b")


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Whatever redis-py raises inside leaves as one of scaler.errors."""
    try:
        yield
    except exceptions.RedisError as error:
        raise translate(error, where) from error


def address(client: redis.Redis) -> str:
    """Host and port, for people."""
    where = client.connection_pool.connection_kwargs
    return str(where["path"]) if "path" in where else f"{where.get('host', 'localhost')}:{where.get('port', 6379)}"


def translate(error: exceptions.RedisError, where: str) -> ScalerError:
    """The scaler's word for it."""
    text = str(error)
    word = _word_of(error)
    if word in _REFUSALS:
        return Refused(f"Redis at {where} refuses: {_REFUSALS[word]} ({text})", code=word)
    if word in _OUTAGES:
        return Unreachable(f"Redis at {where} does not serve us now: {_OUTAGES[word]} ({text})")
    if isinstance(error, exceptions.ConnectionError | exceptions.TimeoutError):
        remedy = "check host, port, TLS and the firewall; the next tick tries again"
        return Unreachable(f"Redis at {where} does not answer: {remedy} ({text})")
    return Refused(f"Redis at {where} refuses: {text}", code=word)


def _word_of(error: exceptions.RedisError) -> str:
    """Redis' own word, which redis-py cuts off where it has a class of its own."""
    for kind, word in _CLASSES.items():
        if isinstance(error, kind):
            return word
    found = _WORDS.search(str(error))
    if found is not None:
        return found.group()
    if isinstance(error, exceptions.AuthenticationError):
        return "WRONGPASS" if "invalid" in str(error) else "NOAUTH"
    return ""
