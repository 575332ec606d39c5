"""A Change of a machine -> the bytes to compare with and the bytes to write."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from scaler.model.instance import SessionId, VmId
from scaler.model.lifecycle import KEEP, Change, Keep
from scaler.model.row import Before, Record, Row, Status, Unreadable
from scaler.registry.notes_json import MAX_NOTES, encode_notes
from scaler.registry.record_json import MAX_BYTES, OUR_SHARE, encode_record
from scaler.registry.rows import row_of

UNRECORDED_NOTES_TTL = 24 * 3600
"""Seconds that notes without a record live: the machine is being admitted, or is gone without a trace."""
LEAVING_TTL = 7 * 24 * 3600
"""Seconds that record and notes live of a machine that is being deleted, or that Azure does not show. Our own steps
end both within hours, and Redis ends forgotten ones."""
SESSION_TTL = 24 * 3600
"""Seconds that a session's pointer to its machine lives after it was last written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One compare-and-set in bytes. None deletes a value, or takes the key out of all sets."""

    row: Row
    record: bytes | Keep | None
    notes: bytes | Keep | None
    record_lives: int | Keep | None  # seconds; None for ever, KEEP: no longer or shorter than it would now
    notes_live: int | Keep | None
    index: Status | Keep | None
    takes: bool
    offered: bool | None  # whether its key must be in `available` until then; None: that does not matter
    session: SessionId | None  # whose pointer should name this machine from now on
    partner: "Write | None" = None  # another machine's: both or neither

    @property
    def vm_id(self) -> VmId:
        """The machine."""
        return self.row.vm_id

    @property
    def together(self) -> "tuple[Write, ...]":
        """The write and its partner."""
        return (self,) if self.partner is None else (self, self.partner)

    def accepted(self) -> Row:
        """The row after an accepted write."""
        before = self.row.before
        record = before.record if self.record is KEEP else self.record
        notes = before.notes if self.notes is KEEP else self.notes
        return row_of(self.vm_id, Before(record=record, notes=notes, server=before.server), self._index())

    def _index(self) -> frozenset[Status]:
        if self.index is None:
            return frozenset()
        if self.index is not KEEP:
            return frozenset({self.index})
        return self.row.index - {Status.AVAILABLE} if self.takes else self.row.index


def writes_of(changes: Sequence[Change]) -> tuple[Write | None, ...]:
    """The writes, in the order of the changes. A machine that occurs twice is a ValueError.

    None for a value that is never overwritten, and for a result that would be unreadable.
    """
    named = [half.row.vm_id for change in changes for half in change.together]
    if len(set(named)) != len(named):
        raise ValueError("one machine is twice in a batch")
    return tuple(_possible(change) for change in changes)


def server_of(writes: Sequence[Write]) -> str | None:
    """The server of the readings of all rows; empty if unknown, None for rows of several servers."""
    servers = {half.row.before.server for write in writes for half in write.together} - {""}
    return None if len(servers) > 1 else next(iter(servers), "")


def carried_over(change: Change, now: Mapping[VmId, Row]) -> Change | None:
    """The same change over the rows of `now`, if only fields of the queue manager have changed.

    None if the decision could change, too: the notes, or a field of the record that the scaler reads, differ.
    """
    after = _over(change, now[change.row.vm_id])
    if after is None or change.partner is None:
        return after
    partner = carried_over(change.partner, now)
    return replace(after, partner=partner) if partner is not None else None


def _over(change: Change, now: Row) -> Change | None:
    before, record = change.row, change.record
    same_notes = now.before.notes == before.before.notes and not now.untouchable
    if not same_notes or _decisive(now) != _decisive(before):
        return None
    if isinstance(record, Record) and before.readable is not None and now.readable is not None:
        kept = record.extra == before.readable.extra  # else it is restored from the notes, foreign fields included
        record = replace(record, extra=now.readable.extra) if kept else record
    bytes_now = replace(now.before, server=before.before.server)  # another one has not what the decision rests on
    return replace(change, row=replace(now, index=before.index, before=bytes_now), record=record)


def _decisive(row: Row) -> Record | Unreadable | None:
    """The part of the record that decisions may rest on: `updatedAt`, written by both sides, only orders a queue."""
    return replace(row.readable, extra=(), updated_at=None) if row.readable is not None else row.record


def _possible(change: Change) -> Write | None:
    """The write with its partner, or None."""
    write = None if _forbidden(change) else _write(change)
    if write is None or not _fits(write):
        return None
    if change.partner is None:
        return write
    partner = _possible(change.partner)
    return replace(write, partner=partner) if partner is not None else None


def chunks[T](items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut a sequence into parts of at most `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _forbidden(change: Change) -> bool:
    row = change.row
    if not isinstance(row.record, Unreadable):
        return False
    return change.record is not KEEP or row.untouchable


def _write(change: Change) -> Write:
    record = change.record
    if isinstance(record, Record) and record.vm_id != change.row.vm_id:
        raise ValueError("a record is written under its own key only")
    record_lives, notes_live = _lifetimes(change)
    return Write(
        row=change.row,
        record=encode_record(record) if isinstance(record, Record) else record,
        notes=change.notes if change.notes is None or change.notes is KEEP else encode_notes(change.notes),
        record_lives=record_lives,
        notes_live=notes_live,
        index=change.index,
        takes=change.takes,
        offered=_offered(change),
        session=_session_of(record),
    )


def _lifetimes(change: Change) -> tuple[int | Keep | None, int | Keep | None]:
    """The lifetimes of record and notes; a new value lives for ever unless a lifetime is set."""
    row, record = change.row, change.record
    notes = row.notes if change.notes is KEEP else change.notes
    leaves = LEAVING_TTL if notes is not None and notes.leaving else None
    has_record = row.record is not None if record is KEEP else record is not None
    notes_live = leaves if has_record else UNRECORDED_NOTES_TTL
    return (
        KEEP if isinstance(row.record, Unreadable) or (leaves is None and record is not KEEP) else leaves,
        KEEP if notes_live is None and change.notes is not KEEP else notes_live,
    )


def _offered(change: Change) -> bool | None:
    """Whether the key must be in `available`: for a step that takes the key; for bookkeeping, if the index said so.

    The rows are read after the index: in between a key may have come back into `available`. And SPOP takes a key
    without a trace in the record.
    """
    if change.takes:
        return True
    moves = change.edge is None and change.index is not KEEP
    return Status.AVAILABLE in change.row.index if moves else None


def _fits(write: Write) -> bool:
    record, notes = write.record, write.notes
    return not (isinstance(record, bytes) and len(record) > MAX_BYTES + OUR_SHARE) and not (
        isinstance(notes, bytes) and len(notes) > MAX_NOTES
    )


def _session_of(record: Record | Keep | None) -> SessionId | None:
    if not isinstance(record, Record) or record.used or record.status is Status.AVAILABLE:
        return None
    return record.session
