"""Looks at Azure's truth and at Redis, with readers of their own and no code of the scaler's; and what is unsettled."""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol, cast

from redis import Redis

from emulator.scale_set import EmulatedScaleSet
from scaler.model.instance import PowerState, ScaleSetName, VmId
from scaler.model.plan import Why, counted
from scaler.model.policy import Policy
from scaler.model.row import Status
from scaler.registry.keys import Keys
from simulator.happenings import Look, Published, Seen
from simulator.workload.fields import parsed

_NUMBER = "simulator:look"  # of the latest look: Redis forgot something if it remembers an earlier one
type _Values = Mapping[str, Any]


class Store(Protocol):
    """Redis, for a reader that may ask for all keys: such a reader shares Redis with no other application."""

    @property
    def keys(self) -> Keys:
        """How keys are spelled."""
        ...

    def strings(self) -> Mapping[bytes, bytes]:
        """All strings by key."""
        ...

    def members(self, status: Status) -> set[bytes]:
        """The index of that status."""
        ...

    def lasts(self, key: bytes) -> bool:
        """Whether the key has no time to live."""
        ...


@dataclass(frozen=True, slots=True)
class RealStore:
    """Implements Store over a connection. Raises redis.RedisError when Redis does not answer."""

    client: Redis
    keys: Keys

    def strings(self) -> Mapping[bytes, bytes]:
        """Records and notes."""
        patterns = (self.keys.instance(VmId("*")), self.keys.notes(VmId("*")))
        found = [key for pattern in patterns for key in cast("list[bytes]", self.client.keys(pattern))]
        texts = cast("list[bytes | None]", self.client.mget(found)) if found else []
        return {key: text for key, text in zip(found, texts, strict=True) if text is not None}

    def members(self, status: Status) -> set[bytes]:
        """SMEMBERS."""
        return cast("set[bytes]", self.client.smembers(self.keys.index(status)))

    def lasts(self, key: bytes) -> bool:
        """TTL."""
        return self.client.ttl(key) == -1


class Looker:
    """Looks in real time. Raises redis.RedisError when Redis does not answer; Azure always does."""

    def __init__(self, scale_sets: Sequence[EmulatedScaleSet], client: Redis, keys: Keys) -> None:
        self._scale_sets = scale_sets
        self._client = client
        self._store = RealStore(client, keys)
        self._number = 0
        self.forgettings = 0  # how often Redis had lost something
        self._leave_number()

    def look(self) -> Look:
        """A look at both sides."""
        found = looked(self._store, self._scale_sets, self._scale_sets[0].now)
        forgot = int(cast("bytes | None", self._client.get(_NUMBER)) or 0) != self._number
        self.forgettings += forgot
        self._leave_number()
        return replace(found, forgot=forgot)

    def glance(self, vm_id: str) -> Published | None:
        """Read the record of a machine, without notes and index; None without a record."""
        text = cast("bytes | None", self._client.get(self._store.keys.instance(VmId(vm_id))))
        return _published(text, None, False)

    def _leave_number(self) -> None:
        self._client.set(_NUMBER, self._number + 1)
        self._number += 1


def looked(
    store: Store,
    scale_sets: Sequence[EmulatedScaleSet],
    at: datetime,
    truly: Callable[[datetime], datetime] = lambda shown: shown,
) -> Look:
    """Both sides of every machine. `truly`: a time by Redis' clock -> the true time."""
    strings, offered, keys = store.strings(), store.members(Status.AVAILABLE), store.keys

    def of(vm_id: VmId) -> Published | None:
        key = keys.instance(vm_id).encode()
        found = _published(strings.get(key), strings.get(keys.notes(vm_id).encode()), key in offered)
        if found is None or found.presumed_since is None:
            return found
        return replace(found, presumed_since=truly(found.presumed_since))

    machines = tuple(
        Seen(state=vm, published=of(VmId(vm.vm_id)), scale_set=each.name) for each in scale_sets for vm in each.vms
    )
    heads = (keys.instance(VmId("")).encode(), keys.notes(VmId("")).encode())
    named = frozenset[str]().union(*(_sessions(text) for key, text in strings.items() if key.startswith(heads)))
    return Look(at=at, machines=machines, named=named)


@lru_cache(maxsize=10_000)
def _published(record: bytes | None, notes: bytes | None, offered: bool) -> Published | None:
    """Unreadable texts are empty values."""
    return published(
        None if record is None else parsed(record) or {}, None if notes is None else parsed(notes) or {}, offered
    )


@lru_cache(maxsize=10_000)
def _sessions(text: bytes) -> frozenset[str]:
    return frozenset(sessions_in(parsed(text) or {}))


def published(record: _Values | None, notes: _Values | None, offered: bool) -> Published | None:
    """The state of a machine that its record and its notes publish; None without both."""
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
        heated=bool((notes or {}).get("heated")),
        hot=offered and bool(found.get("hotSince")),
        ended_by_health=((notes or {}).get("spent") or {}).get("reason") == Why.UNHEALTHY,
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
    """The session of a record; a handed-out record without a session id stands for a session named by the vm id."""
    handed_out = record.get("status") in {Status.RESERVED, Status.UNAVAILABLE}
    session = record.get("sessionId") or (record.get("vmId") if handed_out else None)
    return session if isinstance(session, str) else None


def _presumed_since(notes: _Values) -> datetime | None:
    """Since when an unknown session may be on the machine: presumed, or spent before the known session ended."""
    if notes.get("presumed_at"):
        return _moment(notes["presumed_at"])
    spent = notes.get("spent") or {}
    own = notes.get("opened") or notes.get("start") or {}
    return None if own.get("session") in (notes.get("ended") or {}) else _moment(spent.get("at"))


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None


def _status(text: object) -> Status | None:
    return next((each for each in Status if each == text), None)


def unsettled(
    store: Store, scale_sets: Sequence[EmulatedScaleSet], policy: Policy, *, forgetful: bool = False
) -> list[str]:
    """Each thing in words; nothing: all machines are fresh, at rest or hot, and offered, as many as desired, or as fit.

    `forgetful`: keys of machines that are gone may be left over. A queue manager dies with a key in its hands, the
    machine vanishes before the next listing, and the process of ours that remembers the last listing dies too. Then
    the record lies in Redis, and nothing costs money.
    """
    strings = store.strings()
    alive = {vm.vm_id: vm for each in scale_sets for vm in each.vms}
    indexed = _indexed(store)
    states = {vm_id: _unused(strings, store, vm_id) for vm_id in indexed}
    offered = {vm_id for vm_id, status in states.items() if status is Status.AVAILABLE}
    amiss = [f"registered as {status}: {vm_id}" for vm_id, status in states.items() if vm_id not in offered]
    amiss += [f"in the index of {sorted(sets)}: {vm_id}" for vm_id, sets in indexed.items() if sets != {states[vm_id]}]
    amiss += [f"not offered: {vm_id}" for vm_id in alive if vm_id not in offered]
    running = {vm_id for vm_id, vm in alive.items() if vm.power is PowerState.RUNNING}
    hot = {vm_id for vm_id in running if (_notes(strings, store, vm_id) or {}).get("heated")}
    amiss += [f"offered, but running: {vm_id}" for vm_id in alive if vm_id in running - hot]
    if not forgetful:
        amiss += [f"left over: {key}" for key in _left_over(strings, store, alive.keys())]
    shared = [policy.capacity[name].desired for name in policy.weights]
    if shared and (there := len(alive)) != shared[0]:
        amiss.append(f"{counted(there, 'machine')} in all scale sets instead of {shared[0]}")
    for each in scale_sets:
        wanted = len(each.vms) if shared else policy.capacity[ScaleSetName(each.name.lower())].desired
        amiss += _numbers(each, wanted)
        amiss += _hot_ones(each, hot, policy)
    return amiss


def _indexed(store: Store) -> dict[str, set[Status]]:
    """The sets of the index in which each machine stands."""
    found: dict[str, set[Status]] = {}
    for status in Status:
        for key in sorted(store.members(status)):
            vm_id = store.keys.vm_id_of(key)
            if vm_id is not None:
                found.setdefault(vm_id, set()).add(status)
    return found


def _unused(strings: Mapping[bytes, bytes], store: Store, vm_id: str) -> Status | None:
    """The status of a record that does not say `used`."""
    record = parsed(strings.get(store.keys.instance(VmId(vm_id)).encode())) or {}
    return None if record.get("used") else _status(record.get("status"))


def _hot_ones(azure: EmulatedScaleSet, hot: Set[str], policy: Policy) -> Iterator[str]:
    """As many run and wait as the operator wants, and as their number allows."""
    wanted = policy.capacity[ScaleSetName(azure.name.lower())].hot_target
    there, most = len([vm for vm in azure.vms if vm.vm_id in hot]), len(azure.vms)
    if there != min(wanted, max(0, most - 1)):
        yield f"{there} hot machines in {azure.name} instead of {wanted}"


def _notes(strings: Mapping[bytes, bytes], store: Store, vm_id: str) -> _Values | None:
    return parsed(strings.get(store.keys.notes(VmId(vm_id)).encode()))


def _numbers(azure: EmulatedScaleSet, desired: int) -> Iterator[str]:
    """As many are wanted as the quota has room for."""
    cores, there = azure.region.cores, len(azure.vms)
    wanted = desired if cores is None else min(desired, cores // azure.profile.cores)
    if there != wanted:
        yield f"{counted(there, 'machine')} in {azure.name} instead of {wanted}"
    if azure.capacity != there:
        yield f"the capacity of {azure.name} is {azure.capacity}, and it has {counted(there, 'machine')}"


def _left_over(strings: Mapping[bytes, bytes], store: Store, alive: Set[str]) -> Iterator[str]:
    """Records and notes without a time to live, of machines that are gone.

    Records that the cleaner has missed, or ordered deleted, live for days and expire.
    """
    heads = (store.keys.instance(VmId("")), store.keys.notes(VmId("")))
    for key in map(bytes.decode, strings):
        dead = key.startswith(heads) and key.rpartition(":")[2] not in alive
        if dead and store.lasts(key.encode()):
            yield key
