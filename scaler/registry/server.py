"""Facts about a Redis server, for people: version, eviction, persistence, replicas, memory, round trips."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from statistics import median
from time import monotonic
from typing import Any

from redis import exceptions

from scaler.model.instance import VmId
from scaler.registry.failures import address, holder_of, translated
from scaler.registry.redis import RedisRegistry
from scaler.registry.rights import KEY, SCALER, TRIALS, Rights

_TRIPS = 5
_MORE_TRIALS: Mapping[str, tuple[str | int, ...]] = {"eval": ("return 1", 0), "spop": (KEY,)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """One look at a server. A fact that the server does not tell is None."""

    user: str  # as whom the scaler signs in
    occupant: str | None  # the scale sets of the scaler that ticks on the prefix
    trip: float  # median seconds of a round trip
    told: bool  # INFO is answered
    version: str | None
    eviction: str | None  # maxmemory-policy
    full: float | None  # share of maxmemory in use
    replicas: int | None
    persistent: bool | None


def look(registry: RedisRegistry) -> ServerFacts:
    """Ask the server. Raises scaler.errors."""
    client: Any = registry.client
    holder = holder_of(client, SCALER, registry.keys.prefix)
    with translated(address(client), holder):
        trips = [_trip(client) for _ in range(_TRIPS)]
        occupant: bytes | None = client.get(registry.keys.scale_sets)
        info = _asked(client.info)
        saves = _asked(client.config_get, "save")
    return ServerFacts(
        user=holder.user,
        occupant=occupant.decode("utf-8", "replace") if occupant is not None else None,
        trip=median(trips),
        told=bool(info),
        version=info.get("redis_version"),
        eviction=info.get("maxmemory_policy"),
        full=_share(info.get("used_memory"), info.get("maxmemory")),
        replicas=info.get("connected_slaves"),
        persistent=_persistent(info, saves),
    )


def lacking(registry: RedisRegistry, user: str, rights: Rights) -> tuple[str, ...]:
    """The commands of `rights` that a user may not run on a record. Nothing is run. Raises scaler.errors."""
    client: Any = registry.client
    key = registry.keys.instance(VmId("0"))
    with translated(address(client)):
        answers = {name: client.acl_dryrun(user, *_words(name, key)) for name in rights.commands}
    return tuple(name for name, answer in answers.items() if answer not in {b"OK", "OK"})


def _words(command: str, key: str) -> list[str | int]:
    arguments = TRIALS.get(command, _MORE_TRIALS.get(command, ()))
    return [*command.split("|"), *(key if word == KEY else word for word in arguments)]


def _trip(client: Any) -> float:
    sent = monotonic()
    client.ping()
    return monotonic() - sent


def _asked(command: Callable[..., Mapping[Any, Any]], *words: str) -> Mapping[str, Any]:
    """The answer; empty where this user or this server does not have the command."""
    with suppress(exceptions.ResponseError):
        answer = command(*words)
        return {name.decode() if isinstance(name, bytes) else name: value for name, value in answer.items()}
    return {}


def _share(used: object, most: object) -> float | None:
    return used / most if isinstance(used, int) and isinstance(most, int) and most else None


def _persistent(info: Mapping[str, Any], saves: Mapping[str, Any]) -> bool | None:
    """Whether the server writes to a disk: the append-only file, or snapshots by a schedule."""
    if info.get("aof_enabled") == 1:
        return True
    return bool(saves["save"]) if "save" in saves else None
