"""A session whose machine cannot be had: it goes on with another one, waits for one, or is refused."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from scaler.controllers.starter.endings import refuse
from scaler.controllers.starter.moving import move, spares
from scaler.model.fleet import Fleet
from scaler.model.instance import FailureClass, SessionId
from scaler.model.lifecycle import note
from scaler.model.machine import Machine
from scaler.model.notes import ReservedNote
from scaler.model.plan import Step, Why
from scaler.model.policy import Moves, Policy
from scaler.model.record import Record
from scaler.model.row import Row
from scaler.model.witness import notes_of_missed


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranded:
    """Why, and what else may be done on its machine while there is no other."""

    machine: Machine
    record: Record
    why: Why
    failure: FailureClass | None = None  # of the start that failed, where that is why
    otherwise: Step | None = None

    @property
    def waits(self) -> ReservedNote | None:
        """Since when this session has been waiting, where that is known."""
        notes = self.machine.stored.notes
        return notes.waiting(self.record.session) if notes is not None else None

    def since(self, now: datetime) -> datetime:
        """The same, from now on where it is not known."""
        return self.waits.at if self.waits is not None else now


def settle(stranded: Iterable[Stranded], fleet: Fleet, policy: Policy) -> list[Step]:
    """One step at most for each; who has waited longest has the first choice."""
    free: Sequence[Row] = spares(fleet, policy)
    steps: list[Step] = []
    for each in sorted(stranded, key=lambda it: (it.since(fleet.now), it.machine.vm_id)):
        outcome, free = _settled(each, free, fleet.now, policy)
        steps += [outcome] if outcome is not None else []
    return steps


def _settled(
    stranded: Stranded, free: Sequence[Row], now: datetime, policy: Policy
) -> tuple[Step | None, Sequence[Row]]:
    session = stranded.record.session
    if not would_follow(stranded.waits, policy):
        return refuse(stranded.machine, stranded.record, stranded.why, now), free
    chosen = _choice(stranded, session, free)
    if chosen is not None:
        return _moved(stranded, session, chosen, now), [each for each in free if each is not chosen]
    if now - stranded.since(now) >= policy.reservation_timeout:
        return refuse(stranded.machine, stranded.record, stranded.why, now), free
    return stranded.otherwise or _waits_on(stranded, session, now), free


def would_follow(waits: ReservedNote | None, policy: Policy) -> bool:
    """A queue manager that asks by machine would never hear of another one."""
    return policy.moves is Moves.ALWAYS or (waits is not None and waits.movable)


def _choice(stranded: Stranded, session: SessionId, free: Sequence[Row]) -> Row | None:
    """The best of them; after a failure for want of capacity one of another scale set, where a cold one must do."""
    known = [each for each in free if each.notes is not None and session not in each.notes.ended]
    notes = stranded.machine.stored.notes
    if notes is None or stranded.failure is None or not stranded.failure.of_capacity:
        return known[0] if known else None

    def lacks_capacity(row: Row) -> bool:
        cold = row.readable is None or not row.readable.warm
        return cold and row.notes is not None and row.notes.scale_set == notes.scale_set

    return next((each for each in known if not lacks_capacity(each)), None)


def _moved(stranded: Stranded, session: SessionId, to: Row, now: datetime) -> Step:
    notes = notes_of_missed(stranded.machine.stored)
    if notes.start is not None and notes.start.session == session and stranded.failure is not None:
        notes = replace(notes, start=replace(notes.start, failure=stranded.failure))
    waits = stranded.waits or ReservedNote(session=session, at=now)
    return move(replace(stranded.machine.stored, notes=notes), to, waits, stranded.why, now)


def _waits_on(stranded: Stranded, session: SessionId, now: datetime) -> Step | None:
    """Note when this session began to wait, if the notes do not say so yet."""
    notes = notes_of_missed(stranded.machine.stored)
    waits = stranded.waits or ReservedNote(session=session, at=now)
    if notes.reserved == waits:
        return None
    return Step(
        why=Why.NOTED,
        vm_id=stranded.machine.vm_id,
        change=note(stranded.machine.stored, replace(notes, reserved=waits)),
    )
