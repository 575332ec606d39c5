"""Notes <-> JSON, under the very names of the dataclass; of its own members, what is None or empty is left out."""

import re
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import lru_cache

import msgspec

from scaler.model.notes import Notes
from scaler.registry.record_json import MAX_BYTES, REMEMBERED, too_deep

VERSION = 1
"""Of the notes that this scaler writes and understands."""


class _Versioned(msgspec.Struct):
    v: int = VERSION


# A time without a zone, or something that looks like one or hides one: then all times are looked at, which is slow.
_MAYBE_NAIVE = re.compile(rb'\d\d[:.]\d+"|\\u')
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
    naive = _MAYBE_NAIVE.search(raw) is not None and _has_naive_time(notes)
    return notes if notes.v == VERSION and not naive else None


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


def _has_naive_time(value: object) -> bool:
    if isinstance(value, datetime):
        return value.tzinfo is None
    if is_dataclass(value):
        return any(_has_naive_time(getattr(value, each.name)) for each in fields(value))
    return False
