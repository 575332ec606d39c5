"""A machine that may have been used is never offered again: CONDEMN at rest, PRESUME while it runs."""

from dataclasses import replace
from datetime import timedelta

from scaler.controllers.reconciler.context import Context, note_unoffered
from scaler.model.edges import Actor, Edge
from scaler.model.instance import ProvisioningState
from scaler.model.lifecycle import step
from scaler.model.machine import SeenMachine
from scaler.model.plan import Refusal, Step, Why
from scaler.model.policy import Policy
from scaler.model.row import SpentNote, Status
from scaler.model.scarcity import failed_creation


def condemn(machine: SeenMachine, why: Why, policy: Policy) -> Step:
    """Available or unknown -> used. A machine spent before keeps the first reason."""
    spent = machine.notes_now.spent or SpentNote(why=Edge.CONDEMN, at=machine.now, seen_at=machine.at)
    notes = replace(machine.notes_now, spent=spent)
    record = machine.record_now(policy)
    change = step(Edge.CONDEMN, Actor.RECONCILER, machine.stored, record, notes, machine.now)
    return Step(why=why, vm_id=machine.vm_id, change=change)


def presume(machine: SeenMachine, policy: Policy) -> Step:
    """Presume a session on a marked machine that runs without an explanation; with the session of the notes, if any."""
    notes = machine.notes_now
    if notes.presumed_at is None:
        notes = notes.presumed(machine.now, machine.at)
    record = notes.opened.record if notes.opened is not None else machine.record_now(policy)
    record = replace(record, session_id=notes.session or record.session_id)
    change = step(Edge.PRESUME, Actor.RECONCILER, machine.stored, record, notes, machine.now)
    return Step(why=Why.MARKED_UNKNOWN_RUNS, vm_id=machine.vm_id, change=change, facts={"session": notes.session})


def doubtful(machine: SeenMachine, context: Context) -> Step | Refusal | None:
    """Judge a machine that is marked and unknown, or tainted, or whose record is lost or undone."""
    if not machine.instance.at_rest:
        return restless(machine, context)
    return _at_rest(machine, context) if machine.sighting.plausible else None


def restless(machine: SeenMachine, context: Context) -> Step | Refusal | None:
    """Judge a machine that should be at rest. The provisioner stops an unmarked one that runs."""
    if machine.instance.runs and machine.instance.marked:
        return presume(machine, context.policy)
    return None if machine.instance.runs and not machine.instance.busy else _hold_over(machine, context)


def _at_rest(machine: SeenMachine, context: Context) -> Step | None:
    if machine.notes_now.beyond_admitting:
        return condemn(machine, _lost_or_undone(machine), context.policy)
    since = machine.notes_now.unknown_at
    if context.most_unknown and since is None:
        notes = replace(machine.notes_now, unknown_at=machine.now)
        return Step(why=Why.MOST_UNKNOWN, vm_id=machine.vm_id, change=note_unoffered(machine, notes))
    if context.most_unknown and since is not None and machine.now - since < context.policy.flush_hold:
        return None
    why = Why.MARKED_UNKNOWN if machine.stored.record is None else Why.NOTES_LOST
    return condemn(machine, why, context.policy)


def _lost_or_undone(machine: SeenMachine) -> Why:
    if machine.stored.readable is None:
        return Why.RECORD_LOST if machine.stored.record is None else Why.UNREADABLE
    known = machine.stored.notes
    return Why.UNFINISHED if known is not None and known.unsettled_at is not None else Why.RECORD_UNDONE


def in_session(machine: SeenMachine, context: Context) -> Step | Refusal | None:
    """Judge a machine in session: left to the cleaner, unless no session is known."""
    notes, instance = machine.notes_now, machine.instance
    explained = notes.opened is not None or notes.presumed_at is not None
    if instance.marked and instance.runs and not explained:
        return presume(machine, context.policy)
    if not explained and not instance.settled:
        return _hold_over(machine, context)
    if not instance.marked and instance.runs:
        return Refusal(why=Why.UNMARKED_IN_SESSION, vm_id=machine.vm_id, alarm=True)
    return None


def used(machine: SeenMachine, context: Context) -> Step | None:
    """Make the record of a used machine say so, for the cleaner, who also acknowledges a RELEASE in the record."""
    record = machine.stored.readable
    said = record is not None and record.used and record.status is Status.UNAVAILABLE
    noted_only = machine.stored.is_unreadable and machine.notes_now.spent is not None
    return None if said or noted_only else condemn(machine, Why.USED_ELSEWHERE, context.policy)


def _hold_over(machine: SeenMachine, context: Context) -> Step | Refusal | None:
    """Condemn a Failed or unsettled machine past its hold, which depends on the class of the failure.

    A foreign deletion that Azure does not finish: condemn, so that the cleaner orders the deletion again. Where too
    many creations failed, the machines that failed are kept, for the operator to see.
    """
    policy = context.policy
    if not machine.sighting.plausible:
        return None
    if failed_creation(machine.instance) and machine.sighting.scale_set in context.creating_stopped_in:
        return None
    if machine.instance.provisioning is ProvisioningState.DELETING:
        hangs = _unfinished_for(machine) >= policy.delete_lost
        return condemn(machine, Why.DELETION_HANGS, policy) if hangs else None
    failed = machine.notes_now.failed
    if machine.instance.failed and failed is not None:
        over = machine.at - failed.since >= policy.failed_hold[failed.failure]
        return condemn(machine, Why.FAILED, policy) if over else None
    return condemn(machine, Why.UNFINISHED, policy) if _unfinished_for(machine) >= policy.creating_timeout else None


def _unfinished_for(machine: SeenMachine) -> timedelta:
    created = machine.instance.created_at
    if machine.instance.provisioning is ProvisioningState.CREATING and created is not None:
        return machine.at - created
    return machine.at - (machine.notes_now.unsettled_at or machine.at)
