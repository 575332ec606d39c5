"""Reading Redis: two round trips for any number of machines, and bounded: an accident can fill a value or a set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis

from scaler.errors import Garbled
from scaler.model.clocks import YEARS
from scaler.model.instance import VmId
from scaler.model.row import Before, Complaint, Row, Status
from scaler.registry.batch import chunks
from scaler.registry.keys import LONGEST_MEMBER, Keys, ScriptName, script_text
from scaler.registry.notes_json import MAX_NOTES
from scaler.registry.rows import MAX_MEMBERS, moment_of, row_of, value_of

CHUNK = 1_000
"""Machines per script: it blocks Redis for a microsecond per value."""
SMALL = 4 * 1024
"""Bytes of a usual value: the scaler's own have a few hundred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """The sets at a moment, with the other values of the same reading."""

    now: datetime
    pause: bytes | None
    members: Mapping[Status, frozenset[bytes]]
    complaints: tuple[Complaint, ...]  # about sets that are none


class Reading:
    """The reading half of RedisRegistry. Raises what redis-py raises."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._keys = keys
        self._members = client.register_script(script_text(ScriptName.MEMBERS))
        self._values = client.register_script(script_text(ScriptName.VALUES))

    def index(self, *statuses: Status) -> Index:
        """The members of the sets. One round trip."""
        names = [self._keys.pause, *map(self._keys.index, statuses)]
        answer: Any = self._members(keys=names, args=[MAX_MEMBERS, LONGEST_MEMBER + len(self._keys.prefix.encode())])
        seconds, micros, pause, *sets = answer
        now, found = moment_of(seconds, micros), dict(zip(statuses, sets, strict=True))
        if now.year not in YEARS:  # what is noted at such a time is lost when it is read
            raise Garbled(f"Redis' clock says {now:%Y-%m-%d}: set it right")
        return Index(
            now=now,
            pause=pause,
            members={status: frozenset(names or ()) for status, names in found.items()},
            complaints=tuple(self._no_set(status) for status, names in found.items() if names == 0),
        )

    def rows(self, index: Mapping[VmId, frozenset[Status]]) -> dict[VmId, Row]:
        """Record and notes of machines. One round trip for a thousand."""
        rows: dict[VmId, Row] = {}
        for some in chunks(list(index), CHUNK):
            values, server = self._read(some)
            for vm_id, record, notes in zip(some, values[::2], values[1::2], strict=True):
                rows[vm_id] = row_of(vm_id, Before(record=record, notes=notes, server=server), index[vm_id])
        return rows

    def _read(self, vm_ids: Sequence[VmId]) -> tuple[list[bytes | None], str]:
        names = [name for vm_id in vm_ids for name in (self._keys.instance(vm_id), self._keys.notes(vm_id))]
        *answers, server = self._values(keys=names, args=[SMALL, MAX_NOTES])
        return [value_of(answer) for answer in answers], server.decode()

    def _no_set(self, status: Status) -> Complaint:
        why = f"is no set: no machine can become {status} before it is deleted or renamed (then the scaler rebuilds it)"
        return Complaint(key=self._keys.index(status), why=why)
