"""Variants of the naive queue manager that keep the rules: without session ids, with a heartbeat, or slow."""

from datetime import timedelta

from scaler.model.instance import VmId
from scaler.model.row import Status
from simulator.workload.atomic import Atomic
from simulator.workload.fields import NO_SESSION, SEED, Fields, is_of, known, parsed, written
from simulator.workload.naive import Naive
from simulator.workload.queue_manager import Session

_NAMES_IT_LATER = 0.3
"""The share of queue managers that write the session id later, while the visitor waits."""


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
