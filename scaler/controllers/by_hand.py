"""The operator's own acts, without a timer: adopt an installation, distrust a snapshot, forget a scale set.

Adoption hands another scaler's running, reserved and used machines over, before the tag lets this scaler act. It needs
no consent, and leaves a scale set with consent alone: the four controllers act there already, and take a machine that
runs unmarked for a new one. Adoption writes the facts of the current record into the notes (`opened`, `start`,
`presumed_at`, `spent`), then orders the mark. So after a crash at any point a machine without a mark is still on the
list, and the notes say no more than the record did.

A machine at rest that is Available or unrecorded, or a machine being created, goes the normal way later: marked and
admitted as new. A marked machine is handed over already.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.instance import ProvisioningState, ScaleSetName, SessionId
from scaler.model.lifecycle import KEEP, Change, note, restore, step
from scaler.model.machine import Machine, SeenMachine, notes_so_far
from scaler.model.plan import Listing, Mark, Plan, Refusal, Step, Why, held_back, sorted_out
from scaler.model.policy import Policy
from scaler.model.row import Notes, OpenedNote, Record, ReservedNote, Row, SpentNote, StartNote, Status
from scaler.model.standing import Standing, is_used


def adopt(fleet: Fleet, policy: Policy) -> Plan:
    """Plan a step for each machine to hand over, running ones first. An empty plan: all machines are adopted."""
    machines = sorted(_to_be_adopted(fleet), key=_most_at_stake_first)
    wanted = sorted_out(outcome_for(machine, policy) for machine in machines)
    steps, later = wanted.steps[: policy.max_marks], wanted.steps[policy.max_marks :]
    refusals = (*_short_listings(fleet), *wanted.refusals, *map(held_back, later))
    again = policy.look_after_mark if steps or refusals else None
    return Plan(steps=steps, refusals=refusals, asks=_listing(fleet), look_again=again)


def _listing(fleet: Fleet) -> tuple[Listing, ...]:
    """Ask for a listing once: machines without a record have no place in the index yet."""
    return () if fleet.cloud.was_listed else (Listing(),)


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
    notes = machine.notes_now
    asked_at = notes.mark_asked_at.timestamp() if notes.mark_asked_at is not None else 0.0
    return notes.mark_attempts, asked_at, not machine.instance.runs, machine.vm_id


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
    instance = machine.instance
    handed_out = machine.standing is not Standing.IN_SESSION or machine.stored.status is Status.UNAVAILABLE
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
        return _mark_again(machine)
    if record is None:
        return _presume(machine, policy)
    opened = OpenedNote(session=record.session, at=machine.now, record=record, seen_at=machine.at)
    change = restore(machine.stored, record, Status.UNAVAILABLE, replace(_asked(machine), opened=opened))
    return _marked(machine, Why.IN_SESSION, change, record.session)


def _presume(machine: SeenMachine, policy: Policy) -> Step:
    """Presume a session on a running or Unavailable machine without a known one. The key leaves `available`."""
    notes = _asked(machine)
    if notes.presumed_at is None:
        notes = notes.presumed(machine.now, machine.at)
    record = notes.opened.record if notes.opened is not None else machine.record_now(policy)
    record = replace(record, session_id=notes.session or record.session_id)
    change = step(Edge.PRESUME, Actor.OPERATOR, machine.stored, record, notes, machine.now)
    return _marked(machine, Why.UNEXPLAINED, change, record.session_id)


def _used(machine: SeenMachine, policy: Policy) -> Step:
    """Adopt a used machine. The record does not prove whose session ended: at rest delete, running presume."""
    spent = machine.notes_now.spent
    if machine.stored.status is Status.UNAVAILABLE and spent is not None:
        return _mark_again(machine)
    spent = spent or SpentNote(why=Edge.CONDEMN, at=machine.now, seen_at=machine.at)
    record, notes = machine.record_now(policy), replace(_asked(machine), spent=spent)
    change = step(Edge.CONDEMN, Actor.OPERATOR, machine.stored, record, notes, machine.now)
    return _marked(machine, Why.USED_ELSEWHERE, change, record.session_id)


def _reserved(machine: SeenMachine, _: Policy) -> Step:
    """Give a reserved machine the notes with which the starter can start, open or refuse.

    The notes are as if the scaler had admitted the machine, and the session had just reserved (or started) it.
    """
    record, now, runs = machine.stored.readable, machine.now, machine.instance.runs
    if record is None or machine.notes_now.beyond_admitting:
        return _mark_again(machine)
    if record.used:
        return _mark_again(machine, Why.GAVE_UP, record.session)
    notes = replace(
        _asked(machine),
        admitted_at=now,
        reserved=machine.notes_now.waiting(record.session) or ReservedNote(session=record.session, at=now),
        start=StartNote(session=record.session, at=now, attempts=1) if runs else None,
    )
    change = restore(machine.stored, record, Status.RESERVED, notes)
    return _marked(machine, Why.RUNS if runs else Why.RESERVED, change, record.session)


_VERBS: Mapping[Standing, Callable[[SeenMachine, Policy], Step]] = {
    Standing.RESERVED: _reserved,
    Standing.USED: _used,
    Standing.IN_SESSION: _in_session,
}


def _mark_again(machine: SeenMachine, why: Why = Why.MARK_GONE, session: SessionId | None = None) -> Step:
    """Order the mark for a machine whose notes are there. A dead starter may have left the key in no set."""
    row = machine.stored
    index = KEEP if row.status is None or row.index == {row.status} else row.status
    return _marked(machine, why, note(row, _asked(machine), index), session or machine.notes_now.session)


def _asked(machine: SeenMachine) -> Notes:
    """The notes to go on from, with the intent to mark."""
    return replace(machine.notes_now, mark_asked_at=machine.now)


def _marked(machine: SeenMachine, why: Why, change: Change, session: SessionId | None) -> Step:
    """The step: the change first, then the mark."""
    order = Mark(ref=machine.instance.ref, etag=machine.instance.etag, rests_on=machine.sighting)
    facts = {"session": session, "power": machine.instance.power}
    return Step(why=why, vm_id=machine.vm_id, change=change, order=order, facts=facts)


def distrust(fleet: Fleet, policy: Policy) -> Plan:
    """After an old snapshot of Redis was restored, no machine that the snapshot calls fresh is offered again.

    A machine that is Available in the snapshot, or on the way there, may have had a visitor since. Every such machine
    is used from now on, deleted by the cleaner and replaced; a running machine is left alone until at rest or over the
    limit. Reserved machines are named: the sessions may be of long ago, and only a person knows.
    All steps at once: no order is involved, and a machine left over may be handed out in the next moment.
    """
    steps = [found for machine in fleet.machines if (found := _distrusted(machine, policy)) is not None]
    reserved = [machine.stored for machine in fleet.machines if machine.standing is Standing.RESERVED]
    return Plan(steps=tuple(steps), refusals=tuple(map(_perhaps_long_ago, reserved)), asks=_listing(fleet))


def _distrusted(machine: Machine, policy: Policy) -> Step | None:
    row, record = machine.stored, _record_of(machine, policy)
    if record is None or is_used(row):
        return None
    spent = SpentNote(why=Edge.CONDEMN, at=machine.now)
    notes = replace(notes_so_far(row), spent=spent)
    change = step(Edge.CONDEMN, Actor.OPERATOR, row, record, notes, machine.now)
    return Step(why=Why.DISTRUSTED, vm_id=row.vm_id, change=change)


def _record_of(machine: Machine, policy: Policy) -> Record | None:
    """The record of a machine that is offered, or about to be: marked, and without a record."""
    row = machine.stored
    if row.status is Status.AVAILABLE:
        return row.readable
    about_to_be = row.record is None and row.notes is not None and row.notes.mark_asked_at is not None
    if not about_to_be or not isinstance(machine, SeenMachine):
        return None
    return machine.record_now(policy) if machine.instance.marked and not machine.instance.runs else None


def _perhaps_long_ago(row: Row) -> Refusal:
    facts = {"session": row.readable.session if row.readable is not None else None}
    return Refusal(why=Why.RESERVED_LONG_AGO, vm_id=row.vm_id, facts=facts)


def forget(fleet: Fleet, scale_set: ScaleSetName) -> Plan:
    """Record, notes and index entry go of every machine of a scale set that is not configured any more, and is gone."""
    noted = [row for row in fleet.rows.values() if row.notes is not None and row.notes.scale_set == scale_set]
    rows = [row for row in noted if not row.untouchable]
    alive = [Refusal(why=Why.STILL_THERE, vm_id=row.vm_id) for row in rows if row.vm_id in fleet.cloud.instances]
    return Plan(refusals=tuple(alive)) if alive else Plan(steps=tuple(map(_forgotten, rows)))


def _forgotten(row: Row) -> Step:
    """The step for a machine; an unreadable record is left to the byte, as everywhere."""
    record = row.readable
    change = Change(row=row, edge=None, record=KEEP if row.is_unreadable else None, notes=None, index=None)
    handed_out = record is not None and record.status is not Status.AVAILABLE and not is_used(row)
    session = record.session if record is not None and handed_out else None
    why = Why.FORGOTTEN if session is None else Why.FORGOTTEN_WITH_SESSION
    return Step(why=why, vm_id=row.vm_id, change=change, facts={"session": session} if session is not None else {})
