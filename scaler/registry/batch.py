"""A Change of a machine -> the bytes to compare with and the bytes to write."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from scaler.model.instance import SessionId, VmId
from scaler.model.lifecycle import KEEP, Change, Keep
from scaler.model.row import Before, Notes, Record, Row, Status, Unreadable
from scaler.registry.notes_json import MAX_ENDED, MAX_NOTES, decode_notes, encode_notes
from scaler.registry.reading import form_of
from scaler.registry.record_json import MAX_BYTES, OUR_SHARE, encode_record, filled

UNRECORDED_NOTES_TTL = 24 * 3600
"""Seconds that notes without a record live: the machine is being admitted, or is gone without a trace."""
LEAVING_TTL = 7 * 24 * 3600
"""Seconds that record and notes of a machine live under deletion, or while Azure does not show it. Our own steps
end both within hours, and Redis ends forgotten ones."""
SESSION_TTL = 24 * 3600
"""Seconds that a session's pointer to its machine lives after the latest write."""


PLACES = {Status.AVAILABLE: "1", Status.RESERVED: "2", Status.UNAVAILABLE: "3"}
"""The sets of the index as scripts/apply.lua numbers them."""
_FROM = {(True, True): "1", (False, True): "+", (False, False): "-", (False, None): "0"}  # whether it takes, offered

type Lifetime = Literal["~", "0", "u", "l"]
"""UNRECORDED_NOTES_TTL, LEAVING_TTL, "0" for ever; "~": no longer or shorter than the value would live now."""


class Write(NamedTuple):
    """One compare-and-set of one machine in bytes. None deletes a value."""

    change: Change
    record: bytes | Keep | None
    notes: bytes | Keep | None

    @property
    def session(self) -> SessionId | None:
        """The session whose pointer should name this machine from now on."""
        record, stays = self.change.record, self.change.edge is None and self.change.index is KEEP
        if stays or not isinstance(record, Record) or record.used or record.status is Status.AVAILABLE:
            return None
        return record.session

    @property
    def arguments(self) -> tuple[bytes | str, ...]:
        """What scripts/apply.lua is told of the machine."""
        change, before = self.change, self.change.row.before
        values = (before.record, before.notes, self.record, self.notes)
        index = "-" if change.index is None else "~" if change.index is KEEP else PLACES[change.index]
        session = "0" if self.session is None else "1"
        joined = "0" if change.partner is None else "1"
        takes = "b" if change.beside else _FROM[change.takes, _offered(change)]
        how = "".join((*map(form_of, values), *_lifetimes(change), index, takes))
        return (*(value if isinstance(value, bytes) else b"" for value in values), f"{how}{session}{joined}")

    def accepted(self) -> Row:
        """The row after an accepted write."""
        change, row = self.change, self.change.row
        record, noted = row.before.record, row.before.notes
        before: dict[str, Any] = {
            "record": record if self.record is KEEP else self.record,
            "notes": noted if self.notes is KEEP else self.notes,
            "server": row.before.server,
        }
        notes = row.notes if change.notes is KEEP else change.notes
        if notes is not None and len(notes.ended) > MAX_ENDED:  # not all of them were written
            notes = decode_notes(before["notes"])
        after = {
            "vm_id": row.vm_id,
            "record": row.record if change.record is KEEP else change.record,
            "notes": notes,
            "index": _index_after(change),
            "before": filled(Before, before),
        }
        return filled(Row, after)


def writes_of(changes: Sequence[Change]) -> tuple[tuple[Write, ...], ...]:
    """The write of each change, with the partner's. A machine that occurs twice is a ValueError.

    Empty for a value that is never overwritten, and for a result that would be unreadable.
    """
    named = [half.row.vm_id for change in changes for half in change.together]
    if len(set(named)) != len(named):
        raise ValueError("one machine is twice in a batch")
    return tuple(_writes_together(change) for change in changes)


def server_of(writes: Iterable[Write]) -> str | None:
    """The server of the readings of all rows; empty if unknown, None for rows of several servers."""
    servers = {write.change.row.before.server for write in writes} - {""}
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
    """The part of the record that decisions may rest on.

    `updatedAt`, written by both sides, only orders a queue; `expectedReadyAt` is for visitors.
    """
    if row.readable is None:
        return row.record
    return replace(row.readable, extra=(), updated_at=None, expected_ready_at=None)


def _writes_together(change: Change) -> tuple[Write, ...]:
    if any(map(_forbidden, change.together)):
        return ()
    writes = tuple(map(_write, change.together))
    return writes if all(map(_fits, writes)) else ()


def _forbidden(change: Change) -> bool:
    return change.row.is_unreadable and (change.record is not KEEP or change.row.untouchable)


def _write(change: Change) -> Write:
    record, notes = change.record, change.notes
    if isinstance(record, Record) and record.vm_id != change.row.vm_id:
        raise ValueError("a record is written under its own key only")
    return Write(
        change=change,
        record=encode_record(record) if isinstance(record, Record) else record,
        notes=encode_notes(notes) if isinstance(notes, Notes) else notes,
    )


def _fits(write: Write) -> bool:
    _, record, notes = write
    too_long = isinstance(record, bytes) and len(record) > MAX_BYTES + OUR_SHARE
    return not too_long and not (isinstance(notes, bytes) and len(notes) > MAX_NOTES)


def _lifetimes(change: Change) -> tuple[Lifetime, Lifetime]:
    """The lifetimes of record and notes; a new value lives for ever unless a lifetime is set."""
    row, record = change.row, change.record
    notes = row.notes if change.notes is KEEP else change.notes
    leaves: Lifetime = "l" if notes is not None and notes.leaving else "0"
    has_record = row.record is not None if record is KEEP else record is not None
    notes_live = leaves if has_record else "u"
    return (
        "~" if row.is_unreadable or (leaves == "0" and record is not KEEP) else leaves,
        "~" if notes_live == "0" and change.notes is not KEEP else notes_live,
    )


def _offered(change: Change) -> bool | None:
    """Whether the key must be in `available` before; None where that does not matter.

    True for a step that takes the key; for bookkeeping, if the index said so. The rows are read after the index: in
    between a key may have come back into `available`. And SPOP takes a key without a trace in the record.
    """
    if change.takes:
        return True
    moves = change.edge is None and change.index is not KEEP
    return Status.AVAILABLE in change.row.index if moves else None


def _index_after(change: Change) -> frozenset[Status]:
    if change.index is None:
        return frozenset()
    if change.index is not KEEP:
        return frozenset({change.index})
    return change.row.index - {Status.AVAILABLE} if change.takes else change.row.index
