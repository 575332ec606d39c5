"""A session that waits for its machine: turns, the waiting time, the end of the waiting."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.instance import SessionId
from scaler.model.lifecycle import note, step
from scaler.model.machine import Machine, notes_so_far
from scaler.model.plan import Step, Why
from scaler.model.policy import Moves, Policy
from scaler.model.row import Notes, Record, ReservedNote, SpentNote, StartNote, Status
from scaler.model.waits import Waits

_AT_ONCE = datetime.min.replace(tzinfo=UTC)


class Part(StrEnum):
    """The starter's parts: starts have separate ticks, so that no start waits for looks at other machines."""

    ALL = "all"
    STARTS = "starts"  # machines with no start noted for the session that they are reserved for
    REST = "rest"  # machines whose start is noted, and those that our notes do not place


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A waiting session and its machine, with the starter's knowledge of both."""

    machine: Machine
    record: Record
    notes: Notes  # as stored; empty where Redis has none
    policy: Policy
    waits: Waits  # as published

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
    def is_unstarted(self) -> bool:
        """Whether the notes place the machine, without a start for the session."""
        return bool(self.notes.scale_set) and self.start is None

    @property
    def reserved(self) -> ReservedNote:
        """The note of the waiting: the stored note, else a note that begins with the start, or now."""
        since = self.start.at if self.start is not None else self.now
        return self.notes.waiting(self.session) or ReservedNote(session=self.session, at=since)

    @property
    def known_since(self) -> float:
        """Since when, as far as notes or record say; seconds, for sorting."""
        since = self.notes.reserved.at if self.notes.reserved is not None else self.record.updated_at
        return since.timestamp() if since is not None else 0.0

    @property
    def is_opening(self) -> bool:
        """Whether the machine was ready for the session, and only OPEN is missing."""
        opening = self.notes.opening
        return opening is not None and opening.session == self.session

    @property
    def is_over(self) -> bool:
        """Whether the waiting has lasted for the reservation timeout."""
        return self.now - self.reserved.at >= self.policy.reservation_timeout

    @property
    def movable(self) -> bool:
        """Whether the queue manager follows a MOVE: one that asks by machine never hears of another machine."""
        return self.policy.moves is Moves.ALWAYS or self.reserved.movable


def reserved(fleet: Fleet, policy: Policy, part: Part) -> list[Wait]:
    """The sessions that wait for the Reserved machines of a part."""
    waits = [
        Wait(machine=machine, record=record, notes=notes_so_far(machine.stored), policy=policy, waits=fleet.waits)
        for machine in fleet.machines_with(lambda row: row.status is Status.RESERVED)
        if (record := machine.stored.readable) is not None
    ]
    return [wait for wait in waits if part is Part.ALL or wait.is_unstarted is (part is Part.STARTS)]


def next_look(wait: Wait, last: datetime | None) -> datetime:
    """The time of the next look: at once for an unstarted machine; for a started one when it may run, then regularly.

    `last`: this process's latest look at the machine. A time later than `now` came from a wrong clock of Redis, and
    does not count.
    """
    start, now, policy = wait.start, wait.now, wait.policy
    if last is not None and last > now:
        last = None
    soon = wait.is_opening or (start is not None and start.hot)
    if soon and (start is None or start.runs_at is None):
        return last + policy.look_every_warm if last is not None else _AT_ONCE
    if start is None or start.at > now or start.runs_at is not None or start.boots_at is not None:
        return last + policy.look_every if last is not None else _AT_ONCE
    first = start.at + (policy.first_look_warm if start.warm else policy.first_look_cold)
    if last is None or last < first:
        return first
    hurry = start.warm and last < start.at + 3 * policy.first_look_warm
    return last + (policy.look_every_warm if hurry else policy.look_every)


def end(wait: Wait, edge: Edge, why: Why) -> Step:
    """REFUSE or ABANDON the session: visibly, Unavailable and used, with the reason in the notes."""
    machine, ended = wait.machine, {**wait.notes.ended, wait.session: edge}
    spent = wait.notes.spent or SpentNote(why=edge, at=wait.now, reason=why, seen_at=machine.at)
    notes = replace(given_up(wait) if edge is Edge.REFUSE else wait.notes, ended=ended, spent=spent)
    change = step(edge, Actor.STARTER, machine.stored, wait.record, notes, wait.now)
    return Step(why=why, vm_id=machine.vm_id, change=change, facts={"session": wait.session})


def given_up(wait: Wait) -> Notes:
    """The notes of a machine given up; presumed to be in use, where the session may be on the machine all the same.

    A machine without Healthy is given up while running, and so is one that was heated and finds no replica. A start
    noted on another Redis server means a failover since, which may have forgotten an OPEN.
    """
    machine, start = wait.machine, wait.start
    rests = machine.instance is not None and machine.instance.at_rest
    heated = wait.notes.heated is not None
    if start is None or rests or not (heated or wait.policy.awaits_health(wait.notes.scale_set)):
        return wait.notes
    if not heated and start.server and start.server == machine.stored.before.server:
        return wait.notes
    return replace(wait.notes, presumed_at=wait.now, presumed_seen_at=machine.at)


def timeout(wait: Wait) -> Step | None:
    """Time a waiting that no other step ends, from the first knowledge of the session."""
    if wait.is_over:
        return end(wait, Edge.REFUSE, Why.TIMEOUT)
    return noted(wait, replace(wait.notes, reserved=wait.reserved))


def noted(wait: Wait, notes: Notes, why: Why = Why.NOTED) -> Step | None:
    """A step for changed notes, else None."""
    if notes == wait.notes:
        return None
    return Step(why=why, vm_id=wait.machine.vm_id, change=note(wait.machine.stored, notes))
