"""Notes <-> JSON, under the names of the dataclass; empty members are left out.

And capacities that Azure lately refused <-> the JSON text under `Keys.ceilings`, for people and not for controllers.
"""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from functools import lru_cache

import msgspec

from scaler.model.clocks import YEARS
from scaler.model.edges import ENDINGS, SPENDINGS
from scaler.model.instance import ScaleSetName
from scaler.model.row import Notes, Record
from scaler.model.scarcity import Ceiling
from scaler.registry.record_json import (
    REMEMBERED,
    REMEMBERED_BYTES,
    decode_record,
    encode_record,
    too_deep,
)

VERSION = 1
"""Of the notes that this scaler writes and understands."""
MAX_NOTES = 256 * 1024
"""Bytes. Notes of an opened session hold the whole record, its foreign fields as texts: twice as long at the worst."""
MAX_ENDED = 100
"""Sessions that ended on a machine: normally one; every late write of a queue manager adds another."""
MAX_CEILINGS = 256 * 1024
"""Bytes: a hundred scale sets with messages of full length."""
_MAX_COUNT = 1_000_000


class _Versioned(msgspec.Struct):
    v: int = VERSION


# A time without a zone or of another century, or something that looks like one or hides one: then all times are looked
# at, which is slow. Nobody can reckon with the year 9999.
_MAYBE_ODD = re.compile(rb'\d\d[:.]\d+"|\\u|"(?!2[01])\d{4}-\d\d')
_notes = msgspec.json.Decoder(Notes)
_ceilings = msgspec.json.Decoder(dict[ScaleSetName, Ceiling])
_versioned = msgspec.json.Decoder(_Versioned)


def decode_notes(raw: bytes | None) -> Notes | None:
    """The notes; None for missing or unreadable notes, which are lost. Never raises."""
    if raw is None:
        return None
    return (_remembered if len(raw) <= REMEMBERED_BYTES else _decoded)(raw)


def _decoded(raw: bytes) -> Notes | None:
    if len(raw) > MAX_NOTES or too_deep(raw):
        return None
    try:
        raw.decode()
        notes = _notes.decode(raw)
    except (ValueError, RecursionError):
        return None
    odd = _MAYBE_ODD.search(raw) is not None and _has_odd_time(notes)
    sound = not odd and _counts_right(notes) and _ends_right(notes) and _restorable(notes)
    return notes if notes.v == VERSION and sound else None


_remembered = lru_cache(maxsize=REMEMBERED)(_decoded)


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
    members = msgspec.to_builtins(notes)
    return msgspec.json.encode({name: value for name, value in members.items() if value not in (None, {})})


def _has_odd_time(value: object, years: range = YEARS) -> bool:
    if isinstance(value, datetime):
        return value.tzinfo is None or value.year not in years
    if isinstance(value, Record):  # its times are others' words, and nobody reckons with them: Go's zero is the year 1
        years = range(1, 10_000)
    if is_dataclass(value):
        return any(_has_odd_time(getattr(value, each.name), years) for each in fields(value))
    return False


def _counts_right(notes: Notes) -> bool:
    ordered = [each.attempts for each in (notes.start, notes.delete) if each is not None]
    return all(1 <= each <= _MAX_COUNT for each in ordered) and 0 <= notes.mark_attempts <= _MAX_COUNT


def _ends_right(notes: Notes) -> bool:
    return (notes.spent is None or notes.spent.why in SPENDINGS) and all(how in ENDINGS for how in notes.ended.values())


def _restorable(notes: Notes) -> bool:
    """Whether the record of an opened session can be written, and reads the same afterwards.

    Foreign fields are raw JSON and are written unchanged: fields from another source than a record might say anything.
    """
    if notes.opened is None:
        return True
    record = notes.opened.record
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
