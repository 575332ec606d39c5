"""The step into "used", and the delete that goes with the step or follows."""

from dataclasses import replace

from scaler.model.clocks import is_ahead
from scaler.model.edges import Actor, Edge
from scaler.model.instance import InstanceRef, ProvisioningState
from scaler.model.lifecycle import note, step
from scaler.model.machine import Machine, SeenMachine
from scaler.model.plan import Delete, Facts, Get, Lacks, Step, Why
from scaler.model.policy import Policy
from scaler.model.row import DeleteNote, Notes, SpentNote
from scaler.model.standing import deletable, held, may_run_unused, ripe


def longest_spent_first(machine: Machine) -> tuple[float, str]:
    spent = machine.notes_now.spent
    return (spent.at.timestamp() if spent is not None else float("inf"), machine.vm_id)


def expire(machine: SeenMachine, why: Why, policy: Policy, said: str = "") -> Step | Lacks:
    """End the session. `said`: by the machine, for people."""
    notes = machine.notes_now
    sessions = {**notes.ended, notes.session: Edge.EXPIRE} if notes.session is not None else notes.ended
    spent = SpentNote(why=Edge.EXPIRE, at=machine.now, reason=why, said=said)
    return ended(machine, Edge.EXPIRE, replace(notes, ended=sessions, spent=spent), why, policy)


def ended(machine: SeenMachine, edge: Edge | None, notes: Notes, why: Why, policy: Policy) -> Step | Lacks:
    """Make the step into "used", with the delete if a targeted GET allows it at once.

    An unreadable record is left alone: the notes alone carry the step then.
    """
    to_be_deleted, row = with_delete(machine, notes, policy), machine.stored
    after = to_be_deleted or notes
    change = note(row, after)
    if edge is not None and row.readable is not None:
        change = step(edge, Actor.CLEANER, row, row.readable, after, machine.now)
    order = Delete(ref=machine.instance.ref, rests_on=machine.sighting) if to_be_deleted is not None else None
    facts: Facts = {"session": notes.session, "attempt": after.delete.attempts if after.delete else None}
    ending = Step(why=why, vm_id=machine.vm_id, change=change, order=order, facts=facts)
    settled = machine.is_asked_for or row.notes is None or on_its_way_out(machine, policy)
    return ending if settled else Lacks(ask=targeted_get(machine, machine.instance.ref), otherwise=ending)


def targeted_get(machine: Machine, ref: InstanceRef) -> Get:
    """Ask for a targeted GET. Machines that Azure shows come first, because only these cost money."""
    return Get(ref=ref, place=(machine.instance is None, *longest_spent_first(machine)))


def on_its_way_out(machine: SeenMachine, policy: Policy) -> bool:
    """Whether the machine is being deleted, and Azure has not lost the operation (by the time)."""
    if machine.instance.provisioning is not ProvisioningState.DELETING:
        return False
    since = machine.notes_now.unsettled_at
    return since is None or machine.at - since < policy.delete_lost


def with_delete(machine: SeenMachine, notes: Notes, policy: Policy) -> Notes | None:
    """The notes with another delete, None if a delete must not be ordered now.

    A delete rests on a targeted GET of this tick alone.
    """
    allowed = machine.is_asked_for and machine.sighting.orders_allowed and not held(notes, machine.now, policy)
    if not allowed or not deletable(notes, machine.instance, machine.clocks, policy):
        return None
    attempts = notes.delete.attempts if notes.delete is not None else 0
    return replace(notes, delete=DeleteNote(at=machine.now, attempts=attempts + 1))


def may_be_deletable(machine: Machine, policy: Policy) -> bool:
    """Whether a targeted GET may allow the delete now: no visitor by the last look, or no look yet."""
    instance, clocks, notes = machine.instance, machine.clocks, machine.notes_now
    free = may_run_unused(notes, instance, clocks, policy) or (instance is not None and not instance.runs)
    return free and _is_due(machine, policy) and ripe(notes, clocks, policy)


def _is_due(machine: Machine, policy: Policy) -> bool:
    """Whether a delete is due: never ordered, or the last order is older than 2, 4, 8 … 60 minutes."""
    last = machine.notes_now.delete
    if last is None or is_ahead(last.at, machine.now):
        return True
    doublings = max(0, min(last.attempts - 1, 16))
    return machine.now - last.at >= min(policy.delete_retry * (1 << doublings), policy.delete_retry_most)
