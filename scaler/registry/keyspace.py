"""A little Redis in this process: strings, sets and their expiry on any clock, named as redis-py names them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

type Text = str | bytes
type Members = set[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything in a keyspace at one moment."""

    strings: dict[bytes, bytes]
    sets: dict[bytes, frozenset[bytes]]
    expiry: dict[bytes, datetime]


class Keyspace:
    """What a naive queue manager or an accident may do to Redis, one atomic command each."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._strings: dict[bytes, bytes] = {}
        self._sets: dict[bytes, set[bytes]] = {}
        self._expiry: dict[bytes, datetime] = {}

    def get(self, key: Text) -> bytes | None:
        """GET."""
        name = _bytes(key)
        if name in self._expiry and self._expiry[name] <= self._now():
            self.delete(name)
        return self._strings.get(name)

    def set(self, key: Text, value: Text, *, ex: int | None = None) -> None:
        """SET, with a time to live in seconds or for ever."""
        name = _bytes(key)
        self._strings[name] = _bytes(value)
        self._expiry.pop(name, None)
        if ex is not None:
            self.expire(name, ex)

    def delete(self, key: Text) -> None:
        """DEL."""
        name = _bytes(key)
        self._strings.pop(name, None)
        self._sets.pop(name, None)
        self._expiry.pop(name, None)

    def expire(self, key: Text, seconds: int) -> None:
        """EXPIRE."""
        self._expiry[_bytes(key)] = self._now() + timedelta(seconds=seconds)

    def persist(self, key: Text) -> None:
        """PERSIST."""
        self._expiry.pop(_bytes(key), None)

    def ttl(self, key: Text) -> int:
        """TTL: seconds, -1 for ever, -2 for no such key."""
        name = _bytes(key)
        if self.get(name) is None:
            return -2
        ends = self._expiry.get(name)
        return -1 if ends is None else round((ends - self._now()).total_seconds())

    def smembers(self, key: Text) -> Members:
        """SMEMBERS."""
        return set(self._sets.get(_bytes(key), ()))

    def sismember(self, key: Text, member: Text) -> bool:
        """SISMEMBER."""
        return _bytes(member) in self._sets.get(_bytes(key), ())

    def sadd(self, key: Text, *members: Text) -> None:
        """SADD."""
        self._sets.setdefault(_bytes(key), set()).update(map(_bytes, members))

    def srem(self, key: Text, *members: Text) -> int:
        """SREM: how many were there."""
        held = self._sets.get(_bytes(key), set())
        gone = held & set(map(_bytes, members))
        held -= gone
        return len(gone)

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

    def flush(self) -> None:
        """FLUSHDB."""
        self._strings.clear()
        self._sets.clear()
        self._expiry.clear()

    def snapshot_state(self) -> State:
        """All of it, for a replica that lags or a backup."""
        held = {key: frozenset(members) for key, members in self._sets.items()}
        return State(strings=dict(self._strings), sets=held, expiry=dict(self._expiry))

    def restore_state(self, state: State) -> None:
        """A failover to that replica: what was written since is lost."""
        self._strings = dict(state.strings)
        self._sets = {key: set(members) for key, members in state.sets.items()}
        self._expiry = dict(state.expiry)


def _bytes(text: Text) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
