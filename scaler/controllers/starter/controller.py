"""The starter's step for a reserved machine, and the time of the next look."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from scaler.controllers.starter.gate import alarms, until_healthy
from scaler.controllers.starter.heated import take
from scaler.controllers.starter.moving import Stranded, settle
from scaler.controllers.starter.starts import open_for, start, unsettled
from scaler.controllers.starter.waiting import Part, Wait, end, next_look, noted, reserved, timeout
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import SessionId
from scaler.model.lifecycle import restore
from scaler.model.machine import SeenMachine, gone, is_elsewhere, missed
from scaler.model.plan import Get, Lacks, Listing, Plan, Step, Why, soonest, sorted_out, withheld
from scaler.model.policy import Policy
from scaler.model.row import Notes, SpentNote, Status
from scaler.model.sighting import Sighting


def decide(fleet: Fleet, policy: Policy, part: Part = Part.ALL) -> Plan:
    """One step at most for each reserved machine."""
    waits = reserved(fleet, policy, part)
    outcomes = [outcome_for(wait, fleet) for wait in waits]
    plan = sorted_out(outcome for outcome in outcomes if not isinstance(outcome, Stranded))
    stranded = [outcome for outcome in outcomes if isinstance(outcome, Stranded)]
    steps = (*plan.steps, *settle(stranded, fleet))
    due = tuple(_due(waits, fleet))
    return Plan(
        steps=steps,
        refusals=(*map(withheld, fleet.cloud.withheld.values()), *alarms(steps)),
        asks=(*_looks(waits, due, fleet), *plan.asks),
        look_again=_look_again(waits, steps, due, fleet, policy),
    )


def _looks(waits: Iterable[Wait], due: Sequence[Get], fleet: Fleet) -> Sequence[Listing | Get]:
    """Ask for targeted GETs of the due machines; for a listing only if the notes do not place a machine."""
    if fleet.cloud.listings:
        return ()
    unplaced = any(not wait.notes.scale_set for wait in waits)
    return (Listing(urgent=False),) if unplaced and not fleet.cloud.unlisted else due


def _due(waits: Iterable[Wait], fleet: Fleet) -> Iterator[Get]:
    """Ask for the due machines, the most overdue first; urgently for unstarted machines, where a visitor waits."""
    for wait in waits:
        vm_id, ref = wait.machine.vm_id, fleet.address(wait.machine.stored)
        turn = next_look(wait, fleet.looked_lately.get(vm_id))
        if turn <= fleet.now and ref is not None and _by_registry(wait) is None:
            yield Get(ref=ref, place=(turn, wait.known_since, vm_id), urgent=wait.is_unstarted)


def _look_again(
    waits: Iterable[Wait], steps: Sequence[Step], due: Collection[Get], fleet: Fleet, policy: Policy
) -> timedelta | None:
    """The time of the next look; at once after a MOVE, or after an incomplete look."""
    starts = sum(get.urgent for get in due)
    crowded = starts > policy.max_start_looks or len(due) - starts > policy.max_gets
    unasked = fleet.now if crowded else fleet.now + policy.look_every_warm
    taken = {step.vm_id: step for step in steps}
    looks = [_next_look(wait, taken.get(wait.machine.vm_id), fleet) for wait in waits]
    moved = [fleet.now for step in steps if step.change is not None and step.change.partner is not None]
    moved += [fleet.now for step in steps if step.for_replica]  # what is to be opened
    return soonest(fleet.now, *moved, *(max(look, unasked) for look in looks))


def _next_look(wait: Wait, outcome: Step | None, fleet: Fleet) -> datetime:
    """After this tick."""
    change, machine = outcome.change if outcome is not None else None, wait.machine
    if fleet.address(machine.stored) is None or (change is not None and change.edge is not None):
        return fleet.now + wait.policy.look_every
    after = replace(wait, notes=change.notes) if change is not None and isinstance(change.notes, Notes) else wait
    looked = machine.instance is not None or machine.absence is not None
    return next_look(after, fleet.now if looked else fleet.looked_lately.get(machine.vm_id))


def outcome_for(wait: Wait, fleet: Fleet) -> Step | Stranded | Lacks | None:
    """The decision about a machine: by the registry alone, else by Azure."""
    machine, decided = wait.machine, _by_registry(wait)
    if decided is not None:
        return decided
    if not wait.notes.scale_set:
        return _unplaced(wait, fleet)
    anothers = _was_anothers(wait, fleet.started_lately.get(machine.vm_id))  # the notes have forgotten whose
    if anothers or wait.notes.scale_set not in fleet.scale_sets:  # configured no more: nobody will start it
        return Stranded(wait=wait, why=Why.TAINTED)
    if isinstance(machine, SeenMachine):
        return _outcome_for_seen(wait, machine, fleet.cloud)
    return _outcome_for_absent(wait, machine.absence) if machine.absence is not None else timeout(wait)


def _by_registry(wait: Wait) -> Step | Stranded | None:
    """Undo a late write over a decision in the notes, or end a session that gave up.

    None where Azure must be asked: about a machine that can be started, or that the notes do not place.
    """
    machine, record, notes = wait.machine, wait.record, wait.notes
    if wait.session in notes.ended:
        spent = notes.spent or SpentNote(why=Edge.CONDEMN, at=wait.now)
        back = replace(record, status=Status.UNAVAILABLE, used=True, updated_at=wait.now)
        change = restore(machine.stored, back, Status.UNAVAILABLE, replace(notes, spent=spent))
        return Step(why=Why.UNDONE_END, vm_id=machine.vm_id, change=change, facts={"session": wait.session})
    if notes.opened is not None and notes.spent is None:
        released = record.used and notes.opened.session == wait.session
        back = replace(notes.opened.record, status=Status.UNAVAILABLE, used=released)
        facts = {"session": notes.opened.session, "late": wait.session}
        change = restore(machine.stored, back, Status.UNAVAILABLE)
        return Step(why=Why.UNDONE_OPEN, vm_id=machine.vm_id, change=change, facts=facts)
    if record.used and notes.scale_set:
        return end(wait, Edge.ABANDON, Why.GAVE_UP)
    return Stranded(wait=wait, why=Why.TAINTED) if notes.spent is not None else None


def _unplaced(wait: Wait, fleet: Fleet) -> Step | None:
    """Refuse a session on a machine in no known scale set: at once with consent, else at the timeout.

    The consent is the sighting's, or that of all scale sets if the machine is not listed.
    """
    look, listings = wait.machine.sighting, [fleet.cloud.listings.get(name) for name in fleet.scale_sets]
    consent = [look] if look is not None else listings
    if not all(each is not None and each.consent for each in consent) and not wait.is_over:
        return timeout(wait)
    if wait.record.used:
        return end(wait, Edge.ABANDON, Why.GAVE_UP)
    return end(wait, Edge.REFUSE, Why.TAINTED)


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
    strange = instance.runs and wait.start is None and not wait.notes.is_heated
    if doubted or not instance.marked or instance.failed or strange:
        why = Why.CANNOT_START if wait.start else Why.TAINTED
        return Stranded(wait=wait, why=why, failure=instance.failure, otherwise=unexplained)
    if wait.notes.heated is not None and wait.notes.start is None:
        return take(wait, machine, machine.notes_now.heated or wait.notes.heated, cloud)
    if instance.runs and not instance.busy:
        awaits = wait.policy.awaits_health(instance.ref.scale_set) and not wait.is_opening
        return until_healthy(wait, machine) if awaits else open_for(wait, machine, cloud)
    if instance.runs:  # and is Updating: OPEN goes before REFUSE, however late
        return timeout(wait)
    return start(wait, machine) if instance.at_rest else unsettled(wait, machine)


def _unexplained(wait: Wait, machine: SeenMachine) -> Step | None:
    """Note a running machine that the scaler has not started: no visitor gets it, neither this one nor a later one."""
    explained = wait.start is not None or wait.notes.presumed_at is not None or wait.notes.is_heated
    if not machine.instance.runs or explained:
        return None
    presumed = replace(wait.notes.presumed(wait.now, machine.at), reserved=wait.reserved)
    return noted(wait, presumed, Why.MARKED_UNKNOWN_RUNS)


def _outcome_for_absent(wait: Wait, absent: Sighting) -> Step | Stranded | None:
    """Decide about an absent machine, lost from the second witness on.

    A machine absent from another scale set of the same name (perhaps a mistake in the settings) is not gone, and waits.
    """
    if is_elsewhere(wait.machine, absent):
        return timeout(wait)
    if gone(wait.machine, absent, wait.policy):
        return Stranded(wait=wait, why=Why.GONE)
    first = missed(wait.machine, absent)
    return noted(wait, first, Why.MISSED) if first is not None else timeout(wait)
