"""Starting: intent first, then the order; repeated when the last order is dead for sure; so many times."""

from dataclasses import replace

from scaler.controllers.starter.endings import refuse
from scaler.controllers.starter.wait import Wait, noted, reserved_since, timeout
from scaler.model.fleet import Seen
from scaler.model.lifecycle import note
from scaler.model.notes import StartNote
from scaler.model.plan import Facts, Start, Step, Why
from scaler.model.standing import unsettled_for
from scaler.model.witness import after_sighting


def start(wait: Wait, seen: Seen) -> Step | None:
    """At rest: intent first, then the order; repeated when the last order is dead for sure; three times."""
    if wait.notes.start is not None and wait.start is None:  # started for somebody else, who never came
        return refuse(wait.member, wait.record, Why.TAINTED, wait.now)
    attempts = wait.start.attempts if wait.start is not None else 0
    if wait.start is not None and wait.now - wait.start.at < wait.policy.order_horizon:
        return None
    if not seen.sighting.starts_allowed:
        return timeout(wait)
    if attempts >= wait.policy.start_attempts:
        return refuse(wait.member, wait.record, Why.CANNOT_START, wait.now)
    if wait.now - wait.since >= wait.policy.reservation_timeout:
        return refuse(wait.member, wait.record, Why.TIMEOUT, wait.now)
    notes = replace(
        wait.notes,
        reserved=reserved_since(wait),
        start=StartNote(session=wait.session, at=wait.now, attempts=attempts + 1, warm=seen.instance.warm),
        missed_at=None,
        rest_at=None,
        unsettled_at=None,
        unindexed_at=None,
    )
    why = Why.RESERVED if attempts == 0 else Why.START_OVERDUE
    facts: Facts = {"session": wait.session, "attempt": attempts + 1, "warm": seen.instance.warm}
    order = Start(ref=seen.instance.ref, rests_on=seen.sighting)
    return Step(why=why, vm_id=wait.member.vm_id, change=note(wait.member.row, notes), order=order, facts=facts)


def unsettled(wait: Wait, seen: Seen) -> Step | None:
    """Neither at rest nor running: on its way, or stuck."""
    notes = after_sighting(wait.notes, seen.instance, seen.sighting)
    if unsettled_for(notes, seen.sighting.at, wait.policy):
        return refuse(wait.member, wait.record, Why.CANNOT_START if wait.start else Why.TAINTED, wait.now)
    return timeout(wait) or noted(wait, replace(notes, reserved=reserved_since(wait)))
