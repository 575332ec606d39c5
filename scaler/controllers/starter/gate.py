"""The gate before OPEN: a running machine must be Healthy. First a note of the opening, then OPEN; or MOVE.

The note goes to a replica, and the OPEN follows in a later tick. With the note the machine is opened whatever the
health says; only without the note a machine is given up for want of Healthy. So after a failover without the OPEN the
machine is opened again, and not taken from the visitor.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from scaler.controllers.starter.moving import Stranded
from scaler.controllers.starter.waiting import Wait, noted
from scaler.model.lifecycle import note
from scaler.model.machine import SeenMachine
from scaler.model.plan import Get, Lacks, Refusal, Step, Why
from scaler.model.readiness import after_look, healthy_in_this_run
from scaler.model.row import OpeningNote, StartNote


def until_healthy(wait: Wait, machine: SeenMachine) -> Step | Stranded | Lacks | None:
    """Note the opening when a targeted GET shows Healthy in this run; give the machine up at `ready_timeout`.

    A machine without any health until then is opened as well: the operator forgot the extension.
    """
    if wait.start is None:
        return None
    if not machine.is_asked_for:
        return Lacks(ask=Get(ref=machine.instance.ref, queue="open", place=(wait.known_since,)))
    if healthy_in_this_run(wait.start, machine.instance, wait.policy):
        return _opening(wait, machine, Why.HEALTHY)
    start = _seen(wait.start, wait, machine)
    waits_on = noted(wait, replace(wait.notes, start=start), Why.BOOTS)
    if wait.now - (start.boots_at or wait.now) < wait.policy.ready_timeout and not wait.is_over:
        return waits_on
    if machine.instance.health is None and not start.health_seen:
        return _opening(wait, machine, Why.NO_HEALTH)
    return Stranded(wait=wait, why=Why.NOT_HEALTHY, otherwise=waits_on)


def alarms(steps: Iterable[Step]) -> Iterator[Refusal]:
    """Raise alarms for machines opened without any health."""
    return (Refusal(why=step.why, vm_id=step.vm_id, alarm=True) for step in steps if step.why is Why.NO_HEALTH)


def _seen(start: StartNote, wait: Wait, machine: SeenMachine) -> StartNote:
    """The start note after this look at the run."""
    boots_at, health_seen, initializing = after_look(start, machine.instance, wait.now)
    return replace(start, boots_at=boots_at, health_seen=health_seen, initializing=initializing)


def _opening(wait: Wait, machine: SeenMachine, why: Why) -> Step:
    notes = replace(wait.notes, opening=OpeningNote(session=wait.session, at=wait.now))
    change = note(machine.stored, notes)
    return Step(why=why, vm_id=machine.vm_id, change=change, facts={"session": wait.session}, for_replica=True)
