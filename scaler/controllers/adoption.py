"""Adoption: another scaler's running, reserved and used machines are handed over before the tag lets this scaler act.

Adoption is the operator's own act and needs no consent. A scale set with consent is left alone: the four controllers
act there already, and take a machine that runs unmarked for a new one. Adoption writes the facts of the current record
into the notes (`opened`, `start`, `presumed_at`, `spent`), then orders the mark. So after a crash at any point a
machine without a mark is still on the list, and the notes say no more than the record did.

A machine at rest that is Available or unrecorded, or a machine being created, goes the normal way later: marked and
admitted as new. A marked machine is handed over already.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.instance import ProvisioningState, SessionId
from scaler.model.lifecycle import KEEP, Change, Keep, note, restore, step
from scaler.model.machine import SeenMachine
from scaler.model.plan import Listing, Mark, Plan, Refusal, Step, Why
from scaler.model.policy import Policy
from scaler.model.row import Notes, OpenedNote, ReservedNote, SpentNote, StartNote, Status
from scaler.model.standing import Standing


def decide(fleet: Fleet, policy: Policy) -> Plan:
    """Plan a step for each machine to hand over, running ones first. An empty plan: all machines are adopted."""
    wanted: list[Step] = []
    refusals = list(_short_listings(fleet))
    for machine in sorted(_to_be_adopted(fleet), key=_most_at_stake_first):
        outcome = outcome_for(machine, policy)
        if isinstance(outcome, Refusal):
            refusals.append(outcome)
        elif outcome is not None:
            wanted.append(outcome)
    steps, later = wanted[: policy.max_marks], wanted[policy.max_marks :]
    refusals += [Refusal(why=Why.BREAKER, vm_id=step.vm_id, facts={"held": step.why}) for step in later]
    again = policy.look_after_mark if steps or refusals else None
    asks = () if fleet.cloud.was_listed else (Listing(),)
    return Plan(steps=tuple(steps), refusals=tuple(refusals), asks=asks, look_again=again)


def _short_listings(fleet: Fleet) -> Iterator[Refusal]:
    """Refusals for short listings: a missing machine may be in use, and silence would look like "all adopted"."""
    for name, listing in fleet.cloud.listings.items():
        if not listing.complete and not listing.consent:
            yield Refusal(why=Why.INCOMPLETE, facts={"scale_set": name, "capacity": listing.capacity})


def _to_be_adopted(fleet: Fleet) -> Iterator[SeenMachine]:
    """The unmarked machines of scale sets without consent."""
    for machine in fleet.machines:
        if isinstance(machine, SeenMachine) and not machine.instance.marked and not machine.sighting.consent:
            yield machine


def _most_at_stake_first(machine: SeenMachine) -> tuple[int, float, bool, str]:
    """The sorting key: the fewest refusals of the mark first, then the longest unasked, then running machines."""
    asked_at = machine.notes_now.mark_asked_at
    return (
        machine.notes_now.mark_attempts,
        asked_at.timestamp() if asked_at is not None else 0.0,
        not machine.instance.runs,
        machine.vm_id,
    )


def outcome_for(machine: SeenMachine, policy: Policy) -> Step | Refusal | None:
    """The adoption of a machine that can take a mark: a failed machine can, too."""
    instance, verb = machine.instance, _verb(machine)
    if verb is None or instance.provisioning is ProvisioningState.DELETING:
        return None
    facts = {"power": instance.power, "provisioning": instance.provisioning}
    if not (instance.settled or instance.failed):
        return Refusal(why=Why.UNSETTLED, vm_id=machine.vm_id, facts=facts)
    asked_at = machine.notes_now.mark_asked_at
    if asked_at is not None and machine.now - asked_at < policy.order_horizon:  # the order may still arrive
        return Refusal(why=Why.MARK_AWAITED, vm_id=machine.vm_id, facts=facts)
    return verb(machine, policy)


def _verb(machine: SeenMachine) -> Callable[[SeenMachine, Policy], Step] | None:
    """The adopting step for a standing, None for machines that go the normal way."""
    row, instance = machine.stored, machine.instance
    handed_out = machine.standing is not Standing.IN_SESSION or row.status is Status.UNAVAILABLE
    if handed_out and machine.standing in _VERBS:
        return _VERBS[machine.standing]
    may_run = instance.runs or (not instance.settled and not instance.failed)
    return _presume if may_run and instance.provisioning is not ProvisioningState.CREATING else None


def _in_session(machine: SeenMachine, policy: Policy) -> Step:
    """Adopt the session in the record, let in or about to be, with a time that begins now.

    A machine at rest is adopted all the same: the cleaner ends the session, on two witnesses.
    """
    record = machine.stored.readable
    if machine.notes_now.beyond_admitting:
        return _mark_again(machine, policy)
    if record is None:
        return _presume(machine, policy)
    opened = OpenedNote(session=record.session, at=machine.now, record=record, seen_at=machine.at)
    change = restore(machine.stored, record, Status.UNAVAILABLE, replace(_asked(machine), opened=opened))
    return _marked(machine, Why.IN_SESSION, change, record.session)


def _presume(machine: SeenMachine, policy: Policy) -> Step:
    """Presume a session on a running or Unavailable machine without a known one. The key leaves `available`."""
    notes = _asked(machine)
    if notes.presumed_at is None:
        notes = replace(notes, presumed_at=machine.now, presumed_seen_at=machine.at)
    record = notes.opened.record if notes.opened is not None else machine.record_now(policy)
    record = replace(record, session_id=notes.session or record.session_id)
    change = step(Edge.PRESUME, Actor.OPERATOR, machine.stored, record, notes, machine.now)
    return _marked(machine, Why.UNEXPLAINED, change, record.session_id)


def _used(machine: SeenMachine, policy: Policy) -> Step:
    """Adopt a used machine. The record does not prove whose session ended: at rest delete, running presume."""
    spent = machine.notes_now.spent
    if machine.stored.status is Status.UNAVAILABLE and spent is not None:
        return _mark_again(machine, policy)
    spent = spent or SpentNote(why=Edge.CONDEMN, at=machine.now, seen_at=machine.at)
    record, notes = machine.record_now(policy), replace(_asked(machine), spent=spent)
    change = step(Edge.CONDEMN, Actor.OPERATOR, machine.stored, record, notes, machine.now)
    return _marked(machine, Why.USED_ELSEWHERE, change, record.session_id)


def _reserved(machine: SeenMachine, policy: Policy) -> Step:
    """Give a reserved machine the notes with which the starter can start, open or refuse."""
    record = machine.stored.readable
    if record is None or machine.notes_now.beyond_admitting:
        return _mark_again(machine, policy)
    if record.used:
        change = note(machine.stored, _asked(machine), _index(machine))
        return _marked(machine, Why.GAVE_UP, change, record.session)
    change = restore(machine.stored, record, Status.RESERVED, _handed_over(machine, record.session))
    return _marked(machine, Why.RUNS if machine.instance.runs else Why.RESERVED, change, record.session)


def _handed_over(machine: SeenMachine, session: SessionId) -> Notes:
    """Notes as if the scaler had admitted the machine, and the session had just reserved (or started) the machine."""
    reserved = machine.notes_now.waiting(session) or ReservedNote(session=session, at=machine.now)
    start = StartNote(session=session, at=machine.now, attempts=1) if machine.instance.runs else None
    return replace(_asked(machine), admitted_at=machine.now, reserved=reserved, start=start)


def _mark_again(machine: SeenMachine, _: Policy) -> Step:
    """Order the mark again for a machine whose notes are there."""
    change = note(machine.stored, _asked(machine), _index(machine))
    return _marked(machine, Why.MARK_GONE, change, machine.notes_now.session)


_VERBS: Mapping[Standing, Callable[[SeenMachine, Policy], Step]] = {
    Standing.RESERVED: _reserved,
    Standing.USED: _used,
    Standing.IN_SESSION: _in_session,
}


def _asked(machine: SeenMachine) -> Notes:
    """The notes to go on from, with the intent to mark."""
    return replace(machine.notes_now, mark_asked_at=machine.now)


def _index(machine: SeenMachine) -> Status | Keep:
    """The index set for the key: a dead starter may have left keys in no set."""
    row = machine.stored
    return KEEP if row.status is None or row.index == {row.status} else row.status


def _marked(machine: SeenMachine, why: Why, change: Change, session: SessionId | None) -> Step:
    """The step: the change first, then the mark."""
    order = Mark(ref=machine.instance.ref, etag=machine.instance.etag, rests_on=machine.sighting)
    facts = {"session": session, "power": machine.instance.power}
    return Step(why=why, vm_id=machine.vm_id, change=change, order=order, facts=facts)
