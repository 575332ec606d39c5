"""Measured waits, free machines and coming machines, gathered from the ticks of a process for the web site.

No decision rests on published waits: a wait that could not be published is lost without harm.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from scaler.history import done, waited_for
from scaler.model.capacity import lead_time
from scaler.model.edges import Actor
from scaler.model.fleet import Fleet
from scaler.model.instance import ProvisioningState, Tier
from scaler.model.lifecycle import Change
from scaler.model.machine import SeenMachine
from scaler.model.plan import Start
from scaler.model.policy import Policy
from scaler.model.row import Record, Status
from scaler.model.standing import Standing
from scaler.model.waits import LATEST, MOVED, WAITS_EVERY, Coming, Waits, moved_on
from scaler.report import Report

TELLERS = (Actor.RECONCILER, Actor.STARTER)
"""The controllers that publish: the starter knows each OPEN, the reconciler what is on its way to the offer."""
_MADE = {Standing.NEW, Standing.ADMITTING}


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """The addition of a tick to the published waits."""

    fleet: Fleet
    measured: Mapping[str, tuple[float, ...]]  # seconds, by kind

    def on(self, stored: Waits, policy: Policy) -> Waits:
        """The waits to publish in the place of the stored ones: another process may have published since."""
        fleet, coming = self.fleet, _coming(self.fleet, policy) or stored.coming
        if coming is not None and coming.next_at is not None:
            coming = replace(coming, next_at=moved_on(coming.next_at, fleet.now))
        kinds = {**stored.latest, **self.measured}
        waits = Waits(
            at=fleet.now,
            latest={
                kind: (*stored.latest.get(kind, ()), *self.measured.get(kind, ()))[-LATEST:] for kind in sorted(kinds)
            },
            free=_free(fleet, policy),
            coming=coming,
            limit=policy.session_limit.total_seconds(),
        )
        expected = {tier: round(waits.told(tier, policy).total_seconds(), 1) for tier in waits.free}
        return replace(waits, expected=expected)


class Measuring:
    """Hears each tick of a process, and decides when to publish."""

    def __init__(self) -> None:
        self._left: dict[Actor, float] = {}

    def hear(self, name: Actor, report: Report, now: float) -> News | None:
        """News after a step of a visitor's machine, and every ten seconds. `now`: of the process's clock."""
        if name not in TELLERS or report.fleet is None:
            return None
        changes = done(report)
        stirred = any(change.edge is not None for change in changes) or any(
            isinstance(outcome.step.order, Start) for outcome in report.outcomes
        )
        if not stirred and now - self._left.get(name, -WAITS_EVERY.total_seconds()) < WAITS_EVERY.total_seconds():
            return None
        self._left[name] = now
        measured: dict[str, tuple[float, ...]] = {}
        for change in changes:
            for tier, waited in waited_for(change):
                kind = MOVED if _was_moved(change) else tier
                measured[kind] = (*measured.get(kind, ()), waited)
        return News(fleet=report.fleet, measured=measured)


def _was_moved(change: Change) -> bool:
    return isinstance(change.record, Record) and change.record.moved_from is not None


def _free(fleet: Fleet, policy: Policy) -> Mapping[Tier, int]:
    """The machines on offer, by tier: members of `available` with a readable record. HOT only if wanted."""
    records = (row.readable for row in fleet.rows.values() if Status.AVAILABLE in row.index)
    free = Counter(record.tier for record in records if record is not None)
    some = free[Tier.HOT] or any(fleet.cloud.demand_of(name, policy).capacity.hot for name in policy.capacity)
    return {tier: free[tier] for tier in Tier if tier is not Tier.HOT or some}


def _coming(fleet: Fleet, policy: Policy) -> Coming | None:
    """The new machines on the way to their offer, by a listing; None where not all scale sets were listed."""
    if fleet.scale_sets - fleet.cloud.listings.keys():
        return None
    made = [each for each in fleet.by_id.values() if isinstance(each, SeenMachine) and _is_made(each)]
    ready = [at for each in made if (at := _ready_at(each, fleet, policy)) is not None]
    return Coming(machines=len(made), next_at=min(ready, default=None))


def _is_made(machine: SeenMachine) -> bool:
    instance = machine.instance
    return machine.standing in _MADE and not instance.failed and instance.provisioning is not ProvisioningState.DELETING


def _ready_at(machine: SeenMachine, fleet: Fleet, policy: Policy) -> datetime | None:
    """The probable time of a new machine's offer, by Redis' clock. Ages of machines are by Azure's."""
    created = machine.instance.created_at
    if created is None:
        return None
    demand = fleet.cloud.demand_of(machine.instance.ref.scale_set, policy)
    takes = timedelta(seconds=lead_time(demand, policy)) - policy.provisioner_every  # which was before the creation
    return moved_on(fleet.now + takes - (machine.at - created), fleet.now)
