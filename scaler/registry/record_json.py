"""Record <-> the JSON text that is shared with the queue manager, whose own fields are kept to the byte.

Known names are read in any letter case and written in ours. Where one is there in several spellings, ours counts,
else the first in byte order; `used` is true if any of them says so. Nothing here raises, whatever the bytes are.
"""

import re
from collections.abc import Iterator, Sequence

import msgspec

from scaler.model.instance import InstanceId, SessionId, VmId
from scaler.model.record import Record, Status, Unreadable
from scaler.registry.timestamps import format_time, parse_time

MAX_BYTES = 64 * 1024
"""No record of anybody is longer; what is longer is an accident or an attack, and is left alone."""
MAX_DEPTH = 128
"""Nesting that every reader of a record can follow (the scripts' scanner has the same limit)."""

KNOWN = (
    "vmId",
    "instanceId",
    "status",
    "used",
    "warm",
    "region",
    "publicIp",
    "privateIp",
    "sessionId",
    "clientIp",
    "createdAt",
    "updatedAt",
)
_CANONICAL = {name.lower(): name for name in KNOWN}
_STATUS = {status.lower(): status for status in Status}
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)

type _Spellings = dict[str, list[tuple[str, msgspec.Raw]]]

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text = msgspec.json.Decoder(str | None)
_flag = msgspec.json.Decoder(bool | None)


class _NotARecordError(ValueError):
    """Why the value is left alone."""


def decode_record(vm_id: VmId, raw: bytes) -> Record | Unreadable:
    """The record of this machine, or why the value is none."""
    try:
        return _record(vm_id, *_sorted_out(raw))
    except _NotARecordError as error:
        return Unreadable(why=str(error))
    except UnicodeDecodeError:
        return Unreadable(why="not UTF-8")
    except msgspec.ValidationError:
        return Unreadable(why="not a JSON object")
    except (ValueError, RecursionError):
        return Unreadable(why="not JSON")


def encode_record(record: Record) -> bytes:
    """The JSON text: known fields first, in a fixed order, then the queue manager's own."""
    pairs = [*_known_pairs(record), *record.extra]
    return ("{" + ",".join(f"{_json(name)}:{raw}" for name, raw in pairs) + "}").encode()


def _sorted_out(raw: bytes) -> tuple[_Spellings, tuple[tuple[str, str], ...]]:
    if len(raw) > MAX_BYTES:
        raise _NotARecordError(f"longer than {MAX_BYTES} bytes")
    if too_deep(raw):
        raise _NotARecordError(f"nested deeper than {MAX_DEPTH}")
    raw.decode()  # msgspec checks the UTF-8 only of what it decodes
    known: _Spellings = {}
    extra: list[tuple[str, str]] = []
    for name, value in _members.decode(raw).items():
        canonical = _CANONICAL.get(name.lower())
        if canonical is None:
            extra.append((name, bytes(value).decode()))
        else:
            known.setdefault(canonical, []).append((name, value))
    return known, tuple(extra)


def too_deep(raw: bytes) -> bool:
    """Whether brackets are nested deeper than MAX_DEPTH. Cheap for all but odd values."""
    if raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH:
        return False
    depth = deepest = 0
    for byte in _STRING.sub(b"", raw):
        depth += (byte in b"{[") - (byte in b"}]")
        deepest = max(deepest, depth)
    return deepest > MAX_DEPTH


def _record(vm_id: VmId, known: _Spellings, extra: tuple[tuple[str, str], ...]) -> Record:
    named = _strict_text(known, "vmId")
    if named is not None and named.lower() != vm_id:
        raise _NotARecordError("its vmId is not its key's")
    return Record(
        vm_id=vm_id,
        instance_id=InstanceId(_strict_text(known, "instanceId") or ""),
        status=_status(known),
        used=_used(known),
        warm=_warm(known),
        region=_lenient_text(known, "region"),
        public_ip=_lenient_text(known, "publicIp"),
        private_ip=_lenient_text(known, "privateIp"),
        session_id=_session(known),
        client_ip=_lenient_text(known, "clientIp"),
        created_at=parse_time(_lenient_text(known, "createdAt")),
        updated_at=parse_time(_lenient_text(known, "updatedAt")),
        extra=extra,
    )


def _preferred(known: _Spellings, canonical: str) -> msgspec.Raw | None:
    spelled = known.get(canonical)
    return min(spelled, key=lambda each: (each[0] != canonical, each[0]))[1] if spelled else None


def _strict_text(known: _Spellings, name: str) -> str | None:
    raw = _preferred(known, name)
    if raw is None:
        return None
    try:
        text = _text.decode(raw)
    except msgspec.ValidationError:
        raise _NotARecordError(f"its {name} is not a text") from None
    if text is not None and "\0" in text:
        raise _NotARecordError(f"its {name} holds a NUL")
    return text or None


def _lenient_text(known: _Spellings, name: str) -> str | None:
    raw = _preferred(known, name)
    try:
        return _text.decode(raw) or None if raw is not None else None
    except msgspec.ValidationError:
        return None


def _session(known: _Spellings) -> SessionId | None:
    text = _strict_text(known, "sessionId")
    return SessionId(text) if text is not None else None


def _status(known: _Spellings) -> Status:
    text = _strict_text(known, "status")
    if text is None:
        raise _NotARecordError("it has no status")
    status = _STATUS.get(text.lower())
    if status is None:
        raise _NotARecordError(f"its status is {text[:32]!r}")
    return status


def _used(known: _Spellings) -> bool:
    try:
        said = [_flag.decode(raw) for _, raw in known.get("used", ())]
    except msgspec.ValidationError:
        raise _NotARecordError("its used is neither true nor false") from None
    return any(said)


def _warm(known: _Spellings) -> bool:
    raw = _preferred(known, "warm")
    return raw is not None and bytes(raw) == b"true"


def _known_pairs(record: Record) -> Iterator[tuple[str, str]]:
    yield "vmId", _json(record.vm_id)
    yield "instanceId", _json(record.instance_id)
    yield "status", _json(record.status)
    yield "used", _json(record.used)
    yield "warm", _json(record.warm)
    yield from ((name, _json(text)) for name, text in _optional_texts(record) if text)


def _optional_texts(record: Record) -> Sequence[tuple[str, str | None]]:
    return (
        ("region", record.region),
        ("publicIp", record.public_ip),
        ("privateIp", record.private_ip),
        ("sessionId", record.session_id),
        ("clientIp", record.client_ip),
        ("createdAt", format_time(record.created_at) if record.created_at is not None else None),
        ("updatedAt", format_time(record.updated_at) if record.updated_at is not None else None),
    )


def _json(value: str | bool) -> str:
    return msgspec.json.encode(value).decode()
