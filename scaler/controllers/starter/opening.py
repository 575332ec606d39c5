"""OPEN: a machine that runs is the visitor's, with its addresses as far as they can be had."""

from dataclasses import replace

from scaler.controllers.starter.turns import waiting_since
from scaler.controllers.starter.wait import Wait
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Cloud
from scaler.model.instance import Addresses, InstanceId
from scaler.model.lifecycle import note, step
from scaler.model.machine import SeenMachine
from scaler.model.notes import OpenedNote, StartNote
from scaler.model.plan import Facts, Get, Lacks, Locate, Step, Why
from scaler.model.record import Status

NOWHERE = Addresses()


def open_for(wait: Wait, machine: SeenMachine, cloud: Cloud) -> Step | Lacks | None:
    """OPEN, as soon as it is known where the machine is.

    Addresses are listed by instance id: whom the id names now, only a targeted GET of this very tick says.
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
    """Ask again for a while, if nobody could say (all of) them just now; the wait for them is noted once."""
    if wait.start is not None:
        since = wait.start.runs_at or wait.now
        if wait.now - since < wait.policy.address_patience:
            return _ask_again(wait, replace(wait.start, runs_at=since))
    return _open(wait, machine, addresses)


def _open(wait: Wait, machine: SeenMachine, addresses: Addresses) -> Step:
    """With its addresses, kept in the notes too: a queue manager may drop them from the record."""
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
    """Nobody could say where it is just now. Written once: the clock of this waiting."""
    notes = replace(wait.notes, start=start)
    if notes == wait.notes:
        return None
    return Step(why=Why.NO_ADDRESSES, vm_id=wait.machine.vm_id, change=note(wait.machine.stored, notes))
