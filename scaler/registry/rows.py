"""Bytes read for a machine -> Row, and complaints for the operator."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from scaler.model.instance import VmId
from scaler.model.row import Before, Complaint, Record, Row, Status, Unreadable
from scaler.model.sighting import Pause, strictest
from scaler.registry.keys import Keys
from scaler.registry.notes_json import decode_notes, newer_version
from scaler.registry.record_json import decode_record

MAX_MEMBERS = 20_000
"""How many members of one set are looked at: a scale set has 1,000 machines at most, and a tick must end."""

_NAMED = 20  # of the members that are none of ours: a log of a million lines tells nobody anything


class Odd(bytes):
    """Stands in a row's `before` for a value that was not read whole: a write compares such a value by kind."""

    why: ClassVar[str]


class TooLong(Odd):
    """A value longer than any of the scaler's values: the first bytes."""

    why = "longer than any value of ours"


class NoString(Odd):
    """A list, a hash or a set in the key, which is not read."""

    why = "a value of another type than a string"


def value_of(answer: Any) -> bytes | None:
    """An answer of scripts/values.lua."""
    if isinstance(answer, list):
        return TooLong(answer[0])
    if isinstance(answer, int):
        return NoString()
    value: bytes | None = answer
    return value


def wire_form(value: bytes | None) -> bytes:
    """The expected value in the form that scripts/apply.lua reads."""
    if value is None:
        return b"-"
    if isinstance(value, TooLong):
        return b"<" + value
    return b"!" if isinstance(value, NoString) else b"=" + value


def row_of(vm_id: VmId, before: Before, index: frozenset[Status] = frozenset()) -> Row:
    """The row these bytes stand for."""
    notes = decode_notes(before.notes) if not isinstance(before.notes, Odd) else None
    newer = newer_version(before.notes) if notes is None else None
    if newer is not None:
        why = f"notes were written by a newer scaler (v={newer})"
        return Row(vm_id=vm_id, record=Unreadable(why=why), index=index, before=before, untouchable=True)
    if notes is not None and notes.opened is not None and notes.opened.record.vm_id != vm_id:
        notes = None  # another machine's: not what we wrote
    return Row(vm_id=vm_id, record=_record_of(vm_id, before.record), notes=notes, index=index, before=before)


def _record_of(vm_id: VmId, raw: bytes | None) -> Record | Unreadable | None:
    if raw is None:
        return None
    return Unreadable(why=raw.why) if isinstance(raw, Odd) else decode_record(vm_id, raw)


def complaints_about(row: Row, keys: Keys) -> Iterator[Complaint]:
    """What of this row cannot be read."""
    if isinstance(row.record, Unreadable):
        yield Complaint(key=keys.instance(row.vm_id), why=row.record.why)
    if row.notes is None and row.before.notes is not None and not row.untouchable:
        yield Complaint(key=keys.notes(row.vm_id), why="these notes cannot be read, and count as lost")


def sort_members(
    members: Mapping[Status, frozenset[bytes]], keys: Keys
) -> tuple[dict[VmId, frozenset[Status]], tuple[Complaint, ...]]:
    """The machines in the index, with the sets of each machine's key, and the members that are no record keys."""
    found: dict[VmId, frozenset[Status]] = {}
    complaints = []
    for status, names in members.items():
        if len(names) >= MAX_MEMBERS:
            complaints.append(Complaint(key=keys.index(status), why=f"only {MAX_MEMBERS} members are looked at"))
        strangers = []
        for name in sorted(names):
            vm_id = keys.vm_id_of(name)
            if vm_id is None:
                strangers.append(name)
            else:
                found[vm_id] = found.get(vm_id, frozenset()) | {status}
        complaints += [Complaint(key=keys.index(status), why=why) for why in _about_strangers(strangers)]
    return found, tuple(complaints)


def _about_strangers(names: Sequence[bytes]) -> Iterator[str]:
    for name in names[:_NAMED]:
        yield f"not a record's key: {_short(name)}"
    if len(names) > _NAMED:
        yield f"there are more members that are no record's key than the {_NAMED} named here: take them out (SREM)"


def _short(name: bytes) -> str:
    return ascii(name[:100].decode("utf-8", "replace"))


def moment_of(seconds: int, micros: int) -> datetime:
    """An answer to TIME."""
    return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=micros)


def pause_of(value: bytes | None) -> Pause:
    """The pause by the key's value. An existing key means a halt, whatever the value."""
    return Pause.NONE if value is None else strictest(Pause.ORDERS, Pause.of(value.decode("utf-8", "replace")))
