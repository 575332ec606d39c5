"""Decisions about a reserved machine by the notes alone: late writes, sessions that gave up."""

from dataclasses import replace

from scaler.model.edges import Actor, Edge
from scaler.model.lifecycle import Change, restore, step
from scaler.model.machine import Machine, notes_of_missed
from scaler.model.plan import Step, Why
from scaler.model.row import Notes, Record, SpentNote, Status


def by_registry(machine: Machine) -> Step | None:
    """Undo a late write over a decision in the notes, or end a session that gave up.

    None where Azure must be asked: about a machine that can be started, or that the notes do not place.
    """
    record, notes = machine.stored.readable, machine.stored.notes
    if record is None or notes is None:
        return None
    undone = _undone(machine, record, notes)
    if undone is not None or not notes.scale_set:
        return undone
    return abandon(machine, record) if record.used else None


def _undone(machine: Machine, record: Record, notes: Notes) -> Step | None:
    session = record.session
    if session in notes.ended:
        spent = notes.spent or SpentNote(why=Edge.CONDEMN, at=machine.now)
        back = replace(record, status=Status.UNAVAILABLE, used=True, updated_at=machine.now)
        change = restore(machine.stored, back, Status.UNAVAILABLE, replace(notes, spent=spent))
        return Step(why=Why.UNDONE_END, vm_id=machine.vm_id, change=change, facts={"session": session})
    if notes.opened is not None and notes.spent is None:
        released = record.used and notes.opened.session == session
        back = replace(notes.opened.record, status=Status.UNAVAILABLE, used=released)
        facts = {"session": notes.opened.session, "late": session}
        change = restore(machine.stored, back, Status.UNAVAILABLE)
        return Step(why=Why.UNDONE_OPEN, vm_id=machine.vm_id, change=change, facts=facts)
    return None


def refuse(machine: Machine, record: Record, why: Why) -> Step:
    """Visibly: Unavailable and used, with the reason in the notes."""
    change = _end(machine, record, Edge.REFUSE, why)
    return Step(why=why, vm_id=machine.vm_id, change=change, facts={"session": record.session})


def abandon(machine: Machine, record: Record) -> Step:
    """The session gave up."""
    change = _end(machine, record, Edge.ABANDON, Why.GAVE_UP)
    return Step(why=Why.GAVE_UP, vm_id=machine.vm_id, change=change, facts={"session": record.session})


def _end(machine: Machine, record: Record, edge: Edge, why: Why) -> Change:
    notes = notes_of_missed(machine.stored)
    sessions = {**notes.ended, record.session: edge}
    used = notes.spent or SpentNote(why=edge, at=machine.now, reason=why, seen_at=machine.at)
    notes = replace(notes, ended=sessions, spent=used)
    return step(edge, Actor.STARTER, machine.stored, record, notes, machine.now)
