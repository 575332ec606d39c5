"""Looks at Azure's truth and at Redis; it reads the values itself, and trusts no code of the scaler's to do so."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from redis import Redis

from emulator.scale_set import EmulatedScaleSet
from scaler.model.instance import VmId
from scaler.model.record import Status
from scaler.registry.keys import Keys
from simulator.happenings import Look, Published, Seen

_CANARY = "simulator:canary"  # written once; gone when Redis lost what it had been given
type _Values = Mapping[str, Any]


class Looker:
    """Raises redis.RedisError when Redis does not answer; Azure always does."""

    def __init__(self, scale_sets: Sequence[EmulatedScaleSet], client: Redis, keys: Keys) -> None:
        self._scale_sets = scale_sets
        self._client = client
        self._keys = keys
        self._client.set(_CANARY, "alive")

    def look(self) -> Look:
        """Everything now. It asks for all keys, which nobody may do who shares a Redis with others."""
        offered = self._offered()
        records = self._values(self._keys.instance(VmId("*")))
        notes = self._values(self._keys.notes(VmId("*")))
        machines = tuple(
            Seen(
                state=vm,
                published=published(records.get(vm.vm_id), notes.get(vm.vm_id), vm.vm_id in offered),
                scale_set=each.name,
            )
            for each in self._scale_sets
            for vm in each.vms
        )
        return Look(
            at=self._scale_sets[0].now,
            machines=machines,
            named=frozenset(name for each in (*records.values(), *notes.values()) for name in sessions_in(each)),
            forgot=self._forgot(),
        )

    def glance(self, vm_id: str) -> Published | None:
        """What the record of one machine says."""
        text = cast("bytes | None", self._client.get(self._keys.instance(VmId(vm_id))))
        return published(parsed(text), None, offered=False)

    def _offered(self) -> set[str]:
        return {_last(key) for key in cast("set[bytes]", self._client.smembers(self._keys.index(Status.AVAILABLE)))}

    def _values(self, pattern: str) -> dict[str, _Values]:
        """By vm id; what cannot be read is an empty value."""
        keys = cast("list[bytes]", self._client.keys(pattern))
        texts = cast("list[bytes | None]", self._client.mget(keys)) if keys else []
        return {_last(key): parsed(text) or {} for key, text in zip(keys, texts, strict=True) if text is not None}

    def _forgot(self) -> bool:
        forgot = not self._client.exists(_CANARY)
        if forgot:
            self._client.set(_CANARY, "alive")
        return forgot


def published(record: _Values | None, notes: _Values | None, offered: bool) -> Published | None:
    """What record and notes of one machine say."""
    if record is None and notes is None:
        return None
    found = record or {}
    return Published(
        status=_status(found.get("status")),
        used=found.get("used") is True,
        session=_session(found),
        opened_for=((notes or {}).get("opened") or {}).get("session"),
        offered=offered,
        presumed_since=_presumed_since(notes or {}),
    )


def sessions_in(value: object) -> Iterator[str]:
    """Every session that is named anywhere in a record or in notes."""
    if not isinstance(value, Mapping):
        return
    session = _session(value)
    if session is not None:
        yield session
    for name, each in value.items():
        if name == "session" and isinstance(each, str):
            yield each
        elif name == "ended" and isinstance(each, Mapping):
            yield from each
        else:
            yield from sessions_in(each)


def _session(record: _Values) -> str | None:
    """Whose it is; one that names nobody and is handed out is its own session's."""
    handed_out = record.get("status") in {Status.RESERVED, Status.UNAVAILABLE}
    session = record.get("sessionId") or (record.get("vmId") if handed_out else None)
    return session if isinstance(session, str) else None


def _presumed_since(notes: _Values) -> datetime | None:
    """Since when somebody may be on it of whom nobody knows: presumed, or spent while its own session has not ended."""
    if notes.get("presumed_at"):
        return _moment(notes["presumed_at"])
    spent = notes.get("spent") or {}
    own = notes.get("opened") or notes.get("start") or {}
    return None if own.get("session") in (notes.get("ended") or {}) else _moment(spent.get("at"))


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None


def _status(text: object) -> Status | None:
    return next((each for each in Status if each == text), None)


def parsed(text: bytes | None) -> _Values | None:
    try:
        found = json.loads(text) if text is not None else None
    except ValueError:
        return {}
    return found if isinstance(found, dict) else None


def _last(key: bytes) -> str:
    return key.decode().rpartition(":")[2]
