"""A queue manager without scripts, by SPOP, GET, SET and SADD, that keeps the rules of docs/redis-contract.md."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from scaler.errors import Unreachable
from scaler.model.instance import SessionId, VmId
from scaler.model.row import Status
from scaler.registry.reservations import Stage
from simulator.happenings import Did
from simulator.workload.fields import (
    Fields,
    addresses,
    is_free,
    is_of,
    moved_to,
    parsed,
    reserved,
    stage_of,
    written,
)
from simulator.workload.queue_manager import Heard, QueueManager, Session
from simulator.workload.steps import Steps, between, persistent

_MOST_MOVES = 20


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
        text = yield from persistent(lambda: self._text(vm_id), self._rest())
        fields = parsed(text)
        if fields is None or not is_of(fields, self._name):
            return False
        yield self._step()
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
        self._session.account.tell(Did.TOOK, vm_id)
        return Taken(vm_id=vm_id, at=self._session.access.now())

    def _make_theirs(self, taken: Taken) -> Steps[VmId | None]:
        """GET, SET, SADD."""
        before_get, before_set = self._dawdling()
        yield before_get
        text = yield from persistent(lambda: self._text(taken.vm_id), self._rest())
        yield before_set
        if not (yield from self._reserve(taken, text)):
            return None
        self._promise(taken.vm_id)
        yield self._step()
        member = self._keys.instance(taken.vm_id)
        yield from persistent(lambda: self._redis.sadd(self._keys.index(Status.RESERVED), member), self._rest())
        return taken.vm_id

    def _reserve(self, taken: Taken, text: bytes | None) -> Steps[bool]:
        """SET of what was read; after a SET without an answer the record is read, and perhaps written, again."""
        tried = False
        while (fields := parsed(text)) is not None and is_free(fields) and self._may_still_write(taken):
            try:
                self._write(taken.vm_id, reserved(fields, self._name, self._session.access.now()), text)
            except Unreachable:
                tried = True
                self._session.account.tell(Did.HELD, taken.vm_id, "its SET was not answered")
                yield self._rest()
                text = yield from persistent(lambda: self._text(taken.vm_id), self._rest())
            else:
                return True
        return tried and stage_of(fields, self._name) in {Stage.RESERVED, Stage.OPEN}

    def _promise(self, vm_id: VmId) -> None:
        self._session.account.tell(Did.PROMISED, vm_id)

    # -- how it works

    def _dawdling(self) -> tuple[timedelta, timedelta]:
        """Before GET, and between GET and SET."""
        return self._step(), self._step()

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
        others = dict.fromkeys(session.ledger.holders(vm_id))
        if isinstance(named, str) and named:
            others[SessionId(named)] = None
        others.pop(session.id, None)
        for whom in others:
            session.account.tell(Did.OVERWROTE, vm_id, "somebody else's by now", whom=whom)
        if not others and there != read:
            session.account.tell(Did.OVERWROTE, vm_id, "it has changed meanwhile")
        self._redis.set(self._keys.instance(vm_id), text)

    def _read(self, vm_id: VmId) -> Fields | None:
        return parsed(self._text(vm_id))

    def _text(self, vm_id: VmId) -> bytes | None:
        return self._redis.get(self._keys.instance(vm_id))

    def _step(self) -> timedelta:
        return between(self._session.dice, self._session.habits.step)

    def _rest(self) -> timedelta:
        return between(self._session.dice, self._session.habits.rest)


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
