"""Record <-> the JSON text shared with the queue manager, whose own fields are kept to the byte.

Known names are read in any letter case and written in the scaler's. Of several spellings the scaler's counts, else the
first in byte order; `used` is true if any spelling says so. No function here raises, for any bytes.
"""

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from itertools import accumulate
from operator import itemgetter
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec.structs import asdict

from scaler.model.instance import InstanceId, SessionId, VmId
from scaler.model.row import Record, Status, Unreadable

MAX_BYTES = 64 * 1024
"""Bytes of a record at most: a longer text is an accident or an attack, and is left alone."""
OUR_SHARE = 4 * 1024
"""Bytes that the scaler's own fields may add to a record of that length, which stays readable."""
MAX_DEPTH = 128
"""Nesting that every reader of a record can follow."""
MAX_SESSION_BYTES = 1024
"""Of a session id in a record. It stands in the notes five times, and in log lines."""

_FIELDS = {field.name: field for field in fields(Record) if field.name != "extra"}
NAMES: Mapping[str, str] = {name: re.sub(r"_(.)", lambda found: found[1].upper(), name) for name in _FIELDS}
"""The member of the JSON text for each field of a Record: a new field is one line in model/row.py."""
KNOWN = tuple(NAMES.values())
_new, _set = object.__new__, object.__setattr__
_OPTIONAL = frozenset(name for name, field in _FIELDS.items() if field.default is None)
_TIMES = tuple(name for name, field in _FIELDS.items() if field.type == datetime | None)
_LENIENT = {NAMES[field]: field for field in _OPTIONAL - {"session_id"}}
_CANONICAL = {name.lower(): name for name in KNOWN}
_STATUS = {status.lower(): status for status in Status}
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_OPENS, _CLOSES = b"{[", b"}]"
_STEPS = bytes.maketrans(_OPENS + _CLOSES, b"\x01\x01\xff\xff")  # +1 and -1, as signed bytes
_NO_STEPS = bytes(set(range(256)) - set(_OPENS + _CLOSES))

_SHORT = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_SESSION_BYTES // 4)]
_AS_WRITTEN = [(name, _SHORT | None, None) if name in _OPTIONAL else (name, _FIELDS[name].type) for name in NAMES]
_written = msgspec.json.Decoder(
    msgspec.defstruct("Written", _AS_WRITTEN, rename=NAMES, forbid_unknown_fields=True, gc=False)
)
_ALWAYS = {name: field.default for name, field in _FIELDS.items() if isinstance(field.default, int)}  # in every text
_Text = msgspec.defstruct("Text", [(name, object, None) for name in NAMES], rename=NAMES, omit_defaults=True, gc=False)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_any = msgspec.json.Decoder()


class _Members(NamedTuple):
    known: dict[str, Any]  # the values under the scaler's names
    used: list[Any]  # every spelling of it
    extra: tuple[tuple[str, str], ...]


class _NotARecordError(ValueError):
    """Why the value is left alone."""


def filled[Kind](kind: type[Kind], members: dict[str, Any]) -> Kind:
    """A frozen dataclass with these fields, the others as by default.

    For classes without slots, whose __init__ would set field by field at four times the cost. Nothing is checked.
    """
    made = _new(kind)
    _set(made, "__dict__", members)
    return made


def decode_record(vm_id: VmId, raw: bytes) -> Record | Unreadable:
    """The machine's record, or the reason why the value is unreadable."""
    try:
        return _as_written(vm_id, raw) or _record(vm_id, _sorted_out(raw))
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
    told = {**_ALWAYS, **vars(record)}
    for name in _TIMES:
        moment = told.get(name)
        if moment is not None and moment.tzinfo is not UTC:
            told[name] = moment.astimezone(UTC)
    if "" in told.values():
        told = {name: value for name, value in told.items() if value != "" or name not in _OPTIONAL}
    text = msgspec.json.encode(_Text(*map(told.get, NAMES)))
    if not record.extra:
        return text
    return text[:-1] + b"," + msgspec.json.encode({name: msgspec.Raw(raw.encode()) for name, raw in record.extra})[1:]


def _as_written(vm_id: VmId, raw: bytes) -> Record | None:
    """The record, where the text is as the scaler and the scripts write it; None for all other texts."""
    if len(raw) > MAX_BYTES or b"\\" in raw:
        return None
    try:
        members = asdict(_written.decode(raw))
    except (ValueError, RecursionError):
        return None
    for name in _TIMES:
        text = members[name]
        if text is not None:
            members[name] = parse_time(text)
    return filled(Record, members) if members["vm_id"] == vm_id else None


def _sorted_out(raw: bytes) -> _Members:
    if len(raw) > MAX_BYTES + OUR_SHARE:
        raise _NotARecordError(f"longer than {MAX_BYTES} bytes")
    if too_deep(raw):
        raise _NotARecordError(f"nested deeper than {MAX_DEPTH}")
    raw.decode()  # msgspec checks the UTF-8 only of what it decodes
    known: dict[str, Any] = {}
    odd: list[tuple[str, Any]] = []
    extra: list[tuple[str, str]] = []
    for name, value in _members.decode(raw).items():
        canonical = _CANONICAL.get(name.lower())
        if canonical is None:
            extra.append((name, bytes(value).decode()))
        elif canonical == name:
            known[name] = _value(value)
        else:
            odd.append((name, _value(value)))
    used = [known["used"]] if "used" in known else []
    for name, value in sorted(odd, key=itemgetter(0)):
        canonical = _CANONICAL[name.lower()]
        known.setdefault(canonical, value)
        used += [value] if canonical == "used" else []
    return _Members(known, used, tuple(extra))


def _value(raw: msgspec.Raw) -> Any:
    """What the text of a known member means; a list stands for whatever is no text, no flag and not null."""
    try:
        return _any.decode(raw)
    except (ValueError, RecursionError):  # half a character behind a backslash, a number of 5,000 digits
        return []


def too_deep(raw: bytes) -> bool:
    """Whether brackets are nested deeper than MAX_DEPTH. Cheap for all but odd values."""
    if raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH:
        return False
    steps = _STRING.sub(b"", raw).translate(_STEPS, _NO_STEPS)
    return max(accumulate(memoryview(steps).cast("b")), default=0) > MAX_DEPTH


def _record(vm_id: VmId, members: _Members) -> Record:
    known = members.known
    named = _strict_text(known, "vmId")
    if named is not None and named.encode().lower() != vm_id.encode():
        raise _NotARecordError("its vmId is not its key's")
    session = _strict_text(known, "sessionId")
    if session is not None and len(session.encode()) > MAX_SESSION_BYTES:
        raise _NotARecordError(f"its sessionId is longer than {MAX_SESSION_BYTES} bytes")
    return Record(
        vm_id=vm_id,
        instance_id=InstanceId(_strict_text(known, "instanceId") or ""),
        status=_status(known),
        used=_used(members),
        warm=known.get("warm") is True,
        session_id=SessionId(session) if session is not None else None,
        extra=members.extra,
        **{_LENIENT[name]: _lenient(name, value) for name, value in known.items() if name in _LENIENT},
    )


def _strict_text(known: Mapping[str, Any], name: str) -> str | None:
    text = known.get(name)
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise _NotARecordError(f"its {name} is not a text")
    if "\0" in text:
        raise _NotARecordError(f"its {name} holds a NUL")
    return text


def _lenient(name: str, value: Any) -> Any:
    """A text or a time; None where the member is none."""
    text = value if isinstance(value, str) else None
    return parse_time(text) if _LENIENT[name] in _TIMES else text or None


def _status(known: Mapping[str, Any]) -> Status:
    text = _strict_text(known, "status")
    if text is None:
        raise _NotARecordError("it has no status")
    status = _STATUS.get(text.lower())
    if status is None:
        raise _NotARecordError(f"its status is {text[:32]!r}")
    return status


def _used(members: _Members) -> bool:
    if not all(said is None or isinstance(said, bool) for said in members.used):
        raise _NotARecordError("its used is neither true nor false")
    return any(members.used)


def parse_time(text: str | None) -> datetime | None:
    """The moment, to the microsecond (Go writes nanoseconds), None where the text is not one."""
    if text is None:
        return None
    marks = text[4:20:3]  # as `format_time` sets them: cheaper to see than the pattern, and of digits are the rest
    if marks != "--T::Z" and (marks != "--T::." or text[26:] != "Z") and not _RFC_3339.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    except (ValueError, OverflowError):  # February 30th; the first hour of year 1, east of Greenwich
        return None
