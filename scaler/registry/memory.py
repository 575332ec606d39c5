"""The registry without Redis: the same promise, the same bytes, on a clock that somebody else turns."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from scaler.model.ceiling import Ceiling
from scaler.model.instance import ScaleSetName, VmId
from scaler.model.lifecycle import KEEP, Change, Keep
from scaler.model.record import Status
from scaler.model.row import Before, Row, Snapshot
from scaler.model.sighting import Pause
from scaler.ports import Confirmation
from scaler.registry.batch import SESSION_TTL, Write, carried_over, server_of, writes_of
from scaler.registry.ceilings_json import decode_ceilings, encode_ceilings, whole_seconds
from scaler.registry.keys import Keys
from scaler.registry.keyspace import Keyspace
from scaler.registry.rows import complaints_about, pause_of, row_of, sort_members


class MemoryRegistry:
    """Implements scaler.ports.Registry. `keyspace` is the Redis it has not: for naive clients and accidents."""

    def __init__(self, now: Callable[[], datetime], keys: Keys | None = None) -> None:
        self.now = now
        self.keys = keys or Keys()
        self.keyspace = Keyspace(now)
        self.server = "memory"  # whoever fails over to another one renames it

    def read(self) -> Snapshot:
        """Every machine the index names."""
        members = {status: frozenset(self.keyspace.smembers(self.keys.index(status))) for status in Status}
        index, complaints = sort_members(members, self.keys)
        rows = {vm_id: self._row(vm_id, places) for vm_id, places in index.items()}
        unreadable = tuple(each for row in rows.values() for each in complaints_about(row, self.keys))
        pause = pause_of(self.keyspace.get(self.keys.pause))
        return Snapshot(now=self.now(), rows=rows, pause=pause, complaints=complaints + unreadable)

    def read_also(self, vm_ids: Iterable[VmId]) -> Mapping[VmId, Row]:
        """Record and notes of machines that the index does not name."""
        return {vm_id: self._row(vm_id, frozenset()) for vm_id in vm_ids}

    def apply(self, changes: Sequence[Change], *, good_until: datetime | None = None) -> tuple[Row | None, ...]:
        """Write each change if all that it was decided on is still what it was."""
        writes = writes_of([carried_over(each, self._rows(each)) or each for each in changes])
        is_late = good_until is not None and self.now() > good_until
        if is_late or server_of([write for write in writes if write is not None]) not in {"", self.server}:
            return tuple(None for _ in writes)
        return tuple(write.accepted() if write is not None and self._accepted(write) else None for write in writes)

    def confirm(self) -> Confirmation:
        """There is nobody else to have it."""
        return Confirmation.ALONE

    def reserved(self) -> frozenset[VmId]:
        """The members of the reserved index."""
        members = self.keyspace.smembers(self.keys.index(Status.RESERVED))
        named = (self.keys.vm_id_of(each) for each in members)
        return frozenset(each for each in named if each is not None)

    def pause(self, how: Pause) -> None:
        """Halt the controllers that read this registry, or let them go on."""
        if how is Pause.NONE:
            self.keyspace.delete(self.keys.pause)
        else:
            self.keyspace.set(self.keys.pause, how.value)

    def keep_ceilings(self, ceilings: Mapping[ScaleSetName, Ceiling], *, lasts: timedelta) -> None:
        """Write down what Azure lately refused to make."""
        self.keyspace.set(self.keys.ceilings, encode_ceilings(ceilings), ex=whole_seconds(lasts))

    def ceilings(self) -> Mapping[ScaleSetName, Ceiling]:
        """What is written down of that."""
        return decode_ceilings(self.keyspace.get(self.keys.ceilings))

    def _row(self, vm_id: VmId, index: frozenset[Status]) -> Row:
        return row_of(vm_id, self._stored(vm_id), index)

    def _rows(self, change: Change) -> dict[VmId, Row]:
        return {half.row.vm_id: self._row(half.row.vm_id, half.row.index) for half in change.together}

    def _stored(self, vm_id: VmId) -> Before:
        return Before(
            record=self.keyspace.get(self.keys.instance(vm_id)),
            notes=self.keyspace.get(self.keys.notes(vm_id)),
            server=self.server,
        )

    def _accepted(self, write: Write) -> bool:
        if not all(map(self._holds, write.together)):
            return False
        for half in write.together:
            self._carry_out(half)
        return True

    def _holds(self, write: Write) -> bool:
        if self._stored(write.vm_id) != write.row.before:
            return False
        available = self.keys.index(Status.AVAILABLE)
        return write.offered in {None, self.keyspace.sismember(available, self.keys.instance(write.vm_id))}

    def _carry_out(self, write: Write) -> None:
        key = self.keys.instance(write.vm_id)
        self._put(key, write.record, write.record_lives)
        self._put(self.keys.notes(write.vm_id), write.notes, write.notes_live)
        if write.session is not None:
            self.keyspace.set(self.keys.session(write.session), write.vm_id, ex=SESSION_TTL)
        if write.takes:
            self.keyspace.srem(self.keys.index(Status.AVAILABLE), key)
        if write.index is not KEEP:
            self._place(key, write.index)

    def _put(self, key: str, value: bytes | Keep | None, lives: int | Keep | None) -> None:
        if value is None:
            self.keyspace.delete(key)
        elif value is not KEEP:
            self.keyspace.set(key, value)
        if lives is None:
            self.keyspace.persist(key)
        elif lives is not KEEP and self.keyspace.get(key) is not None:
            self.keyspace.expire(key, lives)

    def _place(self, key: str, index: Status | None) -> None:
        for status in Status:
            if status is not index:
                self.keyspace.srem(self.keys.index(status), key)
        if index is not None:
            self.keyspace.sadd(self.keys.index(index), key)
