"""Capacity: how many machines a scale set should hold, and why. Pure: what Azure shows, the policy, and a hint.

The rule of `Mode.AUTO` is base stock: as many spare machines as visitors come, with the chosen probability, while the
next machine is made. Arrivals are the starts that listings show; no forecast, no Redis. The safety corrects itself:
each visitor who came while no machine was ready raises the safety, each other visitor lowers it a little.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil, erfc, exp, lgamma, log, sqrt
from statistics import NormalDist, fmean

from scaler.model.clocks import APART
from scaler.model.instance import Instance, PowerState, ProvisioningState, VmId
from scaler.model.plan import Facts
from scaler.model.policy import Capacity, Mode, Policy
from scaler.model.sighting import Pages

_RUNS = {PowerState.STARTING, PowerState.RUNNING}

_LEARNS = 0.05  # how much of the share of visitors who found nothing goes into the safety
_SAFEST = 7.9  # normal deviations; beyond, the probability of a shortage has no more digits
_GROWS, _SHRINKS = 1.5, 0.8  # the stretch of the spare per provisioner tick, while nothing is ready and afterwards
_LEADS = 20  # latest machines whose way to the offer is averaged


class Use(StrEnum):
    """What a machine of a scale set is good for, by Azure alone. Every machine counts as exactly one of these."""

    IN_USE = "in use"  # marked, and starting or running
    READY = "ready"  # marked, and at rest or on the way there (a visitor's machine just before its deletion, too)
    COMING = "coming"  # unmarked: created, stopped, or Failed and to be made again; it holds its place
    LOST = "lost"  # marked and Failed: serves nobody until it is deleted
    LEAVING = "leaving"  # being deleted


def use_of(instance: Instance, *, ran: bool = False) -> Use:
    """Classify a machine. `ran`: the listing before showed it in use, which holds while Azure tells no power state."""
    if instance.provisioning is ProvisioningState.DELETING:
        return Use.LEAVING
    if not instance.marked:
        return Use.COMING
    if instance.power in _RUNS or (ran and instance.power is PowerState.UNKNOWN):
        return Use.IN_USE
    return Use.LOST if instance.failed else Use.READY


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How many machines a scale set should hold, and why."""

    machines: int  # of every kind but those being deleted
    why: str  # for people
    facts: Facts = field(default_factory=dict)  # the same as data, with the counts of the listing


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What the listings of one scale set have shown of the demand: a hint, whose loss costs some spare machines."""

    since: datetime  # of the first listing, by Azure's clock like all times here
    at: datetime  # of the latest listing
    uses: Mapping[VmId, Use]
    counts: Mapping[Use, int]  # the machines by their use, and those without an id yet
    lows: tuple[tuple[datetime, int], ...] = ()  # the surplus of listings, each smaller than all later ones
    starts: tuple[datetime, ...] = ()  # of machines that visitors got, within `Policy.demand_window`
    leads: tuple[float, ...] = ()  # seconds from creation to rest of the latest machines
    safety: float = 0.0  # in normal deviations: 2.3 for 99 %
    stretch: float = 1.0  # factor on the spare machines, while nothing is ready

    @property
    def somebody_comes(self) -> bool:
        """Whether the latest listings showed visitors at all."""
        return bool(self.starts) or self.counts[Use.IN_USE] > 0

    @property
    def occupied(self) -> int:
        """Machines that are nobody's spare: in use, or lost."""
        return self.counts[Use.IN_USE] + self.counts[Use.LOST]

    def lasting_surplus(self, kept: timedelta) -> int:
        """How many machines were beyond those wanted in every listing of the latest `kept`."""
        if self.at - self.since < kept:
            return 0
        return max(0, min(low for at, low in self.lows if self.at - at <= kept))


def after_listing(before: Demand | None, pages: Pages, capacity: Capacity, policy: Policy) -> Demand:
    """The demand after another listing of the scale set.

    A listing that is known already changes nothing. After a long gap, or by a clock that was wrong, all begins anew.
    """
    at = pages.at
    if before is not None and not -APART <= at - before.at < policy.demand_window:
        before = None
    if before is not None and at <= before.at:
        return before
    rows = {each.vm_id: each for each in pages.instances}
    known = before.uses if before is not None else {}
    uses = {vm_id: use_of(each, ran=known.get(vm_id) is Use.IN_USE) for vm_id, each in rows.items()}
    seen = Counter(uses.values())
    counts = {use: seen[use] for use in Use} | {Use.COMING: seen[Use.COMING] + pages.unidentified}
    if before is None:
        demand = Demand(since=at, at=at, uses=uses, counts=counts, safety=_deviations(capacity))
    else:
        demand = replace(_observed(before, rows, uses, at, policy), counts=counts)
        demand = _corrected(before, demand, capacity, policy)
    return _with_surplus(demand, capacity, policy)


def _observed(
    before: Demand, rows: Mapping[VmId, Instance], uses: Mapping[VmId, Use], at: datetime, policy: Policy
) -> Demand:
    """Count the machines that visitors got since the listing before, and time those that came to rest."""
    started = sum(use is Use.IN_USE and before.uses.get(vm_id) is not Use.IN_USE for vm_id, use in uses.items())
    rested = [
        (at - created).total_seconds()
        for vm_id, use in uses.items()
        if use is Use.READY and before.uses.get(vm_id) is Use.COMING
        if (created := rows[vm_id].created_at) is not None and created < at
    ]
    recent = (start for start in before.starts if at - start < policy.demand_window)
    return replace(
        before,
        at=at,
        uses=uses,
        starts=(*recent, *(at for _ in range(started))),
        leads=(*before.leads, *rested)[-_LEADS:],
    )


def _corrected(before: Demand, demand: Demand, capacity: Capacity, policy: Policy) -> Demand:
    """Correct the safety by the visitors who came since the listing before, and the stretch by what is ready now."""
    usual, passed = _deviations(capacity), demand.at - before.at
    came = sum(start == demand.at for start in demand.starts)
    missed = demand.counts[Use.READY] == 0
    safety = usual + (before.safety - usual) * exp(-(passed / policy.safety_forgets))
    safety += came * _LEARNS * (missed - (1 - capacity.found_at_once))
    ticks, stretch = passed / policy.provisioner_every, before.stretch
    if not missed:
        stretch = max(1.0, stretch * _SHRINKS**ticks)
    elif demand.somebody_comes and wanted(before, capacity, policy).machines < capacity.most:
        stretch *= _GROWS**ticks
    return replace(demand, safety=min(max(safety, 0.0), _SAFEST), stretch=stretch)


def _deviations(capacity: Capacity) -> float:
    return NormalDist().inv_cdf(capacity.found_at_once)


def _with_surplus(demand: Demand, capacity: Capacity, policy: Policy) -> Demand:
    machines = sum(demand.counts.values()) - demand.counts[Use.LEAVING]
    surplus = machines - wanted(demand, capacity, policy).machines
    earlier = (low for low in demand.lows if low[1] < surplus and demand.at - low[0] <= policy.surplus_kept)
    return replace(demand, lows=(*earlier, (demand.at, surplus)))


def wanted(demand: Demand | None, capacity: Capacity, policy: Policy) -> Wanted:
    """How many machines the scale set should hold now: one function for all who ask.

    None is the demand before the first listing: nothing is known to be in use.
    """
    counts = demand.counts if demand is not None else dict.fromkeys(Use, 0)
    in_use = counts[Use.IN_USE]
    facts: dict[str, str | int | float | bool | None] = {"mode": capacity.mode.value}
    facts |= {use.value: number for use, number in counts.items()}
    if capacity.mode is Mode.FIXED:
        why = f"{capacity.desired} machines, in use or not"
        return Wanted(machines=capacity.desired, why=why, facts=facts)
    if capacity.mode is Mode.BUFFER:
        share = ceil(capacity.buffer_share * in_use)
        spare = max(capacity.buffer, share)
        why = f"{spare} spare beyond {in_use} in use"
        if share > capacity.buffer:
            why = f"{spare} spare = {capacity.buffer_share:.0%} of {in_use} in use"
    else:
        spare, why, found = _auto(demand, in_use, capacity, policy)
        facts |= found
    total = in_use + counts[Use.LOST] + spare
    machines = min(max(total, capacity.least), capacity.most)
    if machines != total:
        why += f"; {'at least' if machines > total else 'at most'} {machines} machines"
    return Wanted(machines=machines, why=why, facts=facts | {"spare": spare})


def _auto(demand: Demand | None, in_use: int, capacity: Capacity, policy: Policy) -> tuple[int, str, Facts]:
    """The spare machines, the reason in words, and the numbers behind it."""
    starts, safety, stretch, lead = 0, _deviations(capacity), 1.0, policy.lead_time.total_seconds()
    watched = timedelta(0)
    if demand is not None:
        starts, safety, stretch, watched = len(demand.starts), demand.safety, demand.stretch, demand.at - demand.since
        if demand.leads:
            lead = fmean(demand.leads) + policy.admit_after.total_seconds()
    lead += policy.provisioner_every.total_seconds()
    per_second = starts / policy.demand_window.total_seconds()
    if watched < policy.demand_window:
        per_second = max(per_second, in_use / policy.mean_session.total_seconds())
    needed = poisson_quantile(per_second * lead, safety)
    spare = ceil(max(needed, capacity.buffer) * stretch)
    why = (
        f"{spare} spare = {100 * NormalDist().cdf(safety):.4g} % of arrivals within {lead:.0f} s at"
        f" {per_second * 3600:.3g}/h, safety {safety:.1f}"
    )
    if needed < capacity.buffer:
        why += f", at least {capacity.buffer}"
    if stretch > 1:
        why += f", times {stretch:.1f} because no machine was ready"
    facts: Facts = {
        "arrivals_per_hour": round(per_second * 3600, 3),
        "lead_s": round(lead, 1),
        "safety": round(safety, 3),
        "stretch": round(stretch, 3),
    }
    return spare, why, facts


def poisson_quantile(mean: float, safety: float) -> int:
    """The smallest number that a Poisson variable exceeds no more often than a normal one exceeds `safety` deviations.

    Source: base stock with Poisson demand. The tail is summed from its far end: 1 - p has no digits left at 7.9.
    """
    if mean <= 0:
        return 0
    allowed, tail = erfc(safety / sqrt(2)) / 2, 0.0
    for number in range(int(mean + 12 * sqrt(mean) + 60), 0, -1):
        tail += exp(number * log(mean) - mean - lgamma(number + 1))
        if tail > allowed:
            return number
    return 0
