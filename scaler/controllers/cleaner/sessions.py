"""Ends of sessions: by the limit, or at rest. The step into "used" may carry the delete."""

from dataclasses import replace
from datetime import timedelta

from scaler.model.clocks import Clocks
from scaler.model.edges import Actor, Edge
from scaler.model.instance import InstanceRef, ProvisioningState
from scaler.model.lifecycle import Change, note, step
from scaler.model.machine import Machine, SeenMachine
from scaler.model.plan import Decision, Delete, Facts, Get, Lacks, Step, Why
from scaler.model.policy import Policy
from scaler.model.row import DeleteNote, Notes, SpentNote
from scaler.model.standing import deletable, presumption_over


def ended(machine: SeenMachine, edge: Edge | None, notes: Notes, why: Why, policy: Policy) -> Step | Lacks:
    """Make the step into "used", with the delete if a targeted GET allows it at once.

    An unreadable record is left alone: the notes alone carry the step then.
    """
    to_be_deleted = with_delete(machine, notes, policy)
    after = to_be_deleted or notes
    order = Delete(ref=machine.instance.ref, rests_on=machine.sighting) if to_be_deleted is not None else None
    facts: Facts = {"session": notes.session, "attempt": after.delete.attempts if after.delete else None}
    ending = Step(why=why, vm_id=machine.vm_id, change=_change(machine, edge, after), order=order, facts=facts)
    settled = machine.is_asked_for or machine.stored.notes is None or on_its_way_out(notes, machine, policy)
    return ending if settled else Lacks(ask=get(machine, machine.instance.ref), otherwise=ending)


def get(machine: Machine, ref: InstanceRef) -> Get:
    """Ask for a targeted GET. Machines that Azure shows come first, because only these cost money."""
    return Get(ref=ref, place=(machine.instance is None, *longest_spent_first(machine)))


def longest_spent_first(machine: Machine) -> tuple[float, str]:
    """Its place in a pass."""
    notes = machine.stored.notes
    spent = notes.spent.at.timestamp() if notes is not None and notes.spent is not None else float("inf")
    return (spent, machine.vm_id)


def on_its_way_out(notes: Notes, machine: SeenMachine, policy: Policy) -> bool:
    """Whether the machine is being deleted, and Azure has not lost the operation (by the time)."""
    if machine.instance.provisioning is not ProvisioningState.DELETING:
        return False
    return notes.unsettled_at is None or machine.at - notes.unsettled_at < policy.delete_lost


def _change(machine: SeenMachine, edge: Edge | None, notes: Notes) -> Change:
    record = machine.stored.readable
    if edge is None or record is None:
        return note(machine.stored, notes)
    return step(edge, Actor.CLEANER, machine.stored, record, notes, machine.now)


def with_delete(machine: SeenMachine, notes: Notes, policy: Policy) -> Notes | None:
    """The notes with another delete, None if a delete must not be ordered now.

    A delete rests on a targeted GET of this tick alone.
    """
    if (
        not machine.is_asked_for
        or not machine.sighting.orders_allowed
        or not deletable(notes, machine.instance, machine.clocks, policy)
    ):
        return None
    attempts = notes.delete.attempts if notes.delete is not None else 0
    return replace(notes, delete=DeleteNote(at=machine.now, attempts=attempts + 1))


def without_delete(ending: Step) -> Step | None:
    """The same step without the delete, for which this tick has no room; None for an empty rest.

    The note of the session's end must not wait: the time of the note decides the turn.
    """
    change = ending.change
    if change is None or not isinstance(change.notes, Notes):
        return None
    known = change.row.notes
    notes = replace(change.notes, delete=known.delete if known is not None else None)
    if change.edge is None and (known is None or notes.spent == known.spent):
        return None
    return replace(ending, change=replace(change, notes=notes), order=None)


def in_session(machine: SeenMachine, policy: Policy) -> Decision:
    """EXPIRE, or the first witness of a machine at rest, or the erasure of a contradicted witness."""
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
    """The limit that has ended the session, by both clocks and with the grace on top; None if no limit has."""
    if notes.opened is not None and policy.session_limit:
        age = clocks.age(notes.opened.at, notes.opened.seen_at)
        return Why.LIMIT if age is not None and age >= policy.session_limit + policy.expiry_grace else None
    if notes.presumed_at is not None and presumption_over(notes, clocks, policy):
        return Why.PRESUMED_LIMIT
    return None


def _lost_from_view(machine: SeenMachine, policy: Policy) -> Why | None:
    """Whether an unlimited session is over, because Azure has been silent for the presumed limit."""
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
