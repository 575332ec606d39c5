"""Queue managers without scripts, by SPOP, GET, SET and SADD, that keep the rules of docs/redis-contract.md."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from scaler.errors import Unreachable
from scaler.model.instance import VmId
from scaler.model.row import Status
from scaler.registry.reservations import Stage
from simulator.happenings import Did
from simulator.workload.atomic import Atomic
from simulator.workload.fields import (
    NO_SESSION,
    SEED,
    Fields,
    addresses,
    is_free,
    is_of,
    known,
    moved_to,
    parsed,
    reserved,
    stage_of,
    written,
)
from simulator.workload.habits import Steps, persistent
from simulator.workload.queue_manager import Heard, QueueManager, Session

_MOST_MOVES = 20
_NAMES_IT_LATER = 0.3
"""The share of queue managers that write the session id later, while the visitor waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A key taken from the available set."""

    vm_id: VmId
    at: datetime


class Naive(QueueManager):
    """Its visitor is promised the machine once the record is written."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._keys = session.access.keys
        self._redis = session.access.keyspace
        self._name = session.id  # as its records have it

    def reserve(self) -> Steps[VmId | None]:
        """All four steps."""
        taken = self._take()
        return (yield from self._make_theirs(taken)) if taken is not None else None

    def look(self, vm_id: VmId) -> Heard:
        """GET."""
        fields = self._read(vm_id) or {}
        stage = stage_of(fields, self._name)
        ended = stage is Stage.ENDED
        return Heard(
            stage=stage,
            vm_id=vm_id,
            why="its record says used" if ended else "",
            addresses=addresses(fields),
            moved_to=moved_to(fields) if ended else None,
        )

    def release(self, vm_id: VmId) -> Steps[bool]:
        """GET, and SET used."""
        text = yield from persistent(lambda: self._text(vm_id), self._session.rest())
        fields = parsed(text)
        if fields is None or not is_of(fields, self._name):
            return False
        yield self._session.step()
        self._write(vm_id, {**fields, "used": True}, text)
        return True

    def cancel(self, vm_id: VmId | None) -> Steps[bool]:
        """Release: the queue manager does not know the difference."""
        return (yield from self.release(vm_id)) if vm_id is not None else True

    # -- the four steps

    def _take(self) -> Taken | None:
        """SPOP."""
        choice = self._session.dice.randrange(1 << 16)
        member = self._redis.spop(self._keys.index(Status.AVAILABLE), at=choice)
        vm_id = self._keys.vm_id_of(member) if member is not None else None
        if vm_id is None:
            return None
        self._session.tell(Did.TOOK, vm_id)
        return Taken(vm_id=vm_id, at=self._session.access.now())

    def _make_theirs(self, taken: Taken) -> Steps[VmId | None]:
        """GET, SET, SADD."""
        before_get, before_set = self._dawdling()
        yield before_get
        text = yield from persistent(lambda: self._text(taken.vm_id), self._session.rest())
        yield before_set
        if not (yield from self._reserve(taken, text)):
            return None
        self._promise(taken.vm_id)
        yield self._session.step()
        member = self._keys.instance(taken.vm_id)
        yield from persistent(lambda: self._redis.sadd(self._keys.index(Status.RESERVED), member), self._session.rest())
        return taken.vm_id

    def _reserve(self, taken: Taken, text: bytes | None) -> Steps[bool]:
        """SET of what was read; after a SET without an answer the record is read, and perhaps written, again."""
        tried = False
        while (fields := parsed(text)) is not None and is_free(fields) and self._may_still_write(taken):
            try:
                self._write(taken.vm_id, reserved(fields, self._name, self._session.access.now()), text)
            except Unreachable:
                tried = True
                self._session.tell(Did.HELD, taken.vm_id, "its SET was not answered")
                yield self._session.rest()
                text = yield from persistent(lambda: self._text(taken.vm_id), self._session.rest())
            else:
                return True
        return tried and stage_of(fields, self._name) in {Stage.RESERVED, Stage.OPEN}

    def _promise(self, vm_id: VmId) -> None:
        self._session.tell(Did.PROMISED, vm_id)

    # -- how it works

    def _dawdling(self) -> tuple[timedelta, timedelta]:
        """Before GET, and between GET and SET."""
        return self._session.step(), self._session.step()

    def _may_still_write(self, taken: Taken) -> bool:
        """Rule 1."""
        return self._session.access.now() - taken.at < self._session.habits.repair_after

    def _kept(self, fields: Fields) -> Fields:
        """Rule 5: the fields to write back."""
        return fields

    def _write(self, vm_id: VmId, fields: Fields, read: bytes | None) -> None:
        """SET, without a comparison."""
        self._overwrite(vm_id, written(self._kept(fields)), read)

    def _overwrite(self, vm_id: VmId, text: bytes, read: bytes | None) -> None:
        """Write, and tell the account which sessions the write hits."""
        there = self._text(vm_id)
        session = self._session
        named = (parsed(there) or {}).get("sessionId")
        holders = (*session.ledger.holders(vm_id), *([named] if isinstance(named, str) and named else []))
        others = [whom for whom in dict.fromkeys(holders) if whom != session.id]
        for whom in others:
            session.tell(Did.OVERWROTE, vm_id, "somebody else's by now", whom=whom)
        if not others and there != read:
            session.tell(Did.OVERWROTE, vm_id, "it has changed meanwhile")
        self._redis.set(self._keys.instance(vm_id), text)

    def _read(self, vm_id: VmId) -> Fields | None:
        return parsed(self._text(vm_id))

    def _text(self, vm_id: VmId) -> bytes | None:
        return self._redis.get(self._keys.instance(vm_id))


class Following(Naive):
    """A naive queue manager that follows a moved session."""

    def look(self, vm_id: VmId) -> Heard:
        """GET, and GET again at the machine that the record points to."""
        found = super().look(vm_id)
        for _ in range(_MOST_MOVES):
            if found.moved_to is None:
                break
            found = super().look(found.moved_to)
        return found


class Nameless(Naive):
    """Keeps the rules; compares the session by a record without a session."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._name = NO_SESSION
        self._four_fields = session.dice.random() < 0.5
        self._names_it_later = not self._four_fields and session.dice.random() < _NAMES_IT_LATER

    def meanwhile(self, vm_id: VmId) -> None:
        """Write the session id late, while the visitor waits and the record names no session."""
        text = self._text(vm_id)
        fields = known(self._read(vm_id) or {})
        waits = fields.get("status") == Status.RESERVED and not fields.get("used") and not fields.get("sessionId")
        if not (self._names_it_later and waits and self._session.dice.random() < 0.5):
            return
        self._name, self._names_it_later = self._session.id, False
        self._write(vm_id, {**fields, "sessionId": self._name}, text)

    def _kept(self, fields: Fields) -> Fields:
        """As a struct is marshalled: no unknown fields."""
        return {name: fields.get(name) for name in SEED} if self._four_fields else known(fields)


def _note(session: Session, vm_id: VmId) -> None:
    """GET, change a field of its own and `updatedAt`, SET, in one step."""
    key, now = session.access.keys.instance(vm_id), session.access.now().isoformat()
    fields = parsed(session.access.keyspace.get(key))
    if fields is not None and is_of(fields, session.id):
        session.access.keyspace.set(key, written({**fields, "lastSeen": now, "updatedAt": now}))


class Noting(Naive):
    """Otherwise keeps the rules."""

    def meanwhile(self, vm_id: VmId) -> None:
        """A heartbeat."""
        _note(self._session, vm_id)


class NotingAtomic(Atomic):
    """An atomic queue manager with a heartbeat."""

    def meanwhile(self, vm_id: VmId) -> None:
        """A heartbeat."""
        _note(self._session, vm_id)


class Late(Naive):
    """Writes at the last moment allowed, from a read at once or at any time before."""

    _SHARE = (0.6, 0.98)  # of the time that it has, from SPOP to SET

    def _dawdling(self) -> tuple[timedelta, timedelta]:
        dice = self._session.dice
        whole = self._session.habits.repair_after * dice.uniform(*self._SHARE)
        before_get = whole * dice.choice((0.0, dice.random()))
        return before_get, whole - before_get
