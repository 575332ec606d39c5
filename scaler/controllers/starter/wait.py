"""One session waiting for one machine, and the clock of its waiting."""

from dataclasses import dataclass, replace
from datetime import datetime

from scaler.controllers.starter.endings import refuse
from scaler.controllers.starter.stranded import Stranded, would_follow
from scaler.model.instance import FailureClass, SessionId
from scaler.model.lifecycle import note
from scaler.model.machine import Machine
from scaler.model.notes import Notes, ReservedNote, StartNote
from scaler.model.plan import Step, Why
from scaler.model.policy import Policy
from scaler.model.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """One session waiting for one machine."""

    machine: Machine
    record: Record
    session: SessionId
    notes: Notes
    now: datetime
    policy: Policy

    @property
    def start(self) -> StartNote | None:
        """The start note, if it is this session's."""
        start = self.notes.start
        return start if start is not None and start.session == self.session else None

    @property
    def since(self) -> datetime:
        """Since when we know of this session's waiting, by Redis' clock."""
        return reserved_since(self).at

    @property
    def is_over(self) -> bool:
        """It has waited as long as anybody is to wait."""
        return self.now - self.since >= self.policy.reservation_timeout

    @property
    def movable(self) -> bool:
        """Whether its queue manager would follow a MOVE."""
        return would_follow(self.notes.waiting(self.session), self.policy)

    def stranded(self, why: Why, failure: FailureClass | None = None, otherwise: Step | None = None) -> Stranded:
        """It cannot have this machine."""
        return Stranded(machine=self.machine, record=self.record, why=why, failure=failure, otherwise=otherwise)


def timeout(wait: Wait) -> Step | None:
    """The clock of a waiting that nothing else ends; it starts when we first know of the session."""
    if wait.is_over:
        return refuse(wait.machine, wait.record, Why.TIMEOUT, wait.now)
    return noted(wait, replace(wait.notes, reserved=reserved_since(wait)))


def noted(wait: Wait, notes: Notes) -> Step | None:
    """New notes, if they are new."""
    if notes == wait.notes:
        return None
    return Step(why=Why.NOTED, vm_id=wait.machine.vm_id, change=note(wait.machine.stored, notes))


def reserved_since(wait: Wait) -> ReservedNote:
    """The note that starts the clock: the one there is, else one that begins with the start, or now."""
    since = wait.start.at if wait.start is not None else wait.now
    return wait.notes.waiting(wait.session) or ReservedNote(session=wait.session, at=since)
