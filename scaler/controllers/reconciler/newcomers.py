"""A new machine at rest is marked, and admitted once every order given before the mark is dead."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from scaler.controllers.reconciler.case import Case, mark_given_up, not_asked_lately
from scaler.controllers.reconciler.doubts import condemn, hold_over, presume
from scaler.model.clocks import is_ahead
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet, Member, Seen
from scaler.model.instance import InstanceRef
from scaler.model.lifecycle import note, step
from scaler.model.notes import Notes
from scaler.model.plan import Mark, Refusal, Step, Why
from scaler.model.policy import Policy
from scaler.model.record import Status
from scaler.model.sighting import By
from scaler.model.standing import Standing, standing


def newcomer(case: Case) -> Step | Refusal | None:
    """NEW, ADMITTING or UNMARKED. While it runs unmarked it is the provisioner's, which stops it."""
    if case.instance.runs and case.instance.marked:
        return presume(case)
    if case.instance.runs and not case.instance.busy:
        return None
    if not case.instance.at_rest:
        return hold_over(case)
    if case.unreadable:  # somebody wrote what is not a record where ours belongs: it cannot be offered
        return condemn(case, Why.UNREADABLE)
    return admit(case) if case.standing is Standing.ADMITTING else mark(case)


def mark(case: Case) -> Step | Refusal | None:
    """Note it, then order the mark; once per horizon, and not for ever. It rests on a targeted GET.

    An old listing may be from before a mark that it has had for long. To take such a machine for a new one, when Redis
    has forgotten it, would be to hand it out a second time; a GET is never so old that it lacks the mark.
    Where Azure refuses every mark nothing is deleted for it: after a while it is tried again from the beginning.
    """
    notes, given_up = case.notes, mark_given_up(case.notes, case.now, case.policy)
    if given_up and case.instance.ref.scale_set not in case.mood.marks_refused_in:
        return condemn(case, Why.MARK_REFUSED) if case.seen.sighting.plausible else None
    look = case.seen.sighting
    if look.by is not By.TARGETED or not look.orders_allowed or _asked_lately(notes, case.now, case.policy):
        return None
    begins = notes.admitted_at is not None or notes.admitting_at is None
    afresh = given_up or begins or not_asked_lately(notes, case.now, case.policy)  # all its attempts, again
    asked = replace(
        notes,
        admitting_at=case.now if afresh else notes.admitting_at,
        admitted_at=None,
        reserved=None,
        claim=None,  # an order that rested on it dies before the machine is admitted again
        mark_asked_at=case.now,
        mark_seen_at=None,
        mark_noted_at=None,
        mark_attempts=0 if afresh else notes.mark_attempts,
        unindexed_at=_out_since(case),
    )
    order = Mark(ref=case.instance.ref, etag=case.instance.etag, rests_on=case.seen.sighting)
    why = Why.MARK_GONE if case.standing is Standing.UNMARKED else Why.NEW_AT_REST
    return Step(why=why, vm_id=case.row.vm_id, change=note(case.row, asked, case.out_of_available), order=order)


def _asked_lately(notes: Notes, now: datetime, policy: Policy) -> bool:
    patience = policy.flush_hold if mark_given_up(notes, now, policy) else policy.order_horizon
    if notes.mark_asked_at is None or is_ahead(notes.mark_asked_at, now):
        return False
    return now - notes.mark_asked_at < patience


def to_be_marked(fleet: Fleet, policy: Policy) -> Iterator[InstanceRef]:
    """Whom the next marks are for, as far as the listing shows; who was asked for longest ago first.

    Where we may not act yet they are only told of, and come last.
    """
    return (seen.instance.ref for _, seen in sorted(_unmarked(fleet, policy), key=_by_their_last_mark))


def _unmarked(fleet: Fleet, policy: Policy) -> Iterator[tuple[Member, Seen]]:
    for member in fleet.members:
        seen, notes = member.seen, member.row.notes
        if seen is None or not seen.instance.at_rest:
            continue
        words = {Standing.NEW, Standing.UNMARKED}
        if standing(member, policy) in words and (notes is None or not _asked_lately(notes, fleet.now, policy)):
            yield member, seen


def _by_their_last_mark(each: tuple[Member, Seen]) -> tuple[bool, float, str]:
    member, seen = each
    asked = member.row.notes.mark_asked_at if member.row.notes is not None else None
    return not seen.sighting.orders_allowed, asked.timestamp() if asked is not None else 0.0, member.vm_id


def admit(case: Case) -> Step | None:
    """First note when the mark was seen, in a listing later than the order; then wait out the horizon; then ADMIT.

    A record that is Available already was offered before: as long as an SPOP may be under way it stays out.
    """
    notes = replace(case.notes, unindexed_at=_out_since(case))
    seen_for = case.clocks.since_first_seen(notes.mark_seen_at, notes.mark_noted_at)
    if seen_for is None:
        seen = replace(notes, mark_seen_at=case.at, mark_noted_at=case.now)
        return Step(why=Why.MARK_SEEN, vm_id=case.row.vm_id, change=note(case.row, seen, case.out_of_available))
    popped = notes.unindexed_at is not None and case.now - notes.unindexed_at < case.policy.repair_after
    if popped or seen_for < case.policy.admit_after:
        return None
    admitted = replace(notes, admitted_at=case.now, mark_attempts=0, unindexed_at=None)
    change = step(Edge.ADMIT, Actor.RECONCILER, case.row, case.fresh_record(), admitted, case.now)
    facts = {"warm": case.instance.warm}
    return Step(why=Why.HORIZON_PASSED, vm_id=case.row.vm_id, change=change, facts=facts)


def _out_since(case: Case) -> datetime | None:
    """Since when the key of a record that is Available already has been outside `available`."""
    return case.unindexed_since if case.row.status is Status.AVAILABLE else None
