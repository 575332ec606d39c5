"""Unavailable and not used: somebody is, or may be, on it. It ends by its limit, or when it came to rest."""

from dataclasses import replace
from datetime import timedelta

from scaler.controllers.cleaner.ending import ended, get
from scaler.model.clocks import Clocks
from scaler.model.edges import Edge
from scaler.model.lifecycle import note
from scaler.model.machine import SeenMachine
from scaler.model.notes import Notes, SpentNote
from scaler.model.plan import Decision, Lacks, Step, Why
from scaler.model.policy import Policy
from scaler.model.standing import presumption_over


def in_session(machine: SeenMachine, policy: Policy) -> Decision:
    """EXPIRE, or the first witness for it, or the erasure of one that was contradicted."""
    over = limit_over(machine.notes_now, machine.clocks, policy) or _lost_from_view(machine, policy)
    if over is not None:
        return _expire(machine, over, policy)
    if machine.instance.at_rest:
        return _at_rest(machine, policy)
    known = machine.stored.notes
    if known is None or (machine.notes_now.rest_at, machine.notes_now.missed_at) == (known.rest_at, known.missed_at):
        return None
    return Step(why=Why.SEEN_AGAIN, vm_id=machine.vm_id, change=note(machine.stored, machine.notes_now))


def limit_over(notes: Notes, clocks: Clocks, policy: Policy) -> Why | None:
    """Which limit has ended it, if one has, by both clocks; ending a session takes the grace on top."""
    if notes.opened is not None and policy.session_limit:
        age = clocks.age(notes.opened.at, notes.opened.seen_at)
        return Why.LIMIT if age is not None and age >= policy.session_limit + policy.expiry_grace else None
    if notes.presumed_at is not None and presumption_over(notes, clocks, policy):
        return Why.PRESUMED_LIMIT
    return None


def _lost_from_view(machine: SeenMachine, policy: Policy) -> Why | None:
    """Sessions are unlimited and Azure has not said for hours whether it runs: then the presumed limit serves."""
    since = machine.notes_now.unsettled_at
    if policy.session_limit or since is None:
        return None
    patience = policy.creating_timeout + policy.presumed_limit
    return Why.PRESUMED_LIMIT if machine.at - since >= patience else None


def _at_rest(machine: SeenMachine, policy: Policy) -> Step | Lacks | None:
    """Evicted, or shut down from inside. A listing may be the first witness; the second is a targeted GET."""
    since = machine.clocks.since_first_seen(machine.notes_now.rest_at, machine.notes_now.rest_noted_at)
    if since is None:
        notes = replace(machine.notes_now, rest_at=machine.at, rest_noted_at=machine.now)
        return Step(why=Why.RESTS, vm_id=machine.vm_id, change=note(machine.stored, notes))
    if not machine.is_asked_for:
        return Lacks(ask=get(machine, machine.instance.ref))
    return _expire(machine, Why.CAME_TO_REST, policy) if since >= policy.witness_gap > timedelta(0) else None


def _expire(machine: SeenMachine, why: Why, policy: Policy) -> Step | Lacks:
    notes = machine.notes_now
    sessions = {**notes.ended, notes.session: Edge.EXPIRE} if notes.session is not None else notes.ended
    spent = SpentNote(why=Edge.EXPIRE, at=machine.now)
    return ended(machine, Edge.EXPIRE, replace(notes, ended=sessions, spent=spent), why, policy)
