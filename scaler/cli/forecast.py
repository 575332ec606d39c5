"""The decisions of the real controllers about a machine: now, and the next step if nothing happens meanwhile.

Time passes in the fleet alone: both clocks move on, and Azure and Redis stay as they were. So the answer is the rule
itself, and docs/timeouts.md is tested against the same controllers.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from scaler.controllers import cleaner, provisioner, reconciler, starter
from scaler.model.edges import Actor
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import VmId
from scaler.model.lifecycle import KEEP, Change
from scaler.model.plan import Plan, Refusal, Step
from scaler.model.policy import Policy
from scaler.model.row import Row
from scaler.model.sighting import Sighting
from scaler.model.standing import Standing
from scaler.tick import withheld_steps

_S = timedelta(seconds=1)
_FARTHEST = timedelta(days=60)  # the longest setting is a session of thirty days
_NOTES = 5  # in a row, that are bookkeeping and no news

_CONTROLLERS: Mapping[Actor, Callable[[Fleet, Policy], Plan]] = {
    Actor.PROVISIONER: lambda fleet, policy: provisioner.decide(fleet.cloud, policy),
    Actor.RECONCILER: reconciler.decide,
    Actor.STARTER: starter.decide,
    Actor.CLEANER: cleaner.decide,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The next step about a machine."""

    after: timedelta
    controller: Actor
    step: Step


def decisions(fleet: Fleet, policy: Policy, vm_id: VmId) -> Mapping[Actor, tuple[Step | Refusal, ...]]:
    """What each controller decides about the machine now; empty: nothing."""
    plans = {name: decide(fleet, policy) for name, decide in _CONTROLLERS.items()}
    found: dict[Actor, tuple[Step | Refusal, ...]] = {}
    for name, plan in plans.items():
        decided: tuple[Step | Refusal, ...] = (*plan.steps, *plan.refusals)
        found[name] = tuple(each for each in decided if each.vm_id == vm_id)
    return found


def withheld(fleet: Fleet, policy: Policy, vm_id: VmId) -> Mapping[Actor, tuple[Step, ...]]:
    """What only a pause, or a missing consent, keeps each controller from doing with the machine now."""
    allowed, found = replace(fleet, cloud=fleet.cloud.as_if_allowed()), dict[Actor, tuple[Step, ...]]()
    for name, decide in _CONTROLLERS.items() if fleet.cloud.withheld else ():
        steps = withheld_steps(decide(fleet, policy), decide(allowed, policy), fleet.cloud)
        found[name] = tuple(step for step in steps if step.vm_id == vm_id)
    return found


def expected(fleet: Fleet, policy: Policy, vm_id: VmId) -> Expected | None:
    """The next step that is more than bookkeeping, and when; None: no step, unless something happens.

    In the pretended future time has passed for all machines and nothing was done, so the breakers would hold back most
    of them: without any step they are lifted. A ready machine waits for a visitor, whatever becomes of the others.
    """
    found = _expected(fleet, policy, vm_id)
    if found is not None or fleet.by_id[vm_id].standing is Standing.READY:
        return found
    lifted = replace(policy, max_deletes=1.0, max_forgets=1.0, max_unhealthy=fleet.size)
    return _expected(fleet, lifted, vm_id)


def _expected(fleet: Fleet, policy: Policy, vm_id: VmId) -> Expected | None:
    fleet = _after_bookkeeping(fleet, policy, vm_id)
    before, after = timedelta(0), timedelta(0)
    while (found := _first(fleet, policy, vm_id, after)) is None:
        if after > _FARTHEST:
            return None
        before, after = after, max(2 * after, _S)
    while after - before > _S:
        middle = before + ((after - before) // 2 // _S) * _S
        earlier = _first(fleet, policy, vm_id, middle)
        before, after, found = (before, middle, earlier) if earlier is not None else (middle, after, found)
    return found


def _first(fleet: Fleet, policy: Policy, vm_id: VmId, after: timedelta) -> Expected | None:
    """A step of a controller about the machine after so long."""
    later = replace(fleet, now=fleet.now + after, cloud=_aged(fleet.cloud, after))
    for name, decided in decisions(later, policy, vm_id).items():
        for step in decided:
            if isinstance(step, Step) and _matters(step):
                return Expected(after=after, controller=name, step=step)
    return None


def _matters(step: Step) -> bool:
    """Whether a step is more than bookkeeping: a step of the lifecycle, an order, a claim, or the word to open."""
    return bool(step.edge) or step.order is not None or step.takes_key or step.for_replica


def _aged(cloud: Cloud, after: timedelta) -> Cloud:
    """The same sights of Azure, seen again after so long."""

    def seen_again[Key](looks: Mapping[Key, Sighting]) -> dict[Key, Sighting]:
        return {key: replace(look, at=look.at + after) for key, look in looks.items()}

    return replace(
        cloud,
        listings=seen_again(cloud.listings),
        sightings=seen_again(cloud.sightings),
        asked=seen_again(cloud.asked),
    )


def _after_bookkeeping(fleet: Fleet, policy: Policy, vm_id: VmId) -> Fleet:
    """The fleet with the notes that the controllers take about the machine at once."""
    for _ in range(_NOTES):
        changes = list(_bookkeeping(fleet, policy, vm_id))
        if not changes:
            break
        rows = dict(fleet.rows)
        for change in changes:
            rows[vm_id] = _written(rows[vm_id], change)
        fleet = replace(fleet, rows=rows)
    return fleet


def _bookkeeping(fleet: Fleet, policy: Policy, vm_id: VmId) -> Iterator[Change]:
    for decided in decisions(fleet, policy, vm_id).values():
        for step in decided:
            if isinstance(step, Step) and step.change is not None and not _matters(step):
                yield step.change


def _written(row: Row, change: Change) -> Row:
    """The row after the change."""
    return replace(
        row,
        record=row.record if change.record is KEEP else change.record,
        notes=row.notes if change.notes is KEEP else change.notes,
        index=row.index if change.index is KEEP else frozenset(() if change.index is None else (change.index,)),
    )
