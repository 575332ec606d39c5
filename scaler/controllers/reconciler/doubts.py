"""A machine that may have been used is never offered again: CONDEMN at rest, PRESUME while it runs."""

from dataclasses import replace
from datetime import timedelta

from scaler.controllers.reconciler.case import Case
from scaler.model.edges import Actor, Edge
from scaler.model.instance import ProvisioningState
from scaler.model.lifecycle import note, step
from scaler.model.notes import SpentNote
from scaler.model.plan import Refusal, Step, Why
from scaler.model.record import Status


def condemn(case: Case, why: Why) -> Step:
    """Available or unknown -> used. What was spent before keeps its first reason."""
    spent = case.notes.spent or SpentNote(why=Edge.CONDEMN, at=case.now, seen_at=case.at)
    notes = replace(case.notes, spent=spent)
    change = step(Edge.CONDEMN, Actor.RECONCILER, case.row, case.record, notes, case.now)
    return Step(why=why, vm_id=case.row.vm_id, change=change)


def presume(case: Case) -> Step:
    """It runs, marked, and the notes do not say why: somebody may be on it. If they say who, with that session."""
    notes = case.notes
    if notes.presumed_at is None:
        notes = replace(notes, presumed_at=case.now, presumed_seen_at=case.at)
    record = notes.opened.record if notes.opened is not None else case.record
    record = replace(record, session_id=notes.session or record.session_id)
    change = step(Edge.PRESUME, Actor.RECONCILER, case.row, record, notes, case.now)
    return Step(why=Why.MARKED_UNKNOWN_RUNS, vm_id=case.row.vm_id, change=change, facts={"session": notes.session})


def doubtful(case: Case) -> Step | Refusal | None:
    """Marked and unknown, its record lost or undone, or tainted."""
    if case.instance.runs and case.instance.marked:
        return presume(case)
    if case.instance.runs and not case.instance.busy:  # unmarked: the provisioner stops it
        return None
    if not case.instance.at_rest:
        return hold_over(case)
    return _at_rest(case) if case.seen.sighting.plausible else None


def _at_rest(case: Case) -> Step | None:
    if case.notes.beyond_admitting:
        return condemn(case, _lost_or_undone(case))
    if case.mood.most_unknown and not _unknown_long_enough(case):
        return _note_unknown(case)
    return condemn(case, Why.MARKED_UNKNOWN if case.row.record is None else Why.NOTES_LOST)


def _lost_or_undone(case: Case) -> Why:
    if case.row.readable is None:
        return Why.RECORD_LOST if case.row.record is None else Why.UNREADABLE
    known = case.row.notes
    return Why.UNFINISHED if known is not None and known.unsettled_at is not None else Why.RECORD_UNDONE


def _unknown_long_enough(case: Case) -> bool:
    since = case.notes.unknown_at
    return since is not None and case.now - since >= case.policy.flush_hold


def _note_unknown(case: Case) -> Step | None:
    if case.notes.unknown_at is not None:
        return None
    notes = replace(case.notes, unknown_at=case.now)
    return Step(why=Why.MOST_UNKNOWN, vm_id=case.row.vm_id, change=note(case.row, notes, case.out_of_available))


def in_session(case: Case) -> Step | Refusal | None:
    """Unavailable and not used: the cleaner's, unless nothing says whose session it is."""
    notes, instance = case.row.notes, case.instance
    explained = notes is not None and (notes.opened is not None or notes.presumed_at is not None)
    if instance.marked and instance.runs and not explained:
        return presume(case)
    if not explained and not instance.settled:
        return hold_over(case)
    if not instance.marked and instance.runs:
        return Refusal(why=Why.UNMARKED_IN_SESSION, vm_id=case.row.vm_id, alarm=True)
    return None


def used(case: Case) -> Step | None:
    """Its record must say so, where the cleaner finds it. A RELEASE in the record is the cleaner's to acknowledge."""
    record, notes = case.row.readable, case.row.notes
    said = record is not None and record.used and record.status is Status.UNAVAILABLE
    noted_only = case.unreadable and notes is not None and notes.spent is not None
    return None if said or noted_only else condemn(case, Why.USED_ELSEWHERE)


def hold_over(case: Case) -> Step | Refusal | None:
    """Failed, or neither at rest nor running: condemned past its hold, which depends on the class of the failure.

    A deletion that somebody else ordered, and Azure does not finish: condemned, so that the cleaner orders it again.
    """
    if not case.seen.sighting.plausible:
        return None
    if case.instance.provisioning is ProvisioningState.DELETING:
        return condemn(case, Why.DELETION_HANGS) if _unfinished_for(case) >= case.policy.delete_lost else None
    failed = case.notes.failed
    if case.instance.failed and failed is not None:
        over = case.at - failed.since >= case.policy.failed_hold[failed.failure]
        return condemn(case, Why.FAILED) if over else None
    return condemn(case, Why.UNFINISHED) if _unfinished_for(case) >= case.policy.creating_timeout else None


def _unfinished_for(case: Case) -> timedelta:
    created = case.instance.created_at
    if case.instance.provisioning is ProvisioningState.CREATING and created is not None:
        return case.at - created
    return case.at - (case.notes.unsettled_at or case.at)
