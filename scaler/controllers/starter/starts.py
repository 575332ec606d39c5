"""Starting: intent first, then the order; repeated when the last order is dead for sure; so many times."""

from dataclasses import replace

from scaler.controllers.starter.stranded import Stranded
from scaler.controllers.starter.wait import Wait, noted, reserved_since, timeout
from scaler.model.clocks import is_ahead
from scaler.model.lifecycle import note
from scaler.model.machine import SeenMachine
from scaler.model.notes import StartNote
from scaler.model.plan import Facts, Start, Step, Why
from scaler.model.standing import unsettled_for


def start(wait: Wait, machine: SeenMachine) -> Step | Stranded | None:
    """At rest: intent first, then the order; repeated when the last order is dead for sure; three times.

    Whoever would follow a MOVE is moved as soon as it is clear that another machine is the better bet, and until there
    is one this machine is tried again.
    """
    if wait.notes.start is not None and wait.start is None:  # started for somebody else, who never came
        return wait.stranded(Why.TAINTED)
    again = _again(wait, machine)
    if wait.start is None:
        return again
    failure = wait.start.failure
    if failure is not None and failure.of_capacity and wait.movable:
        return wait.stranded(Why.NO_CAPACITY, failure=failure, otherwise=again)
    if again is not None and again.order is not None and wait.start.attempts >= wait.policy.start_attempts:
        return wait.stranded(Why.CANNOT_START, failure=failure, otherwise=again)
    return again


def _again(wait: Wait, machine: SeenMachine) -> Step | None:
    """The order, once the last one is dead for sure. While nobody may start anything, the clock of the waiting runs."""
    lately = wait.start is not None and wait.now - wait.start.at < wait.policy.order_horizon
    if lately and wait.start is not None and not is_ahead(wait.start.at, wait.now):
        return None
    if wait.is_over or not machine.sighting.starts_allowed:
        return timeout(wait)
    return _order(wait, machine)


def _order(wait: Wait, machine: SeenMachine) -> Step:
    attempt = (wait.start.attempts if wait.start is not None else 0) + 1
    notes = replace(
        wait.notes,
        reserved=reserved_since(wait),
        start=StartNote(session=wait.session, at=wait.now, attempts=attempt, warm=machine.instance.warm),
        missed_at=None,
        missed_noted_at=None,
        rest_at=None,
        rest_noted_at=None,
        unsettled_at=None,
        unindexed_at=None,
    )
    why = Why.RESERVED if attempt == 1 else Why.START_OVERDUE
    facts: Facts = {"session": wait.session, "attempt": attempt, "warm": machine.instance.warm}
    order = Start(ref=machine.instance.ref, rests_on=machine.sighting)
    return Step(why=why, vm_id=wait.machine.vm_id, change=note(wait.machine.stored, notes), order=order, facts=facts)


def unsettled(wait: Wait, machine: SeenMachine) -> Step | Stranded | None:
    """Neither at rest nor running: on its way, or stuck."""
    notes = machine.notes_now
    if unsettled_for(notes, machine.at, wait.policy):
        return wait.stranded(Why.CANNOT_START if wait.start else Why.TAINTED)
    return timeout(wait) or noted(wait, replace(notes, reserved=reserved_since(wait)))
