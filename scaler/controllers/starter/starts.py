"""Starts, the note before the order; and OPEN of a running machine with known addresses."""

from dataclasses import replace

from scaler.controllers.starter.moving import Stranded
from scaler.controllers.starter.waiting import Wait, noted, reserved_since, timeout, waiting_since
from scaler.model.clocks import is_ahead
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Cloud
from scaler.model.instance import Addresses, InstanceId
from scaler.model.lifecycle import note, step
from scaler.model.machine import SeenMachine
from scaler.model.plan import Facts, Get, Lacks, Locate, Start, Step, Why
from scaler.model.row import OpenedNote, StartNote, Status
from scaler.model.standing import unsettled_for


def start(wait: Wait, machine: SeenMachine) -> Step | Stranded | None:
    """Start a machine at rest: note, then order; again when the last order is surely dead; three times.

    A session that can follow a MOVE is moved as soon as another machine is the better bet; until there is such a
    machine, this one is tried again.
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
    """Order the start again, once the last order is surely dead. Without permission only the waiting time runs."""
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
    """Decide about an unsettled machine: starting, or stuck."""
    notes = machine.notes_now
    if unsettled_for(notes, machine.at, wait.policy):
        return wait.stranded(Why.CANNOT_START if wait.start else Why.TAINTED)
    return timeout(wait) or noted(wait, replace(notes, reserved=reserved_since(wait)))


NOWHERE = Addresses()


def open_for(wait: Wait, machine: SeenMachine, cloud: Cloud) -> Step | Lacks | None:
    """OPEN, as soon as the machine's addresses are known.

    Addresses are listed by instance id: only a targeted GET of this tick tells which machine the id names.
    """
    ref = machine.instance.ref
    if not machine.is_asked_for:
        get = Get(ref=ref, queue="open", place=(waiting_since(machine),))
        return Lacks(ask=get, otherwise=_without_addresses(wait, machine))
    if ref.scale_set not in cloud.addresses:
        return Lacks(ask=Locate(scale_set=ref.scale_set), otherwise=_without_addresses(wait, machine))
    found = cloud.addresses[ref.scale_set]
    addresses = (found or {}).get(InstanceId(ref.instance_id.lower()), Addresses())
    if found is None or addresses.untold:
        return _without_addresses(wait, machine, addresses)
    return _open(wait, machine, addresses)


def _without_addresses(wait: Wait, machine: SeenMachine, addresses: Addresses = NOWHERE) -> Step | None:
    """Ask again for a while, if (some) addresses are unknown; the waiting is noted once."""
    if wait.start is not None:
        since = wait.start.runs_at or wait.now
        if wait.now - since < wait.policy.address_patience:
            return _ask_again(wait, replace(wait.start, runs_at=since))
    return _open(wait, machine, addresses)


def _open(wait: Wait, machine: SeenMachine, addresses: Addresses) -> Step:
    """OPEN with the addresses, in the notes too, because a queue manager may drop the record's fields."""
    record = replace(
        wait.record,
        status=Status.UNAVAILABLE,
        used=False,
        public_ip=addresses.public or wait.record.public_ip,
        private_ip=addresses.private or wait.record.private_ip,
        updated_at=wait.now,
    )
    notes = replace(
        wait.notes,
        opened=OpenedNote(session=wait.session, at=wait.now, record=record, seen_at=machine.at),
        ips=_noted_addresses(addresses),
        missed_at=None,
        missed_noted_at=None,
        rest_at=None,
        rest_noted_at=None,
        unsettled_at=None,
    )
    change = step(Edge.OPEN, Actor.STARTER, wait.machine.stored, record, notes, wait.now)
    waited = round((wait.now - wait.since).total_seconds(), 1)
    facts: Facts = {"session": wait.session, "waited_s": waited, "warm": wait.start is not None and wait.start.warm}
    return Step(why=Why.RUNS, vm_id=wait.machine.vm_id, change=change, facts=facts)


def _noted_addresses(addresses: Addresses) -> dict[str, str]:
    return {name: ip for name, ip in (("public", addresses.public), ("private", addresses.private)) if ip is not None}


def _ask_again(wait: Wait, start: StartNote) -> Step | None:
    """Note once that addresses are missing: the beginning of this waiting."""
    notes = replace(wait.notes, start=start)
    if notes == wait.notes:
        return None
    return Step(why=Why.NO_ADDRESSES, vm_id=wait.machine.vm_id, change=note(wait.machine.stored, notes))
