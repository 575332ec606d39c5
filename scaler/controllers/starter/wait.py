"""One session waiting for one machine, and the clock of its waiting."""

from dataclasses import dataclass, replace
from datetime import datetime

from scaler.controllers.starter.endings import refuse
from scaler.controllers.starter.stranded import Stranded
from scaler.model.fleet import Member
from scaler.model.instance import FailureClass, SessionId
from scaler.model.lifecycle import note
from scaler.model.notes import Notes, ReservedNote, StartNote
from scaler.model.plan import Step, Why
from scaler.model.policy import Moves, Policy
from scaler.model.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """One session waiting for one machine."""

    member: Member
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
        noted = self.notes.reserved
        if noted is not None and noted.session == self.session:
            return noted.at
        return self.start.at if self.start is not None else self.now

    @property
    def movable(self) -> bool:
        """Whether its queue manager would follow a MOVE."""
        noted = self.notes.reserved
        theirs = noted is not None and noted.session == self.session and noted.movable
        return theirs or self.policy.moves is Moves.ALWAYS

    def stranded(self, why: Why, failure: FailureClass | None = None, otherwise: Step | None = None) -> Stranded:
        """It cannot have this machine."""
        return Stranded(member=self.member, record=self.record, why=why, failure=failure, otherwise=otherwise)


def timeout(wait: Wait) -> Step | None:
    """The clock of a waiting that nothing else ends; it starts when we first know of the session."""
    if wait.now - wait.since >= wait.policy.reservation_timeout:
        return refuse(wait.member, wait.record, Why.TIMEOUT, wait.now)
    return noted(wait, replace(wait.notes, reserved=reserved_since(wait)))


def noted(wait: Wait, notes: Notes) -> Step | None:
    """New notes, if they are new."""
    if notes == wait.notes:
        return None
    return Step(why=Why.NOTED, vm_id=wait.member.vm_id, change=note(wait.member.row, notes))


def reserved_since(wait: Wait) -> ReservedNote:
    """The note that starts the clock."""
    noted = wait.notes.reserved
    if noted is not None and noted.session == wait.session:
        return noted
    return ReservedNote(session=wait.session, at=wait.since)
