"""What a Redis holds, on any clock (strings, sets, sorted sets, their expiry), and the commands of Redis on it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import Any

from redis.exceptions import ResponseError

type Text = str | bytes
type Members = set[bytes]


_EMPTY: frozenset[bytes] = frozenset()


class WrongTypeError(ResponseError):
    """A command met a value of another type."""

    def __init__(self) -> None:
        super().__init__("WRONGTYPE Operation against a key holding the wrong kind of value")


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything in a keyspace at one moment."""

    strings: dict[bytes, bytes]
    sets: dict[bytes, frozenset[bytes]]
    scores: dict[bytes, Mapping[bytes, float]]
    expiry: dict[bytes, datetime]


class Keyspace:
    """What a naive queue manager or an accident may do to Redis, one atomic command each, by redis-py's names."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self._strings: dict[bytes, bytes] = {}
        self._sets: dict[bytes, frozenset[bytes]] = {}
        self._scores: dict[bytes, Mapping[bytes, float]] = {}
        self._expiry: dict[bytes, datetime] = {}

    def get(self, key: Text) -> bytes | None:
        """GET."""
        name = _bytes(key)
        if name in self._expiry and self._expiry[name] <= self.now():
            self.delete(name)
        if name in self._sets or name in self._scores:
            raise WrongTypeError
        return self._strings.get(name)

    def set(self, key: Text, value: Text, *, ex: float | None = None) -> None:
        """SET, with a time to live in seconds or for ever."""
        name = _bytes(key)
        self.delete(name)
        self._strings[name] = _bytes(value)
        if ex is not None:
            self.expire(name, ex)

    def delete(self, key: Text) -> int:
        """DEL."""
        name = _bytes(key)
        self._expiry.pop(name, None)
        return int(any(held.pop(name, None) is not None for held in (self._strings, self._sets, self._scores)))

    def expire(self, key: Text, seconds: float) -> bool:
        """EXPIRE."""
        name = _bytes(key)
        held = self.kind(name) != b"none"
        if held:
            self._expiry[name] = self.now() + timedelta(seconds=seconds)
        return held

    def persist(self, key: Text) -> bool:
        """PERSIST."""
        return self._expiry.pop(_bytes(key), None) is not None

    def kind(self, key: Text) -> bytes:
        """TYPE."""
        name = _bytes(key)
        if name in self._sets:
            return b"set"
        if name in self._scores:
            return b"zset"
        return b"none" if self.get(name) is None else b"string"

    def ttl(self, key: Text) -> int:
        """TTL: seconds, -1 for ever, -2 for no such key."""
        name = _bytes(key)
        if self.kind(name) == b"none":
            return -2
        ends = self._expiry.get(name)
        return -1 if ends is None else round((ends - self.now()).total_seconds())

    def smembers(self, key: Text) -> Members:
        """SMEMBERS."""
        return set(self._set_at(key))

    def sismember(self, key: Text, member: Text) -> bool:
        """SISMEMBER."""
        return _bytes(member) in self._set_at(key)

    def sadd(self, key: Text, *members: Text) -> int:
        """SADD: how many are new."""
        held, new = self._set_at(key), set(map(_bytes, members))
        self._sets[_bytes(key)] = held | new
        return len(new - held)

    def srem(self, key: Text, *members: Text) -> int:
        """SREM: how many were there."""
        held, gone = self._set_at(key), set(map(_bytes, members))
        if held and held <= gone:
            self.delete(key)
        elif held:
            self._sets[_bytes(key)] = held - gone
        return len(held & gone)

    def spop(self, key: Text, *, at: int = 0) -> bytes | None:
        """SPOP, but the caller says which: the members in byte order, counted round."""
        chosen = self.srandmember(key, at=at)
        if chosen is not None:
            self.srem(key, chosen)
        return chosen

    def srandmember(self, key: Text, *, at: int = 0) -> bytes | None:
        """SRANDMEMBER, as spop."""
        held = sorted(self.smembers(key))
        return held[at % len(held)] if held else None

    def zadd(self, key: Text, score: float, member: Text) -> int:
        """ZADD of one member: 1 if it is new."""
        held = self._scores_at(key)
        self._scores[_bytes(key)] = {**held, _bytes(member): score}
        return int(_bytes(member) not in held)

    def zrem(self, key: Text, *members: Text) -> int:
        """ZREM: how many were there."""
        held, gone = self._scores_at(key), set(map(_bytes, members))
        kept = {member: score for member, score in held.items() if member not in gone}
        if kept:
            self._scores[_bytes(key)] = kept
        elif held:
            self.delete(key)
        return len(held) - len(kept)

    def zrange(self, key: Text, first: int, last: int) -> list[bytes]:
        """ZRANGE: the members from the lowest score on, of one score in byte order. `last` counts from 0."""
        held = self._scores_at(key)
        return sorted(held, key=lambda member: (held[member], member))[first : last + 1]

    def flush(self) -> None:
        """FLUSHDB."""
        self._strings.clear()
        self._sets.clear()
        self._scores.clear()
        self._expiry.clear()

    def snapshot_state(self) -> State:
        """All of it, for a replica that lags or a backup."""
        return State(
            strings=dict(self._strings), sets=dict(self._sets), scores=dict(self._scores), expiry=dict(self._expiry)
        )

    def restore_state(self, state: State) -> None:
        """A failover to that replica: what was written since is lost."""
        self._strings = dict(state.strings)
        self._sets = dict(state.sets)
        self._scores = dict(state.scores)
        self._expiry = dict(state.expiry)

    def _set_at(self, key: Text) -> frozenset[bytes]:
        name = _bytes(key)
        if name in self._strings or name in self._scores:
            raise WrongTypeError
        return self._sets.get(name, _EMPTY)

    def _scores_at(self, key: Text) -> Mapping[bytes, float]:
        name = _bytes(key)
        if name in self._strings or name in self._sets:
            raise WrongTypeError
        return self._scores.get(name, {})


def _bytes(text: Text) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


type Command = Callable[..., Any]
"""Arguments are bytes, and so are texts in the answer. Nil is False."""

OK = b"OK"
_EPOCH, _SECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(seconds=1)


def commands_on(space: Keyspace) -> Mapping[bytes, Command]:
    """The commands that the registry and the scripts send, by name.

    A random choice is none here: of too many members, the first in byte order are taken.
    """
    get = space.get
    return {
        b"GET": lambda key: _or_nil(get(key)),
        b"MGET": lambda *keys: [space.kind(key) == b"string" and get(key) for key in keys],
        b"GETRANGE": lambda key, first, last: (get(key) or b"")[int(first) : int(last) + 1],
        b"STRLEN": lambda key: len(get(key) or b""),
        b"SET": lambda key, value, *options: _set(space, key, value, *options),
        b"MSET": lambda *pairs: _set_all(space, pairs),
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
        b"ZADD": lambda key, score, member: space.zadd(key, float(score), member),
        b"ZREM": space.zrem,
        b"ZRANGE": lambda key, first, last: space.zrange(key, int(first), int(last)),
        b"TIME": lambda: _time(space),
    }


def _or_nil(value: bytes | None) -> bytes | bool:
    return False if value is None else value


def _set(space: Keyspace, key: bytes, value: bytes, unit: bytes = b"EX", lives: bytes | None = None) -> bytes:
    seconds = None if lives is None else float(lives) / (1000 if unit == b"PX" else 1)
    space.set(key, value, ex=seconds)
    return OK


def _set_all(space: Keyspace, pairs: Sequence[bytes]) -> bytes:
    for key, value in batched(pairs, 2, strict=True):
        space.set(key, value)
    return OK


def _some(space: Keyspace, key: bytes, most: bytes | None = None) -> Any:
    if most is None:
        return _or_nil(space.srandmember(key))
    members = space.smembers(key)
    return list(members) if len(members) <= int(most) else sorted(members)[: int(most)]


def _time(space: Keyspace) -> list[bytes]:
    now = space.now()
    return [b"%d" % ((now - _EPOCH) // _SECOND), b"%d" % now.microsecond]
