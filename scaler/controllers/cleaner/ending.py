"""The step into "used", and the delete that may go with it."""

from dataclasses import replace

from scaler.model.edges import Actor, Edge
from scaler.model.instance import InstanceRef, ProvisioningState
from scaler.model.lifecycle import Change, note, step
from scaler.model.machine import Machine, SeenMachine
from scaler.model.notes import DeleteNote, Notes
from scaler.model.plan import Delete, Facts, Get, Lacks, Step, Why
from scaler.model.policy import Policy
from scaler.model.standing import deletable


def ended(machine: SeenMachine, edge: Edge | None, notes: Notes, why: Why, policy: Policy) -> Step | Lacks:
    """A step into "used"; with the delete at once where nothing speaks against it, and a targeted GET showed so.

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
    """A targeted GET of it. Those that Azure shows come first: they cost money, whatever rows without a machine say."""
    return Get(ref=ref, place=(machine.instance is None, *longest_spent_first(machine)))


def longest_spent_first(machine: Machine) -> tuple[float, str]:
    """Its place in a pass."""
    notes = machine.stored.notes
    spent = notes.spent.at.timestamp() if notes is not None and notes.spent is not None else float("inf")
    return (spent, machine.vm_id)


def on_its_way_out(notes: Notes, machine: SeenMachine, policy: Policy) -> bool:
    """Being deleted, and not for so long that Azure must have lost the operation: then it is ordered again."""
    if machine.instance.provisioning is not ProvisioningState.DELETING:
        return False
    return notes.unsettled_at is None or machine.at - notes.unsettled_at < policy.delete_lost


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
