"""Starts, the note before the order; and OPEN of a running machine with known addresses."""

from dataclasses import replace
from datetime import datetime

from scaler.controllers.starter.moving import Stranded
from scaler.controllers.starter.waiting import Wait, end, noted, timeout
from scaler.model.clocks import is_ahead
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Cloud
from scaler.model.instance import Addresses, Tier
from scaler.model.lifecycle import Change, note_expecting, step
from scaler.model.machine import SeenMachine
from scaler.model.plan import Facts, Get, Lacks, Locate, Start, Step, Why
from scaler.model.row import Notes, OpenedNote, OpeningNote, StartNote, Status
from scaler.model.standing import unsettled_for


def start(wait: Wait, machine: SeenMachine) -> Step | Stranded | None:
    """Start a machine at rest: note, then order; again when the last order is surely dead; three times.

    A session that can follow a MOVE is moved as soon as another machine is the better bet; until there is such a
    machine, this one is tried again.
    """
    if wait.notes.start is not None and wait.start is None:  # started for somebody else, who never came
        return Stranded(wait=wait, why=Why.TAINTED)
    again = _again(wait, machine)
    if wait.start is None:
        return again
    failure = wait.start.failure
    if failure is not None and failure.of_capacity and wait.movable:
        return Stranded(wait=wait, why=Why.NO_CAPACITY, failure=failure, otherwise=again)
    if again is not None and again.order is not None and wait.start.attempts >= wait.policy.start_attempts:
        return Stranded(wait=wait, why=Why.CANNOT_START, failure=failure, otherwise=again)
    return again


def _again(wait: Wait, machine: SeenMachine) -> Step | None:
    """Order the start again, once the last order is surely dead. Without permission only the waiting time runs."""
    last = wait.start.at if wait.start is not None else None
    if last is not None and wait.now - last < wait.policy.order_horizon and not is_ahead(last, wait.now):
        return None
    if wait.is_over or not machine.sighting.starts_allowed:
        return timeout(wait)
    return ordered(wait, machine)


def ordered(wait: Wait, machine: SeenMachine) -> Step:
    """Note the start, then order it."""
    attempt = (wait.start.attempts if wait.start is not None else 0) + 1
    start = StartNote(
        session=wait.session, at=wait.now, attempts=attempt, warm=machine.instance.warm, seen_at=machine.at
    )
    why = Why.RESERVED if attempt == 1 else Why.START_OVERDUE
    facts: Facts = {"session": wait.session, "attempt": attempt, "warm": machine.instance.warm}
    order = Start(ref=machine.instance.ref, rests_on=machine.sighting)
    return Step(why=why, vm_id=machine.vm_id, change=with_start(wait, machine, start), order=order, facts=facts)


def with_start(wait: Wait, machine: SeenMachine, start: StartNote, opening: OpeningNote | None = None) -> Change:
    """Note a start for the session, and the expected time of the OPEN."""
    gated = wait.policy.awaits_health(machine.instance.ref.scale_set)
    heeds_health = gated or wait.policy.ends_by_health(machine.instance.ref.scale_set)
    noted = replace(
        start,
        seen_at=start.seen_at if heeds_health else None,
        server=machine.stored.before.server if gated else "",
    )
    notes = replace(
        _without_witnesses(wait.notes), reserved=wait.reserved, start=noted, opening=opening, unindexed_at=None
    )
    return note_expecting(machine.stored, notes, _expected(wait, start))


def _expected(wait: Wait, start: StartNote) -> datetime | None:
    """The expected time to write into the record, None to leave the record's.

    A repeated start begins the time anew, and so does a record without a time to come, or with that of another tier.
    """
    told, tier = wait.record.expected_ready_at, Tier.of(warm=start.warm, hot=start.hot)
    if start.attempts == 1 and told is not None and told > wait.now and wait.record.tier is tier:
        return None
    return wait.now + wait.waits.told(tier, wait.policy)


def _without_witnesses(notes: Notes) -> Notes:
    """The notes without earlier doubts whether the machine is there, at rest, unhealthy, or settled."""
    return replace(
        notes,
        missed_at=None,
        missed_noted_at=None,
        rest_at=None,
        rest_noted_at=None,
        unhealthy_at=None,
        unhealthy_noted_at=None,
        unsettled_at=None,
    )


def unsettled(wait: Wait, machine: SeenMachine) -> Step | Stranded | None:
    """Decide about an unsettled machine: starting, or stuck."""
    if unsettled_for(machine.notes_now, machine.at, wait.policy):
        return Stranded(wait=wait, why=Why.CANNOT_START if wait.start else Why.TAINTED)
    return timeout(wait) or noted(wait, replace(machine.notes_now, reserved=wait.reserved))


def open_for(wait: Wait, machine: SeenMachine, cloud: Cloud) -> Step | Lacks | None:
    """OPEN, as soon as the machine's addresses are known.

    Azure tells addresses by instance id: only a targeted GET of this tick tells which machine the id names.
    """
    ref, nowhere = machine.instance.ref, Addresses()
    if not machine.is_asked_for:
        get = Get(ref=ref, queue="open", place=(wait.known_since,))
        return Lacks(ask=get, otherwise=_without_addresses(wait, machine, nowhere))
    if machine.vm_id not in cloud.addresses:
        return Lacks(ask=Locate(ref=ref), otherwise=_without_addresses(wait, machine, nowhere))
    addresses = cloud.addresses[machine.vm_id]
    if addresses is None or addresses.untold:
        return _without_addresses(wait, machine, addresses or nowhere)
    return opened(wait, machine, addresses)


def _without_addresses(wait: Wait, machine: SeenMachine, addresses: Addresses) -> Step | None:
    """Ask again for a while, if (some) addresses are unknown; the beginning of this waiting is noted once."""
    if wait.start is not None:
        since = wait.start.runs_at or wait.now
        if wait.now - since < wait.policy.address_patience:
            return noted(wait, replace(wait.notes, start=replace(wait.start, runs_at=since)), Why.NO_ADDRESSES)
    return opened(wait, machine, addresses)


def opened(wait: Wait, machine: SeenMachine, addresses: Addresses) -> Step:
    """OPEN. A machine with any heating, running now or not, is opened only after a replica has answered in this tick.

    The start note is then there for good. Without a replica the session is refused at the end of the waiting.
    """
    step_now = opened_now(wait, machine, addresses)
    if wait.notes.heated is None:
        return step_now
    refused = end(wait, Edge.REFUSE, Why.UNCONFIRMED) if wait.is_over else None
    return replace(step_now, after_replica=True, instead=refused)


def opened_now(wait: Wait, machine: SeenMachine, addresses: Addresses) -> Step:
    """OPEN with the addresses, in the notes too, because a queue manager may drop the record's fields."""
    record = replace(
        wait.record,
        status=Status.UNAVAILABLE,
        used=False,
        public_ip=addresses.public or wait.record.public_ip,
        private_ip=addresses.private or wait.record.private_ip,
        updated_at=wait.now,
        expected_ready_at=None,
        hot_since=None,
    )
    notes = replace(
        _without_witnesses(wait.notes),
        opened=OpenedNote(session=wait.session, at=wait.now, record=record, seen_at=machine.at),
        ips={name: ip for name, ip in (("public", addresses.public), ("private", addresses.private)) if ip is not None},
    )
    change = step(Edge.OPEN, Actor.STARTER, machine.stored, record, notes, wait.now)
    waited = round((wait.now - wait.reserved.at).total_seconds(), 1)
    facts: Facts = {"session": wait.session, "waited_s": waited, "warm": wait.start is not None and wait.start.warm}
    if wait.notes.heated is not None:
        facts = {**facts, "hot": wait.start is not None and wait.start.hot}
    return Step(why=Why.RUNS, vm_id=machine.vm_id, change=change, facts=facts)
