"""A new machine at rest is marked, and admitted once every order given before the mark is dead."""

from dataclasses import replace
from datetime import datetime, timedelta

from scaler.controllers.reconciler.claims import youngest
from scaler.controllers.reconciler.context import (
    Context,
    mark_given_up,
    not_asked_lately,
    note_unoffered,
    unindexed_since,
)
from scaler.controllers.reconciler.doubts import condemn, restless
from scaler.model.clocks import APART, is_ahead
from scaler.model.edges import Actor, Edge
from scaler.model.lifecycle import step
from scaler.model.machine import Machine, SeenMachine
from scaler.model.plan import Decision, Get, Lacks, Mark, Step, Why
from scaler.model.policy import Policy
from scaler.model.readiness import boots, never_ready
from scaler.model.row import HeatedNote, Notes, Status
from scaler.model.standing import Standing


def newcomer(machine: SeenMachine, context: Context) -> Decision:
    """Judge a NEW, ADMITTING or UNMARKED machine."""
    if not machine.instance.at_rest:
        return _given_up(machine, context.policy) or restless(machine, context)
    if machine.stored.is_unreadable:  # somebody wrote what is not a record where ours belongs: it cannot be offered
        return condemn(machine, Why.UNREADABLE, context.policy)
    return admit(machine, context.policy) if machine.standing is Standing.ADMITTING else mark(machine, context)


def _given_up(machine: SeenMachine, policy: Policy) -> Decision:
    """Condemn a new running machine that was not Healthy in time; by a targeted GET, for listings are old.

    The machine is deleted while running: the provisioner, without notes, stops only Healthy machines.
    """
    instance, at = machine.instance, machine.at
    since = instance.created_at or machine.notes_now.found_at
    if machine.is_asked_for:
        late = never_ready(instance, at, since, policy)
        return condemn(machine, Why.NOT_HEALTHY_IN_TIME, policy) if late else None
    if boots(instance, at, policy) and since is not None and at - since >= policy.unready_bound:
        return Lacks(ask=Get(ref=instance.ref, queue="admission", place=(since.timestamp(), machine.vm_id)))
    return None


def mark(machine: SeenMachine, context: Context) -> Decision:
    """Note, then order the mark; once per horizon, and not for ever. The order rests on a targeted GET.

    A listing may be older than the mark. A marked machine that Redis has forgotten would look new by such a listing,
    and be handed out a second time; a GET is never so old. If Azure refuses every mark, no machine is deleted for that:
    after a while the marks are tried again from the beginning.
    """
    policy, notes, look = context.policy, machine.notes_now, machine.sighting
    given_up = mark_given_up(notes, machine.now, policy)
    if given_up and machine.instance.ref.scale_set not in context.marks_refused_in:
        return condemn(machine, Why.MARK_REFUSED, policy) if look.plausible else None
    if not look.orders_allowed or _asked_lately(notes, machine.now, policy) or _claim_lives(machine, policy):
        return None
    if notes.heated is not None and notes.admitted_at is None and not _is_out_for_good(notes.heated, machine, policy):
        return None
    if not machine.is_asked_for:  # the longest unasked first
        asked_at = notes.mark_asked_at.timestamp() if notes.mark_asked_at is not None else 0.0
        return Lacks(ask=Get(ref=machine.instance.ref, queue="admission", place=(asked_at, machine.vm_id)))
    if notes.heated is not None and notes.admitted_at is not None:
        return _taken_out(machine, notes.heated)
    begins = notes.admitted_at is not None or notes.admitting_at is None
    afresh = given_up or begins or not_asked_lately(notes, machine.now, policy)  # all its attempts, again
    asked = replace(
        notes,
        admitting_at=machine.now if afresh else notes.admitting_at,
        admitted_at=None,
        reserved=None,
        claim=None,  # every order that rested on it is dead
        mark_asked_at=machine.now,
        mark_seen_at=None,
        mark_noted_at=None,
        mark_attempts=0 if afresh else notes.mark_attempts,
        unindexed_at=_out_since(machine),
    )
    order = Mark(ref=machine.instance.ref, etag=machine.instance.etag, rests_on=look)
    why = Why.MARK_GONE if machine.standing is Standing.UNMARKED else Why.NEW_AT_REST
    return Step(why=why, vm_id=machine.vm_id, change=note_unoffered(machine, asked), order=order)


def _is_out_for_good(heated: HeatedNote, machine: SeenMachine, policy: Policy) -> bool:
    """Whether no failover can put a heated machine back on offer, within reach of a stop of the unmarked machine."""
    since = machine.clocks.age(heated.unmarked_at, heated.unmarked_seen_at)
    return since is not None and since >= policy.ripe_after


def _taken_out(machine: SeenMachine, heated: HeatedNote) -> Step:
    """Take out a heated machine without a mark: the provisioner may have stopped the machine while on offer."""
    out = replace(
        machine.notes_now,
        admitted_at=None,
        reserved=None,
        mark_asked_at=None,
        mark_seen_at=None,
        mark_noted_at=None,
        heated=replace(heated, unmarked_at=machine.now, unmarked_seen_at=machine.at, ready_at=None),
        unindexed_at=_out_since(machine),
    )
    return Step(why=Why.TAKEN_OUT, vm_id=machine.vm_id, change=note_unoffered(machine, out))


def _claim_lives(machine: SeenMachine, policy: Policy) -> bool:
    """Whether an order under an old claim may still arrive: ADMIT waits for stops of unmarked machines alone."""
    claim = machine.notes_now.claim
    return claim is not None and -APART <= youngest(machine, claim) < policy.claim_over


def _asked_lately(notes: Notes, now: datetime, policy: Policy) -> bool:
    patience = policy.flush_hold if mark_given_up(notes, now, policy) else policy.order_horizon
    if notes.mark_asked_at is None or is_ahead(notes.mark_asked_at, now):
        return False
    return now - notes.mark_asked_at < patience


def admit(machine: SeenMachine, policy: Policy) -> Step | None:
    """Note when the mark was seen, in a look later than the order; ADMIT when every order that could hurt is dead.

    A record that is Available already was offered before, and stays out as long as an SPOP may be under way.
    """
    notes = replace(machine.notes_now, unindexed_at=_out_since(machine))
    seen_for = machine.clocks.since_first_seen(notes.mark_seen_at, notes.mark_noted_at)
    if seen_for is None:
        seen = replace(notes, mark_seen_at=machine.at, mark_noted_at=machine.now)
        return Step(why=Why.MARK_SEEN, vm_id=machine.vm_id, change=note_unoffered(machine, seen))
    popped = notes.unindexed_at is not None and machine.now - notes.unindexed_at < policy.repair_after
    if popped or admissible_in(machine, policy) > timedelta(0):
        return None
    admitted = replace(notes, admitted_at=machine.now, mark_attempts=0, unindexed_at=None)
    record = replace(
        machine.record_now(policy),
        instance_id=machine.instance.ref.instance_id,
        warm=machine.instance.warm,
        hot_since=None,
        session_id=None,
        client_ip=None,
        public_ip=None,  # what it had before it was deallocated is somebody else's by now
        private_ip=None,
    )
    change = step(Edge.ADMIT, Actor.RECONCILER, machine.stored, record, admitted, machine.now)
    return Step(why=Why.HORIZON_PASSED, vm_id=machine.vm_id, change=change, facts={"warm": record.warm})


def admissible_in(machine: Machine, policy: Policy) -> timedelta:
    """How long until stops of the unmarked machine are dead, and orders to the former machine behind its id.

    A machine without notes, or with an unseen mark, waits from now on.
    """
    notes, clocks = machine.notes_now, machine.clocks
    marked_for = clocks.since_first_seen(notes.mark_seen_at, notes.mark_noted_at) or timedelta(0)
    found_for = clocks.since_first_seen(notes.found_at, notes.found_noted_at) or timedelta(0)
    return max(policy.admit_after - marked_for, policy.id_kept_for - found_for)


def _out_since(machine: SeenMachine) -> datetime | None:
    """Since when the key of an Available record has been outside `available`."""
    return unindexed_since(machine) if machine.stored.status is Status.AVAILABLE else None
