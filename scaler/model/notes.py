"""The notes: the scaler's decisions about a machine. Notes beat the record, which any client may overwrite.

Times of sightings in Azure (mark_seen_at, missed_at, rest_at, unsettled_at, failed.since, and every `seen_at`) are Date
headers; all other times are Redis' TIME. The two clocks are never compared with each other, nor with a host's clock.
Where much depends on an age, times by both clocks stand side by side (`model.clocks`); the second may be missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from scaler.model.edges import Edge
from scaler.model.instance import FailureClass, InstanceId, ScaleSetName, SessionId
from scaler.model.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class StartNote:
    """A start was ordered, or is about to be, for this session and no other."""

    session: SessionId
    at: datetime  # of the latest order
    attempts: int
    warm: bool = False  # it was stopped, not deallocated: seconds instead of minutes
    failure: FailureClass | None = None  # of the latest attempt
    runs_at: datetime | None = None  # first seen running while nobody could say its addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservedNote:
    """Since when a session has been waiting, on any machine: the record's own time comes from a stranger's clock.

    Written by `reserve` and carried along by a MOVE; else by the starter, at the first sight of the reservation.
    """

    session: SessionId | None  # None: noted by an older scaler, of a session without an id
    at: datetime
    movable: bool = False  # its queue manager asks by session, not by machine: it will follow a MOVE


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedNote:
    """The session that was let in, the time, and the record at that time (a late SET may overwrite the record)."""

    session: SessionId
    at: datetime
    record: Record
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpentNote:
    """The machine is used and never offered again, for any record."""

    why: Edge  # one of SPENDINGS; decides what the machine's deletion needs (`standing.deletable`)
    at: datetime
    reason: str | None = None  # for the visitor's eyes, on a refusal
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteNote:
    """A deletion was ordered, or is about to be."""

    at: datetime  # of the latest order
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimNote:
    """A claim for cooling, the stop of a marked machine at rest: no reservation and no start meanwhile."""

    order: str  # what is ordered: "deallocate"
    at: datetime  # of its latest renewal: an order rests on one that is ripe, and dies within a known time of it
    seen_at: datetime  # Azure's time at that renewal: by this clock the lives of orders are measured
    since: datetime  # of the first one


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedNote:
    """Seen Failed since (Azure's clock), and its class."""

    failure: FailureClass
    since: datetime


TOUCHED_BY = ("spent", "claim", "start", "opened", "presumed_at")
"""Notes of which each says that a machine may have been used."""
LEAVING = ("delete", "missed_at")
"""Notes of which each says that a machine is being deleted, or that Azure does not show it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """`vmss:notes:<vmId>`. None and empty mean: not yet, or no more."""

    v: int = 1
    scale_set: ScaleSetName
    unique_id: str
    instance_id: InstanceId
    unknown_at: datetime | None = None  # first seen marked though nothing was known of it
    admitting_at: datetime | None = None
    mark_asked_at: datetime | None = None
    mark_attempts: int = 0
    mark_seen_at: datetime | None = None
    mark_noted_at: datetime | None = None  # the same by Redis' clock
    admitted_at: datetime | None = None
    reserved: ReservedNote | None = None
    start: StartNote | None = None
    opened: OpenedNote | None = None
    presumed_at: datetime | None = None
    presumed_seen_at: datetime | None = None
    ended: Mapping[SessionId, Edge] = field(default_factory=dict)  # how each session ended: ENDINGS
    spent: SpentNote | None = None
    claim: ClaimNote | None = None
    uncooled_at: datetime | None = None  # a claim was given up: it stays warm for a while
    delete: DeleteNote | None = None
    missed_at: datetime | None = None
    missed_noted_at: datetime | None = None
    rest_at: datetime | None = None
    rest_noted_at: datetime | None = None
    unsettled_at: datetime | None = None  # neither at rest nor running since
    unindexed_at: datetime | None = None  # Available, but first seen outside `available` (an SPOP may be under way)
    failed: FailedNote | None = None
    ips: Mapping[str, str] = field(default_factory=dict)

    @property
    def beyond_admitting(self) -> bool:
        """Whether the machine was handed to visitors, or may have been: a record must exist."""
        return any((self.admitted_at, self.start, self.opened, self.presumed_at, self.spent))

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

    def waiting(self, session: SessionId) -> ReservedNote | None:
        """Since when a session waits for the machine, if the notes are about that session's waiting."""
        return self.reserved if self.reserved is not None and self.reserved.session == session else None
