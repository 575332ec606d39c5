"""Planted in the starter: reservations dropped, started for nobody in particular, or promised too much."""

from dataclasses import replace
from datetime import timedelta

from scaler.controllers import starter
from scaler.controllers.starter.waiting import Part, reserved
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.instance import Instance, PowerState, ProvisioningState, SessionId
from scaler.model.lifecycle import KEEP, Keep, step
from scaler.model.machine import Machine
from scaler.model.plan import Start, Step, Why
from scaler.model.policy import Policy
from scaler.model.readiness import healthy_in_this_run
from scaler.model.row import Notes, OpenedNote, OpeningNote, Row, StartNote, Status
from scaler.tick import Decide
from simulator.chaos.breaks.planted import (
    Planted,
    both,
    instances_shown,
    planned,
    rows_shown,
    shown,
    unplanned,
    with_rows,
)


def _popped(each: Step, _: Fleet) -> Step:
    """Its key in no set, by the very write that notes the start."""
    if not isinstance(each.order, Start) or each.change is None:
        return each
    return replace(each, change=replace(each.change, index=None))


def _never_put_back(each: Step, _: Fleet) -> Step | None:
    return None if each.why is Why.INDEX_REPAIR and each.change is not None and _reserved(each.change.row) else each


def _reserved(row: Row) -> bool:
    return row.status is Status.RESERVED


def _unnoted(each: Step, _: Fleet) -> Step:
    return replace(each, change=None) if isinstance(each.order, Start) else each


def _in_one_part(name: Actor, decide: Decide) -> Decide:
    """The starter in one piece: which part a machine belongs to hangs on the very note that these bugs do without."""
    return starter.decide if name is Actor.STARTER else decide


def _as_if_noted(fleet: Fleet) -> Fleet:
    """The fleet in which a start was noted for whichever session the record of a running reserved machine names.

    A machine that was opened counts as running before the first look: the notes alone would undo the late write.
    """

    def row_as(machine: Machine) -> Row:
        notes, record, instance = machine.stored.notes, machine.stored.readable, machine.instance
        if notes is None or record is None or record.session_id is None or not _reserved(machine.stored):
            return machine.stored
        if not (instance.runs if instance is not None else notes.opened is not None):
            return machine.stored
        start = StartNote(session=record.session_id, at=fleet.now, attempts=1, runs_at=fleet.now)
        return replace(machine.stored, notes=replace(notes, start=start, opened=None))

    return replace(with_rows(fleet, row_as), started_lately={})


_GUESSING = shown(_as_if_noted, Actor.STARTER)


def _named_after_its_opening(machine: Machine) -> Row:
    """Reserved for an id, on a machine that was opened for a session without one: taken for the same session's."""
    row, notes = machine.stored, machine.stored.notes
    if notes is None or notes.opened is None or notes.opened.session != SessionId(row.vm_id) or not _reserved(row):
        return row
    return replace(row, notes=replace(notes, opened=None)).named


def _opened_first(each: Step, fleet: Fleet) -> Step:
    """OPEN, and then the start: whatever becomes of it."""
    row = each.change.row if each.change is not None else None
    notes: Notes | Keep | None = each.change.notes if each.change is not None else KEEP
    if not isinstance(each.order, Start) or row is None or row.readable is None or not isinstance(notes, Notes):
        return each
    if notes.start is None or notes.start.attempts > 1:
        return each
    record = replace(row.readable, status=Status.UNAVAILABLE)
    opened = OpenedNote(session=notes.start.session, at=fleet.now, record=record)
    notes = replace(notes, opened=opened)
    return replace(each, change=step(Edge.OPEN, Actor.STARTER, row, record, notes, fleet.now))


def _as_soon_as_it_starts(instance: Instance, _: Row) -> Instance:
    if instance.power is not PowerState.STARTING:
        return instance
    return replace(instance, power=PowerState.RUNNING, provisioning=ProvisioningState.SUCCEEDED)


def _ten_longest(fleet: Fleet, policy: Policy) -> Fleet:
    """Ten machines are looked at, those that have been Reserved longest: started or not, due or not."""
    in_turn = sorted(reserved(fleet, policy, Part.ALL), key=lambda wait: wait.known_since)
    waiting = [wait.machine for wait in in_turn]
    others = {machine.vm_id: fleet.now for machine in waiting[10:] if machine.instance is None}
    longest = {machine.vm_id for machine in waiting[:10]}
    lately = {vm_id: at for vm_id, at in fleet.looked_lately.items() if vm_id not in longest}
    return replace(fleet, looked_lately={**lately, **others})


def _ten_at_a_time(name: Actor, decide: Decide) -> Decide:
    if name is not Actor.STARTER:
        return decide
    return lambda fleet, policy: decide(_ten_longest(fleet, policy), policy)


def _ready_at_once(machine: Machine) -> Row:
    """What runs and is Healthy is opened by the very write that would have noted its opening."""
    row, notes, instance = machine.stored, machine.stored.notes, machine.instance
    if notes is None or notes.start is None or instance is None or not _reserved(row):
        return row
    if not healthy_in_this_run(notes.start, instance, Policy()):
        return row
    return replace(row, notes=replace(notes, opening=OpeningNote(session=notes.start.session, at=machine.now)))


def _unpresumed(each: Step, _: Fleet) -> Step:
    """A machine that is given up while it runs is deleted, whatever a failover has forgotten."""
    notes = each.change.notes if each.change is not None else None
    if each.change is None or each.edge not in {Edge.MOVE.name, Edge.REFUSE.name} or not isinstance(notes, Notes):
        return each
    return replace(each, change=replace(each.change, notes=replace(notes, presumed_at=None, presumed_seen_at=None)))


def _of_any_run(machine: Machine) -> Row:
    row, notes = machine.stored, machine.stored.notes
    if notes is None or notes.start is None or not _reserved(row):
        return row
    return replace(row, notes=replace(notes, start=replace(notes.start, initializing=True)))


STARTING = {
    "open-without-opening": Planted(
        what="what is Healthy is opened without a note of its own before, and moved away from when its health is bad",
        weathers=("machines that must be Healthy, and a failover that no replica was ready for",),
        decide=both(rows_shown(_ready_at_once, Actor.STARTER), planned(_unpresumed, Actor.STARTER)),
    ),
    "given-up-under-the-visitor": Planted(
        what="what runs and is given up is deleted, though a failover may have forgotten that somebody was let in",
        weathers=("machines that must be Healthy, and a failover that no replica was ready for",),
        decide=planned(_unpresumed, Actor.STARTER),
    ),
    "healthy-of-the-last-boot": Planted(
        what="a machine is opened because it was Healthy before it was stopped",
        weathers=("quick machines that must be Healthy",),
        decide=rows_shown(_of_any_run, Actor.STARTER),
    ),
    "ten-starts-at-a-time": Planted(
        what="the ten machines that have been Reserved longest are looked at, so newcomers wait until these are opened",
        weathers=("six to fifty sessions starting at once",),
        decide=_ten_at_a_time,
    ),
    "spop-reserved": Planted(
        what="the starter takes a reservation out of the reserved set when it begins with it, and nobody puts it back",
        weathers=("dying processes", "fair"),
        decide=both(planned(_popped, Actor.STARTER), planned(_never_put_back, Actor.RECONCILER)),
    ),
    "start-without-note": Planted(
        what="the start is ordered without a note of the session, which is made up when the machine runs",
        weathers=("a failover that no replica was ready for",),
        decide=both(both(_in_one_part, planned(_unnoted, Actor.STARTER)), _GUESSING),
    ),
    "open-without-note": Planted(
        what="a reserved machine that runs is opened for whom its record names, whoever it was started or opened for",
        weathers=("queue managers without session ids",),
        decide=both(_in_one_part, _GUESSING),
    ),
    "named-after-opening": Planted(
        what="an id that appears in the record of a machine that was opened for a session without one is let in too",
        weathers=("queue managers without session ids",),
        decide=rows_shown(_named_after_its_opening, Actor.STARTER),
    ),
    "opened-before-started": Planted(
        what="a session is written down as opened before its start is ordered, and nobody looks at it again",
        weathers=("fair",),
        decide=planned(_opened_first, Actor.STARTER),
    ),
    "open-while-starting": Planted(
        what="a machine whose start was accepted is opened before it runs",
        weathers=("fair",),
        decide=instances_shown(_as_soon_as_it_starts, Actor.STARTER),
    ),
    "wait-for-ever": Planted(
        what="a start is repeated without end, and a session that cannot be served is never refused",
        weathers=("nothing starts",),
        policy=lambda policy: replace(policy, start_attempts=10**9, reservation_timeout=timedelta(days=365)),
    ),
    "ignore-who-gave-up": Planted(
        what="a reserved machine whose record says used is left as it is",
        weathers=("a failover under fickle visitors",),
        decide=unplanned(Actor.STARTER, Why.GAVE_UP),
    ),
}
