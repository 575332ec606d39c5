"""A machine in Redis: the record, the notes, and the places in the index, with the bytes of the reading.

The record is published, shared with the queue manager (docs/redis-contract.md), and may be overwritten by any client.
The notes are the scaler's decisions about the machine, and beat the record.

Times of sightings in Azure (found_at, mark_seen_at, missed_at, rest_at, unhealthy_at, unsettled_at, failed.since, each
`seen_at`) are Date headers; all other times are Redis' TIME. The two clocks are never compared with each other, nor
with a host's.
Where much depends on an age, times by both clocks stand side by side (`model.clocks`); the second may be missing.

Classes that are read from Redis by the thousand have no slots. Their defaults then stand in the class, and an instance
holds only what was read: decoding notes takes an eighth of the time (docs/decisions/0026-reading-by-mget.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from scaler.model.edges import Edge
from scaler.model.instance import FailureClass, InstanceId, ScaleSetName, SessionId, Tier, VmId
from scaler.model.sighting import Pause
from scaler.model.waits import Waits

_EMPTY: Mapping[Any, Any] = MappingProxyType({})


class Status(StrEnum):
    """The record's status, which also names the index set for the key."""

    AVAILABLE = "Available"  # fresh, at rest, never handed out
    RESERVED = "Reserved"  # a session asked for it
    UNAVAILABLE = "Unavailable"  # opened, presumed to be in use, or used


@dataclass(frozen=True, kw_only=True)
class Record:
    """A machine's record. Texts are the queue manager's own, and are never used as an address in Azure."""

    vm_id: VmId
    instance_id: InstanceId
    status: Status
    used: bool = False
    warm: bool = False  # by the power state at rest, at every reconciler tick
    region: str | None = None
    public_ip: str | None = None
    private_ip: str | None = None
    session_id: SessionId | None = None
    client_ip: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    moved_to: VmId | None = None  # where its session went on, when this machine could not be had
    moved_from: VmId | None = None  # where its session was before
    move_reason: str | None = None  # why, for the visitor's eyes; beside either
    expected_ready_at: datetime | None = None  # when its session may probably go in; of a Reserved machine alone
    hot_since: datetime | None = None  # running and ready since then, for a visitor to come; not once it was opened
    extra: tuple[tuple[str, str], ...] = ()  # the queue manager's own fields: name, raw JSON text; kept to the byte

    @property
    def session(self) -> SessionId:
        """The machine's session: the session in the record, else a session with the machine's own id as a name.

        A machine serves a single session in its life, so the vm id names that session well enough.
        """
        return self.session_id or SessionId(self.vm_id)

    @property
    def tier(self) -> Tier:
        """How the machine waits, or waited, to be opened."""
        return Tier.of(warm=self.warm, hot=self.hot_since is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A value that is no record (not JSON, no status, …). The bytes are left alone, and `why` is logged once."""

    why: str


@dataclass(frozen=True, kw_only=True)
class StartNote:
    """A start was ordered, or is about to be, for this session and no other."""

    session: SessionId
    at: datetime  # of the latest order
    attempts: int
    warm: bool = False  # it was stopped, not deallocated: seconds instead of minutes
    failure: FailureClass | None = None  # of the latest attempt
    runs_at: datetime | None = None  # first seen running while nobody could say its addresses
    seen_at: datetime | None = None  # of the look that showed the machine at rest, right before the latest order
    server: str = ""  # the Redis server that the latest order was noted on: another one may have forgotten an OPEN
    boots_at: datetime | None = None  # first seen running, and not yet Healthy in this run
    health_seen: bool = False  # and some look at that run has shown a health, perhaps of an earlier run
    initializing: bool = False  # and some look has shown Initializing, with which each run begins
    hot: bool = False  # it was running and ready before: nothing was ordered


@dataclass(frozen=True, kw_only=True)
class HeatedNote:
    """A start for no session: the machine is to wait running (hot). Only the end of a claim takes this note away."""

    at: datetime  # of the latest order
    seen_at: datetime  # of the look that showed the machine at rest, right before the latest order
    attempts: int = 1
    warm: bool = False  # as in StartNote, and so are the next four
    failure: FailureClass | None = None
    boots_at: datetime | None = None
    health_seen: bool = False
    initializing: bool = False
    ready_at: datetime | None = None  # since when it is ready, in this run: it may be opened whatever its health says
    unmarked_at: datetime | None = None  # taken out because its mark was gone: the new mark waits until this is ripe
    unmarked_seen_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ReservedNote:
    """Since when a session has been waiting, on any machine: the record's own time comes from a stranger's clock.

    Written by `reserve` and carried along by a MOVE; else by the starter, at the first sight of the reservation.
    """

    session: SessionId | None  # None: noted by an older scaler, of a session without an id
    at: datetime
    movable: bool = False  # its queue manager asks by session, not by machine: it will follow a MOVE


@dataclass(frozen=True, kw_only=True)
class OpeningNote:
    """The machine was ready for this session: to be opened, whatever the health says from now on."""

    session: SessionId
    at: datetime


@dataclass(frozen=True, kw_only=True)
class OpenedNote:
    """The session that was let in, the time, and the record at that time (a late SET may overwrite the record)."""

    session: SessionId
    at: datetime
    record: Record
    seen_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class SpentNote:
    """The machine is used and never offered again, for any record."""

    why: Edge  # one of SPENDINGS; decides what the machine's deletion needs (`standing.deletable`)
    at: datetime
    reason: str | None = None  # for the visitor's eyes, on a refusal or where the scaler ended the session
    seen_at: datetime | None = None
    said: str = ""  # by the machine, where its health ended the session: for people only, untrusted, cut, printable

    @property
    def told(self) -> str:
        """The reason for people, with the words of the machine."""
        return "; it says: ".join(filter(None, (self.reason, self.said)))


@dataclass(frozen=True, kw_only=True)
class DeleteNote:
    """A deletion was ordered, or is about to be."""

    at: datetime  # of the latest order
    attempts: int


COOLS = "deallocate"
"""The order of a claim that cools a machine."""
WARMS = "power_off"
"""The order of a claim that warms a machine: to stop it, after a start of the claim's own."""
COOLS_HOT = "cool-hot"
"""The order of a claim for stopping a hot machine: the order of warming, without a start."""
STOPS_RUNNING = (WARMS, COOLS_HOT)
"""The orders of claims under which a machine may run."""


@dataclass(frozen=True, kw_only=True)
class ClaimNote:
    """A claim for cooling or warming, orders to a marked machine: no reservation and no visitor's start meanwhile."""

    order: str  # the last one to be given: COOLS, WARMS or COOLS_HOT
    at: datetime  # of its latest renewal: an order rests on one that is ripe, and dies within a known time of it
    seen_at: datetime  # Azure's time at that renewal: by this clock the lives of orders are measured
    since: datetime  # of the first one
    closing: bool = False  # no order is given under it any more, since `at` and `seen_at`
    failure: FailureClass | None = None  # of the latest start that Azure refused


@dataclass(frozen=True, kw_only=True)
class FailedNote:
    """Seen Failed since (Azure's clock), and its class."""

    failure: FailureClass
    since: datetime


TOUCHED_BY = ("spent", "claim", "start", "opened", "presumed_at")
"""Notes of a machine that may have been used: any of these is enough."""
LEAVING = ("delete", "missed_at")
"""Notes of a machine under deletion, or not shown by Azure: any of these is enough."""


@dataclass(frozen=True, kw_only=True)
class Notes:
    """`vmss:notes:<vmId>`. None and empty mean: not yet, or no more."""

    v: int = 1
    scale_set: ScaleSetName
    unique_id: str
    instance_id: InstanceId
    unknown_at: datetime | None = None  # first seen marked though nothing was known of it
    found_at: datetime | None = None  # first seen behind its instance id, until then perhaps another machine's
    found_noted_at: datetime | None = None  # the same by Redis' clock
    admitting_at: datetime | None = None
    mark_asked_at: datetime | None = None
    mark_attempts: int = 0
    mark_seen_at: datetime | None = None
    mark_noted_at: datetime | None = None  # the same by Redis' clock
    admitted_at: datetime | None = None
    reserved: ReservedNote | None = None
    start: StartNote | None = None
    opening: OpeningNote | None = None
    opened: OpenedNote | None = None
    presumed_at: datetime | None = None
    presumed_seen_at: datetime | None = None
    ended: Mapping[SessionId, Edge] = _EMPTY  # how each session ended: ENDINGS
    spent: SpentNote | None = None
    claim: ClaimNote | None = None
    heated: HeatedNote | None = None
    heating_failed_at: datetime | None = None  # it did not become hot: for a while one machine less is heated
    replace_asked_at: datetime | None = None  # an operator wants another machine in its place; it may still be reserved
    held_until: datetime | None = None  # an operator wants to look at the used machine: it is not deleted before
    claim_failed_at: datetime | None = None  # a claim came to nothing: for a while no other one is made
    delete: DeleteNote | None = None
    missed_at: datetime | None = None
    missed_noted_at: datetime | None = None
    rest_at: datetime | None = None
    rest_noted_at: datetime | None = None
    unhealthy_at: datetime | None = None  # Azure shows the machine unhealthy under its session since
    unhealthy_noted_at: datetime | None = None
    unsettled_at: datetime | None = None  # neither at rest nor running since
    unindexed_at: datetime | None = None  # Available, but first seen outside `available` (an SPOP may be under way)
    failed: FailedNote | None = None
    ips: Mapping[str, str] = _EMPTY

    @property
    def beyond_admitting(self) -> bool:
        """Whether the machine was handed to visitors, or may have been: a record must exist."""
        begun = self.admitted_at is not None or self.start is not None or self.opened is not None
        return begun or self.presumed_at is not None or self.spent is not None

    @property
    def fresh(self) -> bool:
        """Whether the machine was handed over by the reconciler, and never started or opened for a visitor."""
        return self.admitted_at is not None and not any(getattr(self, name) for name in TOUCHED_BY)

    @property
    def leaving(self) -> bool:
        """Whether the machine is being deleted, or Azure does not show it."""
        return any(getattr(self, name) for name in LEAVING)

    @property
    def session(self) -> SessionId | None:
        """The session that is, or may be, on the machine: the opened session, else the session of the start."""
        if self.opened is not None:
            return self.opened.session
        return self.start.session if self.start is not None else None

    @property
    def is_being_warmed(self) -> bool:
        """Whether the machine may run because of a claim for warming, or for stopping while hot, alone."""
        if self.claim is None or self.claim.order not in STOPS_RUNNING or self.claim.closing:
            return False
        return not any((self.spent, self.start, self.opened, self.presumed_at))

    @property
    def is_heated(self) -> bool:
        """Whether the machine may run because of the heating alone: no session was let near the machine.

        With an Available or Reserved record this exempts a running machine from the presumption, as a claim does.
        """
        return self.heated is not None and self.fresh and not self.ended

    def presumed(self, now: datetime, at: datetime) -> "Notes":
        """The notes with a presumption from now on, by both clocks, and without witnesses from before."""
        return replace(self, presumed_at=now, presumed_seen_at=at, unhealthy_at=None, unhealthy_noted_at=None)

    def waiting(self, session: SessionId) -> ReservedNote | None:
        """Since when a session waits for the machine, if the notes are about that session's waiting."""
        return self.reserved if self.reserved is not None and self.reserved.session == session else None


def amended[Value: (Record, Notes)](value: Value, **fields: Any) -> Value:
    """A copy with these fields; the very same value, at a tenth of the cost, if it has them already."""
    for name, new in fields.items():
        if getattr(value, name) != new:
            return replace(value, **fields)
    return value


@dataclass(frozen=True, kw_only=True)
class Before:
    """The exact bytes of a reading, which a change compares; None is absence, and absence is a value.

    A change is written only to the server of the reading: a failover brings old bytes back.
    """

    record: bytes | None = None
    notes: bytes | None = None
    server: str = field(default="", compare=False)  # the Redis server they were read from; empty: unknown


@dataclass(frozen=True, kw_only=True)
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
        start, reserved, opening = notes.start, notes.reserved, notes.opening
        if start is not None and start.session == nameless:
            start = replace(start, session=record.session)
        if reserved is not None and reserved.session == nameless:
            reserved = replace(reserved, session=record.session)
        if (start, reserved) == (notes.start, notes.reserved):
            return self
        if opening is not None and opening.session == nameless:
            opening = replace(opening, session=record.session)
        return replace(self, notes=replace(notes, start=start, reserved=reserved, opening=opening))


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
    waits: Waits = field(default_factory=Waits)  # as published
    since_read: timedelta = timedelta(0)  # how much of `now` has passed since the reading
