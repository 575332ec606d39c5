"""The commands of Redis on a Keyspace: arguments are bytes, and so are texts in the answer. Nil is False.

A random choice is none here: of too many members, the first in byte order are taken.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from emulator.redis.keyspace import Keyspace

type Command = Callable[..., Any]

OK = b"OK"
_EPOCH, _SECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(seconds=1)


def commands_on(space: Keyspace) -> Mapping[bytes, Command]:
    """The commands that the registry and the scripts send, by name."""
    get = space.get
    return {
        b"GET": lambda key: _or_nil(get(key)),
        b"MGET": lambda *keys: [space.kind(key) == b"string" and get(key) for key in keys],
        b"GETRANGE": lambda key, first, last: (get(key) or b"")[int(first) : int(last) + 1],
        b"STRLEN": lambda key: len(get(key) or b""),
        b"SET": lambda key, value, *options: _set(space, key, value, *options),
        b"DEL": lambda *keys: sum(map(space.delete, keys)),
        b"EXISTS": lambda key: int(space.kind(key) != b"none"),
        b"TYPE": space.kind,
        b"EXPIRE": lambda key, seconds: int(space.expire(key, int(seconds))),
        b"PERSIST": lambda key: int(space.persist(key)),
        b"TTL": space.ttl,
        b"SADD": space.sadd,
        b"SREM": space.srem,
        b"SISMEMBER": lambda key, member: int(space.sismember(key, member)),
        b"SMEMBERS": lambda key: list(space.smembers(key)),
        b"SRANDMEMBER": lambda key, *most: _some(space, key, *most),
        b"TIME": lambda: _time(space),
    }


def _or_nil(value: bytes | None) -> bytes | bool:
    return False if value is None else value


def _set(space: Keyspace, key: bytes, value: bytes, unit: bytes = b"EX", lives: bytes | None = None) -> bytes:
    seconds = None if lives is None else float(lives) / (1000 if unit == b"PX" else 1)
    space.set(key, value, ex=seconds)
    return OK


def _some(space: Keyspace, key: bytes, most: bytes | None = None) -> Any:
    if most is None:
        return _or_nil(space.srandmember(key))
    members = space.smembers(key)
    return list(members) if len(members) <= int(most) else sorted(members)[: int(most)]


def _time(space: Keyspace) -> list[bytes]:
    now = space.now()
    return [b"%d" % ((now - _EPOCH) // _SECOND), b"%d" % now.microsecond]
