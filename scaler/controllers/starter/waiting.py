"""A session that waits for its machine: turns, the waiting time, and machines without a place in the notes."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from scaler.controllers.starter.endings import abandon, refuse
from scaler.controllers.starter.moving import Stranded, would_follow
from scaler.model.fleet import Fleet
from scaler.model.instance import FailureClass, SessionId
from scaler.model.lifecycle import note
from scaler.model.machine import Machine, notes_of_missed
from scaler.model.plan import Step, Why
from scaler.model.policy import Policy
from scaler.model.row import Notes, Record, ReservedNote, Row, StartNote
from scaler.model.standing import Standing

_AT_ONCE = datetime.min.replace(tzinfo=UTC)


class Part(StrEnum):
    """The starter's parts: starts have separate ticks, so that no start waits for looks at other machines."""

    ALL = "all"
    STARTS = "starts"  # machines with no start noted for the session that they are reserved for
    REST = "rest"  # machines whose start is noted, and those that our notes do not place


def reserved(fleet: Fleet, part: Part) -> list[Machine]:
    """The Reserved machines of a part."""
    found = [machine for machine in fleet.machines if machine.standing is Standing.RESERVED]
    if part is Part.ALL:
        return found
    return [machine for machine in found if is_unstarted(machine.stored) is (part is Part.STARTS)]


def is_unstarted(row: Row) -> bool:
    """Whether the notes place the machine, without a start for the session that has the reservation."""
    return row.readable is not None and not is_unknown(row) and own_start(row) is None


def own_start(row: Row) -> StartNote | None:
    """The start note, if for the session in the record."""
    record, start = row.readable, row.notes.start if row.notes is not None else None
    return start if record is not None and start is not None and start.session == record.session else None


def next_look(start: StartNote | None, last: datetime | None, now: datetime, policy: Policy) -> datetime:
    """The time of the next look: at once for an unstarted machine; for a started one when it may run, then regularly.

    `last`: this process's latest look at the machine. A time later than `now` came from a wrong clock of Redis, and
    does not count.
    """
    if last is not None and last > now:
        last = None
    if start is None or start.at > now or start.runs_at is not None:
        return last + policy.look_every if last is not None else _AT_ONCE
    first = start.at + (policy.first_look_warm if start.warm else policy.first_look_cold)
    if last is None or last < first:
        return first
    hurry = start.warm and last < start.at + 3 * policy.first_look_warm
    return last + (policy.look_every_warm if hurry else policy.look_every)


def waiting_since(machine: Machine) -> float:
    """Since when, as far as notes or record say; seconds, for sorting."""
    notes, record = machine.stored.notes, machine.stored.readable
    noted = notes.reserved.at if notes is not None and notes.reserved is not None else None
    since = noted or (record.updated_at if record is not None else None)
    return since.timestamp() if since is not None else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """One session waiting for one machine."""

    machine: Machine
    record: Record
    notes: Notes
    policy: Policy

    @property
    def now(self) -> datetime:
        """The time of the decision, by Redis' clock."""
        return self.machine.now

    @property
    def session(self) -> SessionId:
        """The session that the record names."""
        return self.record.session

    @property
    def start(self) -> StartNote | None:
        """The start note, if for this session."""
        start = self.notes.start
        return start if start is not None and start.session == self.session else None

    @property
    def since(self) -> datetime:
        """Since when the waiting is known, by Redis' clock."""
        return reserved_since(self).at

    @property
    def is_over(self) -> bool:
        """Whether the waiting has lasted for the reservation timeout."""
        return self.now - self.since >= self.policy.reservation_timeout

    @property
    def movable(self) -> bool:
        """Whether the queue manager would follow a MOVE."""
        return would_follow(self.notes.waiting(self.session), self.policy)

    def stranded(self, why: Why, failure: FailureClass | None = None, otherwise: Step | None = None) -> Stranded:
        """The session as stranded: this machine cannot be had."""
        return Stranded(machine=self.machine, record=self.record, why=why, failure=failure, otherwise=otherwise)


def timeout(wait: Wait) -> Step | None:
    """Time a waiting that no other step ends, from the first knowledge of the session."""
    if wait.is_over:
        return refuse(wait.machine, wait.record, Why.TIMEOUT)
    return noted(wait, replace(wait.notes, reserved=reserved_since(wait)))


def noted(wait: Wait, notes: Notes) -> Step | None:
    """A step for changed notes, else None."""
    if notes == wait.notes:
        return None
    return Step(why=Why.NOTED, vm_id=wait.machine.vm_id, change=note(wait.machine.stored, notes))


def reserved_since(wait: Wait) -> ReservedNote:
    """The note of the waiting: the stored note, else a note that begins with the start, or now."""
    since = wait.start.at if wait.start is not None else wait.now
    return wait.notes.waiting(wait.session) or ReservedNote(session=wait.session, at=since)


def is_unknown(row: Row) -> bool:
    """Whether the machine's scale set is unknown."""
    return row.notes is None or not row.notes.scale_set


def unknown(machine: Machine, record: Record, fleet: Fleet, policy: Policy) -> Step | None:
    """Refuse a session on a tainted machine: at once with consent, else (or if unknown) at the timeout."""
    now, notes = fleet.now, notes_of_missed(machine.stored)
    waits = notes.waiting(record.session)
    since = waits.at if waits is not None else now
    if not _ours(machine, fleet) and now - since < policy.reservation_timeout:
        noted = replace(notes, reserved=ReservedNote(session=record.session, at=since))
        return None if noted == notes else Step(why=Why.NOTED, vm_id=machine.vm_id, change=note(machine.stored, noted))
    if record.used:
        return abandon(machine, record)
    return refuse(machine, record, Why.TAINTED)


def _ours(machine: Machine, fleet: Fleet) -> bool:
    """Whether the scaler may act: consent for the sighting's scale set, or for all if the machine is not listed."""
    if machine.sighting is not None:
        return machine.sighting.consent
    listings = [fleet.cloud.listings.get(name) for name in fleet.scale_sets]
    return all(listing is not None and listing.consent for listing in listings)
