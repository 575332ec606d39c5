"""The queue manager's client without Redis: the same promise, each step taken from the lifecycle table."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from scaler.model.edges import Actor, Edge
from scaler.model.instance import SessionId, VmId
from scaler.model.lifecycle import step
from scaler.model.notes import Notes, ReservedNote, SpentNote
from scaler.model.record import Record, Status
from scaler.model.row import Before, Row
from scaler.registry.memory import MemoryRegistry
from scaler.registry.notes_json import decode_notes
from scaler.registry.record_json import decode_record
from scaler.registry.sessions import (
    Leaving,
    Reservation,
    Sight,
    Stage,
    check_session,
    is_theirs,
    may_be_offered,
    stage_of,
)

_NEVER = datetime.max.replace(tzinfo=UTC)
_UNMOVED: Mapping[str, None] = {"moved_to": None, "moved_from": None, "move_reason": None}
_MOST_MOVES = 20


class MemoryReservations:
    """As Reservations, on a MemoryRegistry."""

    def __init__(self, registry: MemoryRegistry) -> None:
        self._registry = registry

    def reserve(self, session: SessionId, client_ip: str | None = None) -> Reservation | None:
        """A machine for this session, the same one however often it asks; None when none is free."""
        check_session(session)
        own = self._row_of(session, None)
        if own is not None and is_theirs(own, session) and own.readable is not None:
            self._put_back(own, session)
            return Reservation.of(own.readable)
        free = [row for row in self._offered() if may_be_offered(row, session)]
        for row in sorted(free, key=_preference):
            record = _record(row, session_id=session, client_ip=client_ip or None, **_UNMOVED)
            waits = ReservedNote(session=session, at=self._registry.now(), movable=True)
            after = self._take(Edge.RESERVE, row, record, replace(_notes(row), reserved=waits))
            if after is not None:
                return Reservation.of(_record(after))
        return None

    def release(self, session: SessionId, vm_id: VmId | None = None) -> Leaving:
        """The session that was let in has ended."""
        check_session(session)
        row = self._to_be_ended(session, vm_id)
        if isinstance(row, Leaving):
            return row
        return Leaving.RESERVED if row.status is Status.RESERVED else self._release(row, session)

    def cancel(self, session: SessionId, vm_id: VmId | None = None) -> Leaving:
        """The visitor gave up, wherever the session is."""
        check_session(session)
        row = self._to_be_ended(session, vm_id)
        if isinstance(row, Leaving):
            return row
        if row.status is not Status.RESERVED:
            return self._release(row, session)
        notes = _notes(row)
        if not notes.fresh or _record(row).used:
            return self._spend(Edge.ABANDON, row, session)
        record = _record(row, session_id=None, client_ip=None, **_UNMOVED)
        if self._take(Edge.CANCEL, row, record, replace(notes, reserved=None, unindexed_at=None)) is None:
            return Leaving.UNKNOWN
        self._registry.keyspace.delete(self._registry.keys.session(session))
        return Leaving.CANCELLED

    def look(self, session: SessionId, vm_id: VmId | None = None) -> Sight:
        """Where the session is."""
        check_session(session)
        row = self._row_of(session, vm_id)
        if row is None:
            return Sight(stage=Stage.UNKNOWN)
        self._put_back(row, session)
        return stage_of(row, session)

    def _put_back(self, row: Row, session: SessionId) -> None:
        """Should the machine be gone, nothing else leads to a key that is in no set."""
        record, keyspace, keys = row.readable, self._registry.keyspace, self._registry.keys
        if record is None or record.session_id != session or record.status is Status.AVAILABLE:
            return
        key = keys.instance(row.vm_id)
        if not keyspace.sismember(keys.index(record.status), key):
            for status in Status:
                keyspace.srem(keys.index(status), key)
            keyspace.sadd(keys.index(record.status), key)

    def _row_of(self, session: SessionId, named: VmId | None) -> Row | None:
        """The machine that the caller names, else the one it was given last; the last of them, if it was moved."""
        row = self._at(named or self._pointer(session))
        for _ in range(_MOST_MOVES):
            following = self._moved_to(row, session) if row is not None else None
            if following is None:
                break
            row = following
        return row

    def _pointer(self, session: SessionId) -> str:
        return (self._registry.keyspace.get(self._registry.keys.session(session)) or b"").decode("ascii", "replace")

    def _moved_to(self, row: Row, session: SessionId) -> Row | None:
        if row.notes is None or row.notes.ended.get(session) is not Edge.MOVE:
            return None
        told = row.readable.moved_to if row.readable is not None else None
        to = told or self._pointer(session)
        following = self._at(to) if to != row.vm_id else None
        return following if following is not None and following.before != Before() else None

    def _at(self, name: str) -> Row | None:
        keys = self._registry.keys
        vm_id = keys.vm_id_of(keys.instance(VmId(name.lower())).encode())
        return self._row(vm_id) if vm_id is not None else None

    def _row(self, vm_id: VmId) -> Row:
        """The row as the scripts see it: a record is a record, whoever wrote its notes."""
        keyspace, keys = self._registry.keyspace, self._registry.keys
        before = Before(record=keyspace.get(keys.instance(vm_id)), notes=keyspace.get(keys.notes(vm_id)))
        record = decode_record(vm_id, before.record) if before.record is not None else None
        return Row(vm_id=vm_id, record=record, notes=decode_notes(before.notes), before=before)

    def _offered(self) -> list[Row]:
        keys = self._registry.keys
        members = self._registry.keyspace.smembers(keys.index(Status.AVAILABLE))
        return [self._row(vm_id) for vm_id in map(keys.vm_id_of, sorted(members)) if vm_id is not None]

    def _to_be_ended(self, session: SessionId, named: VmId | None) -> Row | Leaving:
        row = self._row_of(session, named)
        if row is None or row.notes is None or row.readable is None:
            return Leaving.UNKNOWN
        if session in row.notes.ended:
            return Leaving.ENDED
        opened_for_other = row.notes.opened is not None and row.notes.opened.session != session
        return Leaving.UNKNOWN if row.readable.session != session or opened_for_other else row

    def _release(self, row: Row, session: SessionId) -> Leaving:
        notes = _notes(row)
        if row.status is not Status.UNAVAILABLE:
            return Leaving.UNKNOWN
        if notes.spent is not None:
            return Leaving.ENDED
        if notes.opened is None and notes.presumed_at is None:
            return Leaving.UNKNOWN
        return self._spend(Edge.RELEASE, row, session)

    def _spend(self, edge: Edge, row: Row, session: SessionId) -> Leaving:
        notes = _notes(row)
        spent = notes.spent or SpentNote(why=edge, at=self._registry.now())
        after = self._take(edge, row, _record(row), replace(notes, ended={**notes.ended, session: edge}, spent=spent))
        if after is None:
            return Leaving.UNKNOWN
        return Leaving.RELEASED if edge is Edge.RELEASE else Leaving.ABANDONED

    def _take(self, edge: Edge, row: Row, record: Record, notes: Notes | None) -> Row | None:
        """None where nobody could read afterwards what would be written; nobody else is in between."""
        change = step(edge, Actor.VISITOR, row, record, notes, self._registry.now())
        (after,) = self._registry.apply([change])
        return after


def _preference(row: Row) -> tuple[bool, datetime, VmId]:
    record = _record(row)
    return not record.warm, record.created_at or _NEVER, row.vm_id


def _record(row: Row, **fields: str | None) -> Record:
    if row.readable is None:
        raise AssertionError("only readable records come this far")
    return replace(row.readable, **fields)  # type: ignore[arg-type]


def _notes(row: Row) -> Notes:
    if row.notes is None:
        raise AssertionError("only machines with notes come this far")
    return row.notes
