"""A reserved heated machine without a start note for the session: the start note, then OPEN, in one tick.

No visitor was let in before a start was noted. So without a replica the session is given up only until then, by
SWAP: the machine is offered again, and the session goes on with a machine without any heating. With a start note the
visitor may be inside, if a failover has forgotten the OPEN: the session waits, is opened when a replica answers, and
refused at the end of the waiting.
"""

from dataclasses import replace

from scaler.controllers.starter.moving import Stranded
from scaler.controllers.starter.starts import opened_now, ordered, unsettled, with_start
from scaler.controllers.starter.waiting import Wait, timeout
from scaler.model.fleet import Cloud
from scaler.model.instance import Addresses
from scaler.model.machine import SeenMachine
from scaler.model.plan import Facts, Get, Lacks, Locate, Step, Why
from scaler.model.row import HeatedNote, Notes, OpeningNote, StartNote
from scaler.model.standing import unsettled_for


def take(wait: Wait, machine: SeenMachine, heated: HeatedNote, cloud: Cloud) -> Step | Stranded | Lacks | None:
    """Note the start, once a replica answers; then OPEN in the same tick, if the machine runs and is ready."""
    if not machine.is_asked_for:
        return Lacks(ask=Get(ref=machine.instance.ref, queue="open", place=(wait.known_since,)))
    if machine.instance.at_rest:
        return _started(wait, machine)
    if not machine.instance.settled and unsettled_for(machine.notes_now, machine.at, wait.policy):
        return unsettled(wait, machine)
    ready = machine.instance.settled and _is_ready(heated, machine, wait)
    noted = _noted(wait, machine, heated, ready=ready)
    if ready and machine.vm_id not in cloud.addresses:
        return Lacks(ask=Locate(ref=machine.instance.ref), otherwise=noted)
    addresses = cloud.addresses.get(machine.vm_id) if ready else None
    if addresses is None or addresses.untold:
        return _patiently(wait, noted)  # a later tick asks again for a while, and opens the machine
    return _patiently(wait, _and_opened(noted, wait, machine, addresses))


def _and_opened(noted: Step, wait: Wait, machine: SeenMachine, addresses: Addresses) -> Step:
    """The step of the start note, and then OPEN in the same tick."""
    assert noted.change is not None
    assert isinstance(noted.change.notes, Notes)
    return replace(noted, then=opened_now(replace(wait, notes=noted.change.notes), machine, addresses))


def _started(wait: Wait, machine: SeenMachine) -> Step | Stranded | None:
    """Start a heated machine at rest."""
    if wait.is_over or not machine.sighting.starts_allowed:
        return timeout(wait)
    return _patiently(wait, replace(ordered(wait, machine), after_replica=True))


def _is_ready(heated: HeatedNote, machine: SeenMachine, wait: Wait) -> bool:
    """Whether the machine runs and was ready in this run: Unhealthy is usual after a long wait."""
    return heated.ready_at is not None or not wait.policy.awaits_health(machine.instance.ref.scale_set)


def _noted(wait: Wait, machine: SeenMachine, heated: HeatedNote, *, ready: bool) -> Step:
    """The start note of a running or starting machine. The run, and the health of the run, began with the heating."""
    start = StartNote(
        session=wait.session,
        at=wait.now,
        attempts=1,
        warm=heated.warm,
        seen_at=heated.seen_at,
        boots_at=heated.boots_at,
        health_seen=heated.health_seen,
        initializing=heated.initializing,
        hot=ready,
    )
    gated = ready and wait.policy.awaits_health(machine.instance.ref.scale_set)
    opening = OpeningNote(session=wait.session, at=wait.now) if gated else None
    facts: Facts = {"session": wait.session, "attempt": 1, "hot": ready}
    change = with_start(wait, machine, start, opening)
    why = Why.READY_HOT if ready else Why.NOT_HOT_YET
    return Step(why=why, vm_id=machine.vm_id, change=change, facts=facts, after_replica=True)


def _patiently(wait: Wait, preferred: Step) -> Step | Stranded:
    """The step, if a replica answers; else, after a short patience, another machine."""
    if wait.now - wait.reserved.at < wait.policy.hot_patience:
        return preferred
    return Stranded(wait=wait, why=Why.UNCONFIRMED, preferred=preferred)
