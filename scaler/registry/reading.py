"""Reading Redis: two or three round trips for thousands of machines, and bounded: accidents fill values and sets."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched
from operator import attrgetter
from typing import Any, ClassVar

import redis

from scaler.errors import Garbled
from scaler.model.clocks import YEARS
from scaler.model.instance import VmId
from scaler.model.lifecycle import KEEP, Keep
from scaler.model.row import Before, Complaint, Record, Row, Status, Unreadable
from scaler.model.sighting import Pause, strictest
from scaler.registry.keys import LONGEST_MEMBER, Keys, ScriptName, script_text
from scaler.registry.notes_json import MAX_NOTES, decode_notes, newer_version
from scaler.registry.record_json import decode_record, filled
from scaler.registry.waits_json import MAX_WAITS

CHUNK = 1_000
"""Machines per script: it blocks Redis for a microsecond per value."""
_OF_MGET = 5_000
"""Machines per MGET, which blocks Redis a quarter as long for each."""
SMALL = 4 * 1024
"""Bytes of a usual value: the scaler's own have a few hundred."""
MAX_MEMBERS = 12_000
"""How many members of one set are looked at: a scale set has 1,000 machines at most, and a tick must end.

A write rests on a reading of the last 10 s, or it is refused: three full sets have to be read and decided by then.
"""
LITTLE = 64 * 1024 * 1024
"""Bytes that Redis may hold in all for a plain MGET: no value and no answer is longer. 10,000 machines have 12 MB."""

_reading_of = attrgetter("before.record", "before.notes", "before.server", "index")
_ONLY = {status: frozenset({status}) for status in Status}
_NAMED = 20  # of the members that are none of ours: a log of a million lines tells nobody anything


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """The sets at a moment, with the other values of the same reading."""

    now: datetime
    pause: Pause
    server: str  # that told it; empty where it holds more than LITTLE, or does not say
    waits: bytes  # the text that is published; empty where there is none
    machines: Mapping[VmId, frozenset[Status]]
    complaints: tuple[Complaint, ...]


class Reading:
    """The reading half of RedisRegistry. Raises what redis-py raises."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self.last: Mapping[VmId, Row] = {}
        """Rows of an earlier reading: a machine with the same bytes has the same row, and nothing is decoded again."""
        self._members = client.register_script(script_text(ScriptName.MEMBERS))
        self._values = client.register_script(script_text(ScriptName.VALUES))

    def index(self, *statuses: Status) -> Index:
        """The members of the sets. One round trip."""
        names = [self._keys.pause, *map(self._keys.index, statuses)]
        longest = LONGEST_MEMBER + len(self._keys.prefix.encode())
        answer: Any = self._members(keys=names, args=[MAX_MEMBERS, longest, MAX_WAITS])
        seconds, micros, pause, told, holds, waits, *sets = answer
        now = datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=micros)
        if now.year not in YEARS:  # what is noted at such a time is lost when it is read
            raise Garbled(f"Redis' clock says {now:%Y-%m-%d}: set it right")
        machines, complaints = sort_members(dict(zip(statuses, sets, strict=True)), self._keys)
        server = told.decode() if holds and int(holds) <= LITTLE else ""
        return Index(
            now=now, pause=pause_of(pause), server=server, waits=waits, machines=machines, complaints=complaints
        )

    def rows(self, index: Mapping[VmId, frozenset[Status]], server: str = "") -> dict[VmId, Row]:
        """Record and notes of machines. One round trip for five thousand, and one more where values are missing.

        server: `Index.server` of a moment ago: what it holds is read by MGET, at a quarter of the script's cost.
        """
        rows: dict[VmId, Row] = {}
        for vm_id, record, notes, told in self._answers(index, server):
            row, place = self.last.get(vm_id), index[vm_id]
            if row is None or (record, notes, told, place) != _reading_of(row):
                read = {"record": value_of(record), "notes": value_of(notes), "server": told}
                row = row_of(vm_id, filled(Before, read), place)
            rows[vm_id] = row
        return rows

    def _answers(self, vm_ids: Iterable[VmId], server: str) -> Iterator[tuple[VmId, Any, Any, str]]:
        """The values of each machine, and the server that they are from. MGET takes a list or a hash for missing."""
        unclear: list[VmId] = [] if server else list(vm_ids)
        for many in batched(vm_ids, _OF_MGET, strict=False) if server else ():
            values: Any = self._client.mget(self._names(many))
            for vm_id, record, notes in zip(many, values[::2], values[1::2], strict=True):
                if record is None or notes is None:
                    unclear.append(vm_id)
                else:
                    yield vm_id, record, notes, server
        for few in batched(unclear, CHUNK, strict=False):
            *values, told = self._values(keys=self._names(few), args=[SMALL, MAX_NOTES])
            for vm_id, record, notes in zip(few, values[::2], values[1::2], strict=True):
                yield vm_id, record, notes, told.decode()

    def _names(self, vm_ids: Iterable[VmId]) -> list[str]:
        return [name for vm_id in vm_ids for name in (self._keys.instance(vm_id), self._keys.notes(vm_id))]


def pause_of(value: bytes | None) -> Pause:
    """The pause by the key's value. An existing key means a halt, whatever the value."""
    return Pause.NONE if value is None else strictest(Pause.ORDERS, Pause.of(value.decode("utf-8", "replace")))


def sort_members(
    sets: Mapping[Status, Sequence[bytes] | int], keys: Keys
) -> tuple[dict[VmId, frozenset[Status]], tuple[Complaint, ...]]:
    """The machines in the index, with the sets of each machine's key, and what else is there.

    A number stands for a key that holds something else than a set.
    """
    machines: dict[VmId, frozenset[Status]] = {}
    complaints = []
    for status, members in sets.items():
        names = [] if isinstance(members, int) else sorted(members)
        strangers = []
        for name in names:
            vm_id = keys.vm_id_of(name)
            if vm_id is None:
                strangers.append(name)
            else:
                machines[vm_id] = machines[vm_id] | {status} if vm_id in machines else _ONLY[status]
        odd = [_no_set(status)] if isinstance(members, int) else _oddities(len(names), strangers)
        complaints += [Complaint(key=keys.index(status), why=why) for why in odd]
    return machines, tuple(complaints)


def _no_set(status: Status) -> str:
    return f"is no set: no machine can become {status} before it is deleted or renamed (then the scaler rebuilds it)"


def _oddities(size: int, strangers: Sequence[bytes]) -> Iterator[str]:
    if size >= MAX_MEMBERS:
        yield f"only {MAX_MEMBERS} members are looked at"
    for name in strangers[:_NAMED]:
        yield f"not a record's key: {name[:100].decode('utf-8', 'replace')!a}"
    if len(strangers) > _NAMED:
        yield f"there are more members that are no record's key than the {_NAMED} named here: take them out (SREM)"


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
    """An answer of scripts/values.lua, or of MGET."""
    if isinstance(answer, bytes):
        return answer if len(answer) <= MAX_NOTES else TooLong(answer[: SMALL + 1])
    if isinstance(answer, int):
        return NoString()
    return TooLong(answer[0]) if answer is not None else None


def form_of(value: bytes | Keep | None) -> str:
    """The kind of a value to compare with or to write, in the letter that scripts/apply.lua reads."""
    if value is None or value is KEEP:
        return "-" if value is None else "~"
    return "<" if isinstance(value, TooLong) else "!" if isinstance(value, NoString) else "="


def row_of(vm_id: VmId, before: Before, index: frozenset[Status] = frozenset()) -> Row:
    """The row these bytes stand for."""
    notes = decode_notes(before.notes) if type(before.notes) is bytes else None  # an Odd value is of a type of its own
    newer = newer_version(before.notes) if notes is None else None
    if newer is not None:
        why = f"notes were written by a newer scaler (v={newer})"
        return Row(vm_id=vm_id, record=Unreadable(why=why), index=index, before=before, untouchable=True)
    if notes is not None and notes.opened is not None and notes.opened.record.vm_id != vm_id:
        notes = None  # another machine's: not what we wrote
    record = _record_of(vm_id, before.record)
    return filled(Row, {"vm_id": vm_id, "record": record, "notes": notes, "index": index, "before": before})


def is_usual(row: Row) -> bool:
    """Whether it was read whole and understood, and is short: whoever writes into Redis must not fill our memory."""
    before = row.before
    short = len(before.record or b"") <= SMALL and len(before.notes or b"") <= SMALL
    return short and row.notes is not None and not isinstance(row.record, Unreadable)


def _record_of(vm_id: VmId, raw: bytes | None) -> Record | Unreadable | None:
    if isinstance(raw, Odd):
        return Unreadable(why=raw.why)
    return decode_record(vm_id, raw) if raw is not None else None


def complaints_about(row: Row, keys: Keys) -> Iterator[Complaint]:
    """What of this row cannot be read."""
    if isinstance(row.record, Unreadable):
        yield Complaint(key=keys.instance(row.vm_id), why=row.record.why)
    if row.notes is None and row.before.notes is not None and not row.untouchable:
        yield Complaint(key=keys.notes(row.vm_id), why="these notes cannot be read, and count as lost")
