"""A queue manager as found in the wild: separate steps, no compare-and-set, and no fields but those it knows."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import cycle

from redis import Redis

from scaler.model.instance import SessionId, VmId
from scaler.model.record import Status
from scaler.registry.keys import Keys
from scaler.registry.sessions import Sight
from simulator.queue_managers.paper import (
    NO_SESSION,
    SEED,
    Paper,
    is_free,
    is_of,
    known,
    parsed,
    reserved,
    stage_of,
    written,
)


class Naive:
    """Implements QueueManager; between two steps it dawdles for the next of `pauses`."""

    def __init__(self, client: Redis, keys: Keys, pauses: tuple[float, ...], dawdle: Callable[[float], None]) -> None:
        self._client = client
        self._keys = keys
        self._pauses: Iterator[float] = cycle(pauses)
        self._dawdle = dawdle

    def reserve(self, session: SessionId) -> VmId | None:
        """SPOP, GET, SET, SADD."""
        taken = self._client.spop(self._keys.index(Status.AVAILABLE))
        if not isinstance(taken, bytes):
            return None
        self._rest()
        paper = self._get(taken.decode())
        if paper is None or not is_free(paper):
            return None
        self._rest()
        self._set(taken.decode(), reserved(paper, session, datetime.now(UTC)))
        self._rest()
        self._client.sadd(self._keys.index(Status.RESERVED), taken)
        return VmId(taken.decode().rpartition(":")[2])

    def look(self, session: SessionId, vm_id: VmId) -> Sight:
        """GET, and a comparison of the session."""
        return Sight(stage=stage_of(self._get(self._keys.instance(vm_id)), session))

    def release(self, session: SessionId, vm_id: VmId) -> None:
        """GET, SET used."""
        key = self._keys.instance(vm_id)
        paper = self._get(key)
        if paper is None or not is_of(paper, session):
            return
        self._rest()
        self._set(key, {**paper, "used": True})

    def cancel(self, session: SessionId, vm_id: VmId) -> None:
        """The same: it does not know the difference."""
        self.release(session, vm_id)

    def _kept(self, paper: Paper) -> Paper:
        """The fields that it writes back."""
        return known({**paper, "updatedAt": datetime.now(UTC).isoformat()})

    def _rest(self) -> None:
        self._dawdle(next(self._pauses))

    def _get(self, key: str) -> Paper | None:
        return parsed(self._client.get(key))

    def _set(self, key: str, paper: Paper) -> None:
        self._client.set(key, written(self._kept(paper)))


class Nameless(Naive):
    """One that knows the seed's four fields, and so writes no session id: what it compares is that there is none."""

    def reserve(self, session: SessionId) -> VmId | None:
        """The same four steps."""
        return super().reserve(NO_SESSION)

    def look(self, session: SessionId, vm_id: VmId) -> Sight:
        """GET."""
        return super().look(NO_SESSION, vm_id)

    def release(self, session: SessionId, vm_id: VmId) -> None:
        """GET, SET used."""
        super().release(NO_SESSION, vm_id)

    def _kept(self, paper: Paper) -> Paper:
        return {name: paper[name] for name in SEED if name in paper}
