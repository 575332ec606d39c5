"""Notes <-> JSON, under the very names of the dataclass; of its own members, what is None or empty is left out."""

import re
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import lru_cache

import msgspec

from scaler.model.notes import Notes
from scaler.model.record import Record
from scaler.registry.record_json import MAX_BYTES, REMEMBERED, too_deep

VERSION = 1
"""Of the notes that this scaler writes and understands."""


class _Versioned(msgspec.Struct):
    v: int = VERSION


# A time without a zone or of another century, or something that looks like one or hides one: then all times are looked
# at, which is slow. Nobody can reckon with the year 9999.
_MAYBE_ODD = re.compile(rb'\d\d[:.]\d+"|\\u|"(?!2[01])\d{4}-\d\d')
_YEARS = range(2000, 2200)
_notes = msgspec.json.Decoder(Notes)
_versioned = msgspec.json.Decoder(_Versioned)


@lru_cache(maxsize=REMEMBERED)
def decode_notes(raw: bytes | None) -> Notes | None:
    """The notes; None where there are none, or none that can be read: those are lost. Never raises."""
    if raw is None or len(raw) > MAX_BYTES or too_deep(raw):
        return None
    try:
        raw.decode()
        notes = _notes.decode(raw)
    except (ValueError, RecursionError):
        return None
    odd = _MAYBE_ODD.search(raw) is not None and _has_odd_time(notes)
    return notes if notes.v == VERSION and not odd and _counts_right(notes) else None


def newer_version(raw: bytes | None) -> int | None:
    """The version of notes that a newer scaler wrote, None for all others. Never raises."""
    if raw is None or len(raw) > MAX_BYTES or too_deep(raw):
        return None
    try:
        version = _versioned.decode(raw).v
    except (ValueError, RecursionError):
        return None
    return version if version > VERSION else None


def encode_notes(notes: Notes) -> bytes:
    """The JSON text."""
    members = msgspec.to_builtins(notes)
    return msgspec.json.encode({name: value for name, value in members.items() if value not in (None, {})})


def _has_odd_time(value: object, years: range = _YEARS) -> bool:
    if isinstance(value, datetime):
        return value.tzinfo is None or value.year not in years
    if isinstance(value, Record):  # its times are others' words, and nobody reckons with them: Go's zero is the year 1
        years = range(1, 10_000)
    if is_dataclass(value):
        return any(_has_odd_time(getattr(value, each.name), years) for each in fields(value))
    return False


def _counts_right(notes: Notes) -> bool:
    ordered = [each.attempts for each in (notes.start, notes.delete) if each is not None]
    return min(ordered, default=1) >= 1 and notes.mark_attempts >= 0
