"""Notes <-> JSON, under the names of the dataclass; empty members are left out.

And capacities that Azure lately refused <-> the JSON text under `Keys.ceilings`, for people and not for controllers.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime

import msgspec

from scaler.model import row
from scaler.model.clocks import YEARS
from scaler.model.edges import ENDINGS, SPENDINGS
from scaler.model.instance import ScaleSetName
from scaler.model.row import DeleteNote, Notes, Record, StartNote
from scaler.model.scarcity import Ceiling
from scaler.registry.record_json import decode_record, encode_record, too_deep

VERSION = 1
"""Of the notes that this scaler writes and understands."""
MAX_NOTES = 256 * 1024
"""Bytes. Notes of an opened session hold the whole record, its foreign fields as texts: twice as long at the worst."""
MAX_ENDED = 100
"""Sessions that ended on a machine: normally one; every late write of a queue manager adds another."""
MAX_CEILINGS = 256 * 1024
"""Bytes: a hundred scale sets with messages of full length."""
_MAX_COUNT = 1_000_000
_ANY = range(1, 10_000)
_PARTS = frozenset(filter(is_dataclass, vars(row).values()))
"""What notes are made of."""


class _Versioned(msgspec.Struct):
    v: int = VERSION


_ALWAYS = {field.name: field.default for field in fields(Notes) if isinstance(field.default, int)}  # told by every text
_NAMES = tuple(field.name for field in fields(Notes))
_Text = msgspec.defstruct("Text", [(name, object, None) for name in _NAMES], omit_defaults=True, gc=False)
_notes = msgspec.json.Decoder(Notes)
_ceilings = msgspec.json.Decoder(dict[ScaleSetName, Ceiling])
_versioned = msgspec.json.Decoder(_Versioned)


def decode_notes(raw: bytes | None) -> Notes | None:
    """The notes; None for missing or unreadable notes, which are lost. Never raises."""
    if raw is None:
        return None
    if len(raw) > MAX_NOTES or too_deep(raw):
        return None
    try:
        raw.decode()
        notes = _notes.decode(raw)
    except (ValueError, RecursionError):
        return None
    return notes if notes.v == VERSION and not _has_odd_time(notes) and _sound(notes) else None


def newer_version(raw: bytes | None) -> int | None:
    """The version of notes from a newer scaler, None for all other notes. Never raises."""
    if raw is None or len(raw) > MAX_NOTES or too_deep(raw):
        return None
    try:
        version = _versioned.decode(raw).v
    except (ValueError, RecursionError):
        return None
    return version if version > VERSION else None


def encode_notes(notes: Notes) -> bytes:
    """The JSON text. Of too many ended sessions the latest are kept, and the machine's own."""
    if len(notes.ended) > MAX_ENDED:
        latest = set(list(notes.ended)[1 - MAX_ENDED :])
        kept = {each: how for each, how in notes.ended.items() if each == notes.session or each in latest}
        notes = replace(notes, ended=kept)
    told = {**_ALWAYS, **vars(notes), "ended": notes.ended or None, "ips": notes.ips or None}
    return msgspec.json.encode(_Text(*map(told.get, _NAMES)))


def _has_odd_time(value: object, years: range = YEARS) -> bool:
    """Whether a time in a dataclass has no zone, or a year that nobody can reckon with: 9999."""
    for found in vars(value).values():  # decoded: only what the text holds
        kind = type(found)
        if kind is datetime:
            if found.tzinfo is None or found.year not in years:
                return True
        elif kind is Record:  # its times are others' words, and nobody reckons with them: Go's zero is the year 1
            if _has_odd_time(found, _ANY):
                return True
        elif kind is not str and kind in _PARTS and _has_odd_time(found):
            return True
    return False


def _counted(note: StartNote | DeleteNote | None) -> bool:
    return note is None or 1 <= note.attempts <= _MAX_COUNT


def _sound(notes: Notes) -> bool:
    counted = 0 <= notes.mark_attempts <= _MAX_COUNT and _counted(notes.start) and _counted(notes.delete)
    spent = notes.spent is None or notes.spent.why in SPENDINGS
    ended = not notes.ended or all(how in ENDINGS for how in notes.ended.values())
    return counted and spent and ended and (notes.opened is None or _restorable(notes.opened.record))


def _restorable(record: Record) -> bool:
    """Whether the record of an opened session can be written, and reads the same afterwards.

    Foreign fields are raw JSON and are written unchanged: fields from another source than a record might say anything.
    """
    try:
        again = decode_record(record.vm_id, encode_record(record))
    except (ValueError, OverflowError):  # the first hours of the year 1, east of Greenwich
        return False
    return isinstance(again, Record) and (again.extra, again.used) == (record.extra, record.used)


def encode_ceilings(ceilings: Mapping[ScaleSetName, Ceiling]) -> bytes:
    return msgspec.json.encode(ceilings)


def decode_ceilings(raw: bytes | None) -> Mapping[ScaleSetName, Ceiling]:
    """The ceilings in a text; empty for a missing or foreign text. Never raises."""
    try:
        found = _ceilings.decode(raw) if raw and len(raw) <= MAX_CEILINGS else {}
    except (ValueError, RecursionError):
        return {}
    return {name: each for name, each in found.items() if each.until.tzinfo is not None}
