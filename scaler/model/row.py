"""A machine in Redis: record, notes and places in the index, with the bytes of the reading."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from scaler.model.instance import SessionId, VmId
from scaler.model.notes import Notes
from scaler.model.record import Record, Status, Unreadable
from scaler.model.sighting import Pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The exact bytes of a reading, which a change compares; None is absence, and absence is a value.

    A change is written only to the server of the reading: a failover brings old bytes back.
    """

    record: bytes | None = None
    notes: bytes | None = None
    server: str = field(default="", compare=False)  # the Redis server they were read from; empty: unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A machine in the registry. A row without record and notes stands for a machine unknown to Redis."""

    vm_id: VmId
    record: Record | Unreadable | None = None
    notes: Notes | None = None  # None also where the stored notes cannot be read: then they are lost
    index: frozenset[Status] = frozenset()  # the sets that hold its key; more or less than one wants repair
    before: Before = field(default_factory=Before)
    untouchable: bool = False  # a newer scaler's notes: nothing is decided about it here

    @property
    def readable(self) -> Record | None:
        """The record, if readable."""
        return self.record if isinstance(self.record, Record) else None

    @property
    def is_unreadable(self) -> bool:
        """Whether an unreadable value stands in the place of the record."""
        return isinstance(self.record, Unreadable)

    @property
    def status(self) -> Status | None:
        """The record's status, None where there is no readable record."""
        return self.record.status if isinstance(self.record, Record) else None

    @property
    def named(self) -> "Row":
        """The same row, with the session in the notes under the id that has appeared in the record.

        A session reserved without an id is noted under the machine's name (`Record.session`). An id that appears in
        the record while that session waits belongs to the session; once the session was let in or has ended, the id
        belongs to a stranger.
        """
        record, notes, nameless = self.readable, self.notes, SessionId(self.vm_id)
        if record is None or record.session_id in {None, nameless} or notes is None:
            return self
        if notes.opened is not None or nameless in notes.ended:
            return self
        start, reserved = notes.start, notes.reserved
        if start is not None and start.session == nameless:
            start = replace(start, session=record.session)
        if reserved is not None and reserved.session == nameless:
            reserved = replace(reserved, session=record.session)
        if (start, reserved) == (notes.start, notes.reserved):
            return self
        return replace(self, notes=replace(notes, start=start, reserved=reserved))


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """A foreign or broken value in Redis that the scaler leaves alone, for the operator: key and reason."""

    key: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The registry at one moment: every machine that the index names."""

    now: datetime  # Redis' TIME: the `now` of the tick
    rows: Mapping[VmId, Row]
    pause: Pause = Pause.NONE
    complaints: tuple[Complaint, ...] = ()
    evicting: str = ""  # Redis' maxmemory-policy, where it may take keys away
