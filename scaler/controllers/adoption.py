"""Adoption: what runs, is reserved or is used under another scaler is handed over before the tag lets us act.

It is the operator's own act and needs no consent. Where there is consent it leaves everything alone: there the four
controllers act already, and a machine that runs unmarked is a new one to them. It writes what the record of this very
moment says into the notes (`opened`, `start`, `presumed_at`, `spent`), then orders the mark; so whatever it dies of,
a machine without its mark is still on its list, and its notes say no more than the record did.

What is Available or unrecorded and at rest, or being created, goes the normal way later: it is marked and admitted as
a new one. What is marked is handed over already.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.instance import ProvisioningState, SessionId
from scaler.model.lifecycle import KEEP, Change, Keep, note, restore, step
from scaler.model.machine import SeenMachine
from scaler.model.notes import Notes, OpenedNote, ReservedNote, SpentNote, StartNote
from scaler.model.plan import Listing, Mark, Plan, Refusal, Step, Why
from scaler.model.policy import Policy
from scaler.model.record import Status
from scaler.model.standing import Standing


def decide(fleet: Fleet, policy: Policy) -> Plan:
    """One step for each machine to hand over, what runs first. A plan without steps and refusals: all is adopted."""
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
    """What a listing lacks may be somebody's: nobody should take silence about it for "nothing left"."""
    for name, listing in fleet.cloud.listings.items():
        if not listing.complete and not listing.consent:
            yield Refusal(why=Why.INCOMPLETE, facts={"scale_set": name, "capacity": listing.capacity})


def _to_be_adopted(fleet: Fleet) -> Iterator[SeenMachine]:
    """The unmarked machines of a scale set that nobody has allowed us to manage."""
    for machine in fleet.machines:
        if isinstance(machine, SeenMachine) and not machine.instance.marked and not machine.sighting.consent:
            yield machine


def _most_at_stake_first(machine: SeenMachine) -> tuple[int, float, bool, str]:
    """What runs, but never before others of which Azure has not refused the mark, or that were not asked for yet."""
    asked_at = machine.notes_now.mark_asked_at
    return (
        machine.notes_now.mark_attempts,
        asked_at.timestamp() if asked_at is not None else 0.0,
        not machine.instance.runs,
        machine.vm_id,
    )


def outcome_for(machine: SeenMachine, policy: Policy) -> Step | Refusal | None:
    """The adoption of one machine, once it will take a mark: one that has failed takes one as well."""
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
    """What to do about it, None for what goes the normal way."""
    row, instance = machine.stored, machine.instance
    handed_out = machine.standing is not Standing.IN_SESSION or row.status is Status.UNAVAILABLE
    if handed_out and machine.standing in _VERBS:
        return _VERBS[machine.standing]
    may_run = instance.runs or (not instance.settled and not instance.failed)
    return _presume if may_run and instance.provisioning is not ProvisioningState.CREATING else None


def _in_session(machine: SeenMachine, policy: Policy) -> Step:
    """Somebody is let in, or was about to be: the session in the record, since now, for nobody knows better.

    At rest it is adopted all the same: the cleaner ends it, on two witnesses.
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
    """It runs, or is Unavailable, and nothing says for whom: perhaps somebody's. It leaves `available` at once."""
    notes = _asked(machine)
    if notes.presumed_at is None:
        notes = replace(notes, presumed_at=machine.now, presumed_seen_at=machine.at)
    record = notes.opened.record if notes.opened is not None else machine.record_now(policy)
    record = replace(record, session_id=notes.session or record.session_id)
    change = step(Edge.PRESUME, Actor.OPERATOR, machine.stored, record, notes, machine.now)
    return _marked(machine, Why.UNEXPLAINED, change, record.session_id)


def _used(machine: SeenMachine, policy: Policy) -> Step:
    """Whose session ended on it, its record alone does not prove: at rest it is deleted, running it is presumed."""
    spent = machine.notes_now.spent
    if machine.stored.status is Status.UNAVAILABLE and spent is not None:
        return _mark_again(machine, policy)
    spent = spent or SpentNote(why=Edge.CONDEMN, at=machine.now, seen_at=machine.at)
    record, notes = machine.record_now(policy), replace(_asked(machine), spent=spent)
    change = step(Edge.CONDEMN, Actor.OPERATOR, machine.stored, record, notes, machine.now)
    return _marked(machine, Why.USED_ELSEWHERE, change, record.session_id)


def _reserved(machine: SeenMachine, policy: Policy) -> Step:
    """Reserved is the starter's: it gets the notes it needs to start or to open it, or to refuse it."""
    record = machine.stored.readable
    if record is None or machine.notes_now.beyond_admitting:
        return _mark_again(machine, policy)
    if record.used:
        change = note(machine.stored, _asked(machine), _index(machine))
        return _marked(machine, Why.GAVE_UP, change, record.session)
    change = restore(machine.stored, record, Status.RESERVED, _handed_over(machine, record.session))
    return _marked(machine, Why.RUNS if machine.instance.runs else Why.RESERVED, change, record.session)


def _handed_over(machine: SeenMachine, session: SessionId) -> Notes:
    """As if we had admitted it, and this session had reserved it just now. What runs was started for that session."""
    reserved = machine.notes_now.waiting(session) or ReservedNote(session=session, at=machine.now)
    start = StartNote(session=session, at=machine.now, attempts=1) if machine.instance.runs else None
    return replace(_asked(machine), admitted_at=machine.now, reserved=reserved, start=start)


def _mark_again(machine: SeenMachine, _: Policy) -> Step:
    """Its notes say what it is; only the mark is not there (yet, or any more)."""
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
    """Where its key belongs: a starter that died has left some in no set at all."""
    row = machine.stored
    return KEEP if row.status is None or row.index == {row.status} else row.status


def _marked(machine: SeenMachine, why: Why, change: Change, session: SessionId | None) -> Step:
    """The step: the change first, then the mark."""
    order = Mark(ref=machine.instance.ref, etag=machine.instance.etag, rests_on=machine.sighting)
    facts = {"session": session, "power": machine.instance.power}
    return Step(why=why, vm_id=machine.vm_id, change=change, order=order, facts=facts)
