"""The starter's step for a reserved machine, and the time of the next look."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from scaler.controllers.starter.endings import by_registry
from scaler.controllers.starter.moving import Stranded, settle
from scaler.controllers.starter.starts import open_for, start, unsettled
from scaler.controllers.starter.waiting import (
    Part,
    Wait,
    is_unknown,
    is_unstarted,
    next_look,
    own_start,
    reserved,
    reserved_since,
    timeout,
    unknown,
    waiting_since,
)
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import SessionId
from scaler.model.lifecycle import note
from scaler.model.machine import Machine, SeenMachine, gone, is_elsewhere, missed
from scaler.model.plan import Get, Lacks, Listing, Plan, Step, Why, soonest, sorted_out, withheld
from scaler.model.policy import Policy
from scaler.model.row import Notes
from scaler.model.sighting import Sighting


def decide(fleet: Fleet, policy: Policy, part: Part = Part.ALL) -> Plan:
    """One step at most for each reserved machine."""
    machines = reserved(fleet, part)
    outcomes = [outcome_for(machine, fleet, policy) for machine in machines]
    plan = sorted_out(outcome for outcome in outcomes if not isinstance(outcome, Stranded))
    stranded = [outcome for outcome in outcomes if isinstance(outcome, Stranded)]
    steps = (*plan.steps, *settle(stranded, fleet, policy))
    due = tuple(_due(machines, fleet, policy))
    return Plan(
        steps=steps,
        refusals=tuple(map(withheld, fleet.cloud.withheld.values())),
        asks=(*_looks(machines, due, fleet), *plan.asks),
        look_again=_look_again(machines, steps, due, fleet, policy),
    )


def _looks(machines: Sequence[Machine], due: Sequence[Get], fleet: Fleet) -> Sequence[Listing | Get]:
    """Ask for targeted GETs of the due machines; for a listing only if the notes do not place a machine."""
    if fleet.cloud.listings:
        return ()
    unplaced = any(is_unknown(machine.stored) for machine in machines)
    return (Listing(urgent=False),) if unplaced and not fleet.cloud.unlisted else due


def _due(machines: Iterable[Machine], fleet: Fleet, policy: Policy) -> Iterator[Get]:
    """Ask for the due machines, the most overdue first; urgently for unstarted machines, where a visitor waits."""
    for machine in machines:
        ref, last = fleet.address(machine.stored), fleet.looked_lately.get(machine.vm_id)
        turn = next_look(own_start(machine.stored), last, fleet.now, policy)
        if turn <= fleet.now and ref is not None and _by_registry(machine) is None:
            yield Get(ref=ref, place=(turn, waiting_since(machine), machine.vm_id), urgent=is_unstarted(machine.stored))


def _by_registry(machine: Machine) -> Step | Stranded | None:
    """The decision by the registry alone, as for a late write over a machine that the notes call spent."""
    decided, record, notes = by_registry(machine), machine.stored.readable, machine.stored.notes
    if decided is None and record is not None and notes is not None and notes.spent is not None:
        return Stranded(machine=machine, record=record, why=Why.TAINTED)
    return decided


def _look_again(
    machines: Iterable[Machine], steps: Sequence[Step], due: Collection[Get], fleet: Fleet, policy: Policy
) -> timedelta | None:
    """The time of the next look; at once after a MOVE, or after an incomplete look."""
    starts = sum(get.urgent for get in due)
    crowded = starts > policy.max_start_looks or len(due) - starts > policy.max_gets
    unasked = fleet.now if crowded else fleet.now + policy.look_every_warm
    taken = {step.vm_id: step for step in steps}
    looks = [_next_look(machine, taken.get(machine.vm_id), fleet, policy) for machine in machines]
    moved = [fleet.now for step in steps if step.change is not None and step.change.partner is not None]
    return soonest(fleet.now, *moved, *(max(look, unasked) for look in looks))


def _next_look(machine: Machine, outcome: Step | None, fleet: Fleet, policy: Policy) -> datetime:
    """After this tick."""
    change, now = outcome.change if outcome is not None else None, fleet.now
    if fleet.address(machine.stored) is None or (change is not None and change.edge is not None):
        return now + policy.look_every
    noted = change.notes if change is not None and isinstance(change.notes, Notes) else machine.stored.notes
    looked = machine.instance is not None or machine.absence is not None
    last = now if looked else fleet.looked_lately.get(machine.vm_id)
    return next_look(own_start(replace(machine.stored, notes=noted)), last, now, policy)


def outcome_for(machine: Machine, fleet: Fleet, policy: Policy) -> Step | Stranded | Lacks | None:
    """The decision about a machine: by the registry alone, else by Azure."""
    record, notes = machine.stored.readable, machine.stored.notes
    decided = _by_registry(machine)
    if decided is not None or record is None:
        return decided
    if notes is None or is_unknown(machine.stored):
        return unknown(machine, record, fleet, policy)
    wait = Wait(machine=machine, record=record, notes=notes, policy=policy)
    if _was_anothers(wait, fleet.started_lately.get(machine.vm_id)):  # the notes have forgotten whose
        return Stranded(machine=machine, record=record, why=Why.TAINTED)
    if notes.scale_set not in fleet.scale_sets:  # configured no more: nobody will start it
        return Stranded(machine=machine, record=record, why=Why.TAINTED)
    if isinstance(machine, SeenMachine):
        return _outcome_for_seen(wait, machine, fleet.cloud)
    return _outcome_for_absent(wait, machine.absence) if machine.absence is not None else timeout(wait)


def _was_anothers(wait: Wait, lately: SessionId | None) -> bool:
    """Whether this process started the machine for another session. Sessions without an id share the machine's name,
    and may have taken an id since: the start note tells the session."""
    if lately == SessionId(wait.machine.vm_id):
        return wait.start is None
    return lately is not None and lately != wait.session


def _outcome_for_seen(wait: Wait, machine: SeenMachine, cloud: Cloud) -> Step | Stranded | Lacks | None:
    instance = machine.instance
    unexplained = _unexplained(wait, machine)
    if not machine.sighting.consent:
        return unexplained or timeout(wait)
    doubted = wait.notes.claim is not None or wait.notes.presumed_at is not None or wait.notes.admitted_at is None
    if doubted or not instance.marked or instance.failed or (instance.runs and wait.start is None):
        why = Why.CANNOT_START if wait.start else Why.TAINTED
        return wait.stranded(why, failure=instance.failure, otherwise=unexplained)
    if instance.runs and not instance.busy:
        return open_for(wait, machine, cloud)
    if instance.runs:  # and is Updating: OPEN goes before REFUSE, however late
        return timeout(wait)
    return start(wait, machine) if instance.at_rest else unsettled(wait, machine)


def _unexplained(wait: Wait, machine: SeenMachine) -> Step | None:
    """Note a running machine that the scaler has not started: no visitor gets it, neither this one nor a later one."""
    if not machine.instance.runs or wait.start is not None or wait.notes.presumed_at is not None:
        return None
    presumed = replace(wait.notes, presumed_at=wait.now, presumed_seen_at=machine.at, reserved=reserved_since(wait))
    return Step(why=Why.MARKED_UNKNOWN_RUNS, vm_id=wait.machine.vm_id, change=note(wait.machine.stored, presumed))


def _outcome_for_absent(wait: Wait, absent: Sighting) -> Step | Stranded | None:
    """Decide about an absent machine, lost from the second witness on.

    A machine absent from another scale set of the same name (perhaps a mistake in the settings) is not gone, and waits.
    """
    if is_elsewhere(wait.machine, absent):
        return timeout(wait)
    if gone(wait.machine, absent, wait.policy):
        return wait.stranded(Why.GONE)
    first = missed(wait.machine, absent)
    if first is None:
        return timeout(wait)
    return Step(why=Why.MISSED, vm_id=wait.machine.vm_id, change=note(wait.machine.stored, first))
