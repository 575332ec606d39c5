"""Planted in the admission of new machines: offered too early, unmarked, running, or although perhaps used."""

from dataclasses import replace
from datetime import timedelta

from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.instance import HealthState, Instance, PowerState
from scaler.model.lifecycle import step
from scaler.model.machine import Machine, SeenMachine
from scaler.model.plan import Mark, Step, Why
from scaler.model.policy import Policy
from scaler.model.row import Notes, Row, Status
from scaler.model.sighting import Answer
from simulator.chaos.breaks.planted import (
    Planted,
    answered,
    both,
    instances_shown,
    notes_shown,
    planned,
    stops_as_others,
    unplanned,
)
from simulator.chaos.weather import UNREADY_BOUND


def _admitted(wanted: Step, fleet: Fleet) -> Step:
    """ADMIT in the place of that step."""
    machine = fleet.by_id[wanted.vm_id] if wanted.vm_id is not None else None
    if not isinstance(machine, SeenMachine) or machine.stored.status not in {None, Status.AVAILABLE}:
        return wanted
    record = machine.record_now(Policy())
    record = replace(record, session_id=None, client_ip=None, warm=machine.instance.warm)
    notes = replace(machine.notes_now, admitted_at=fleet.now)
    change = step(Edge.ADMIT, Actor.RECONCILER, machine.stored, record, notes, fleet.now)
    return replace(wanted, why=Why.HORIZON_PASSED, change=change, order=None)


def _marked_if_known(instance: Instance, row: Row) -> Instance:
    known = row.notes is not None and row.notes.admitted_at is not None
    return replace(instance, marked=instance.marked or known)


def _marked_long_ago(notes: Notes, _: Machine) -> Notes:
    seen = notes.mark_seen_at
    return notes if seen is None else replace(notes, mark_seen_at=seen - timedelta(minutes=2), mark_noted_at=None)


def _at_rest_if_new(instance: Instance, row: Row) -> Instance:
    handed_over = row.notes is not None and bool(row.notes.start or row.notes.opened)
    if not instance.runs or instance.busy or handed_over:
        return instance
    return replace(instance, power=PowerState.STOPPED)


def _healthy_at_the_bound(answer: Answer) -> Answer:
    """What is new, and has run until the bound, is as good as Healthy."""
    found = answer.found
    if found is None or found.health is None or found.marked or found.created_at is None or not found.runs:
        return answer
    if answer.at - found.created_at < UNREADY_BOUND:
        return answer
    return replace(answer, found=replace(found, health=replace(found.health, state=HealthState.HEALTHY)))


_SECOND = timedelta(seconds=1)

ADMISSION = {
    "stop-at-the-bound": Planted(
        what="a new machine that never became Healthy is stopped at the bound, and offered",
        weathers=("machines that must be Healthy",),
        scale_set=answered(get=_healthy_at_the_bound),
    ),
    "admit-without-mark": Planted(
        what="what is new and at rest is offered without having been marked in Azure, and nobody misses the mark",
        weathers=("fair",),
        decide=both(
            instances_shown(_marked_if_known),
            planned(lambda wanted, fleet: _admitted(wanted, fleet) if isinstance(wanted.order, Mark) else wanted),
        ),
    ),
    "mark-for-ever": Planted(
        what="a machine that was admitted is taken for marked, though somebody has unprotected it since",
        weathers=("many hands at the portal",),
        decide=instances_shown(_marked_if_known),
    ),
    "admit-without-horizon": Planted(
        what="a machine is offered as soon as its mark is seen, while stops of before live on, as long as other orders",
        weathers=("late orders to quick machines",),
        policy=stops_as_others,
        decide=notes_shown(_marked_long_ago, Actor.RECONCILER),
    ),
    "stops-live-long": Planted(
        what="the stop of a new machine may arrive a minute and a half after its look, and ADMIT does not wait for it",
        weathers=("late orders to quick machines",),
        policy=lambda policy: replace(policy, stop_horizon=2 * policy.order_horizon, pause_forgiven=-65 * _SECOND),
    ),
    "admit-unknown": Planted(
        what="what is marked, at rest and unknown to the registry is taken for new and offered",
        weathers=("a flush of quick machines",),
        decide=planned(
            lambda each, fleet: _admitted(each, fleet) if each.why in {Why.MARKED_UNKNOWN, Why.MOST_UNKNOWN} else each,
            Actor.RECONCILER,
        ),
    ),
    "leave-unknown-running": Planted(
        what="a marked machine that runs, and of which nothing is known, is nobody's business",
        weathers=("a flush",),
        decide=unplanned(Actor.RECONCILER, Why.MARKED_UNKNOWN_RUNS),
    ),
    "admit-running": Planted(
        what="new machines are marked and offered although they run",
        weathers=("fair",),
        decide=instances_shown(_at_rest_if_new, Actor.RECONCILER),
    ),
}
