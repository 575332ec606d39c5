"""The step into "used", and the delete that may go with it."""

from dataclasses import replace

from scaler.model.edges import Actor, Edge
from scaler.model.lifecycle import Change, note, step
from scaler.model.machine import SeenMachine
from scaler.model.notes import DeleteNote, Notes
from scaler.model.plan import Delete, Facts, Step, Why
from scaler.model.policy import Policy
from scaler.model.standing import deletable


def ended(machine: SeenMachine, edge: Edge | None, notes: Notes, why: Why, policy: Policy) -> Step:
    """A step into "used"; with the delete at once where nothing speaks against it.

    An unreadable record is left alone: the notes alone carry the step then.
    """
    to_be_deleted = with_delete(machine, notes, policy)
    after = to_be_deleted or notes
    order = Delete(ref=machine.instance.ref, rests_on=machine.sighting) if to_be_deleted is not None else None
    facts: Facts = {"session": notes.session, "attempt": after.delete.attempts if after.delete else None}
    return Step(why=why, vm_id=machine.vm_id, change=_change(machine, edge, after), order=order, facts=facts)


def _change(machine: SeenMachine, edge: Edge | None, notes: Notes) -> Change:
    record = machine.stored.readable
    if edge is None or record is None:
        return note(machine.stored, notes)
    return step(edge, Actor.CLEANER, machine.stored, record, notes, machine.now)


def with_delete(machine: SeenMachine, notes: Notes, policy: Policy) -> Notes | None:
    """The notes with another delete in them, None if it must not be ordered now.

    A delete rests on a targeted GET of this very tick alone.
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
    """The same step without its delete, for which there is no room in this tick; None where nothing is left.

    The note of how the session ended must not wait: its time decides whose turn it is.
    """
    change = ending.change
    if change is None or not isinstance(change.notes, Notes):
        return None
    known = change.row.notes
    notes = replace(change.notes, delete=known.delete if known is not None else None)
    if change.edge is None and (known is None or notes.spent == known.spent):
        return None
    return replace(ending, change=replace(change, notes=notes), order=None)
