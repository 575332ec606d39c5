"""Capacity: how many machines a scale set should hold, and why. Pure: what Azure shows, the policy, and a hint.

The rule of `Mode.AUTO` is base stock: as many spare machines as visitors come, with the chosen probability, while the
next machine is made. Arrivals are the starts that listings show; no forecast, no Redis. The safety corrects itself:
each visitor who came while no machine was ready raises the safety, each other visitor lowers it a little.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import ceil, erfc, exp, lgamma, log, sqrt
from statistics import NormalDist, fmean

from scaler.model.clocks import APART
from scaler.model.instance import Instance, PowerState, ProvisioningState, VmId
from scaler.model.plan import Facts, counted
from scaler.model.policy import Capacity, Mode, Policy
from scaler.model.sighting import Pages
from scaler.model.tags import Overrides

_RUNS = {PowerState.STARTING, PowerState.RUNNING}

_NEVER = datetime.min.replace(tzinfo=UTC)

_LEARNS = 0.05  # how much of the share of visitors who found nothing goes into the safety
_SAFEST = 7.9  # normal deviations; beyond, the probability of a shortage has no more digits
_GROWS, _SHRINKS = 1.5, 0.8  # the stretch of the spare per provisioner tick, while nothing is ready and afterwards
_BY_CHANCE = NormalDist().inv_cdf(0.99)  # more visitors than so many deviations explain are a crowd
_WARM_FOR = 0.9  # the share of visitors for whom there is a warm machine
_LEADS = 20  # latest machines whose way to the offer is averaged


class Use(StrEnum):
    """What a machine of a scale set is good for, by Azure alone. Every machine counts as exactly one of these."""

    IN_USE = "in use"  # marked, and starting or running
    READY = "ready"  # marked, and at rest or on the way there (a visitor's machine just before its deletion, too)
    COMING = "coming"  # unmarked: created, stopped, or Failed and to be made again; it holds its place
    LOST = "lost"  # marked and Failed: serves nobody until it is deleted
    LEAVING = "leaving"  # being deleted


def use_of(instance: Instance, *, ran: bool = False, unused: bool = False) -> Use:
    """Classify a machine. `ran`: the listing before showed it in use, which holds while Azure tells no power state.

    `unused`: the scaler has started the machine for no visitor, to make it warm or hot.
    """
    if instance.provisioning is ProvisioningState.DELETING:
        return Use.LEAVING
    if not instance.marked:
        return Use.COMING
    if unused:
        return Use.LOST if instance.failed else Use.READY
    if instance.power in _RUNS or (ran and instance.power is PowerState.UNKNOWN):
        return Use.IN_USE
    return Use.LOST if instance.failed else Use.READY


def billed_as(power: PowerState, *, failed: bool = False) -> PowerState:
    """The billed state of a machine: RUNNING, STOPPED or DEALLOCATED.

    Without a power state: RUNNING, or DEALLOCATED for a Failed machine, because Azure allocated no machine then.
    """
    if power is PowerState.STOPPED:
        return power
    unallocated = power in {PowerState.DEALLOCATED, PowerState.DEALLOCATING}
    return PowerState.DEALLOCATED if unallocated or (failed and power is PowerState.UNKNOWN) else PowerState.RUNNING


_NOT_STARTED = {Use.READY, Use.COMING}
_WARM_SOON = (
    (Use.READY, PowerState.RUNNING),  # on its way to rest, or being warmed, or hot
    (Use.COMING, PowerState.STOPPED),  # not offered yet
    (Use.COMING, PowerState.RUNNING),  # being made: the next ones are kept warm
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How many machines a scale set should hold, and why."""

    machines: int  # of every kind but those being deleted
    why: str  # for people
    replacing: int = 0  # of these, how many only so that as many ready ones can be replaced
    facts: Facts = field(default_factory=dict)  # the same as data, with the counts of the listing


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What the listings of one scale set have shown of the demand: a hint, whose loss costs some spare machines."""

    since: datetime  # of the first listing, by Azure's clock like all times here
    at: datetime  # of the latest listing
    capacity: Capacity  # what was in force then
    uses: Mapping[VmId, Use]
    counts: Mapping[Use, int]  # the machines by their use, and those without an id yet
    ready_since: Mapping[VmId, datetime] = field(default_factory=dict)  # the ready ones, and when first seen so
    offered: int = 0  # of these, how many have been ready for `Policy.admit_after`: a visitor finds them in Redis
    # the same by the power state that is billed, too; what failed before its mark, or has no identity, is LOST here
    billed: Mapping[tuple[Use, PowerState], int] = field(default_factory=dict)
    paid: float = 0.0  # by the prices, in the latest day or so: see `price.priced`
    sessions: float = 0.0  # that began in the same time
    warm_held: int = 0  # warm and hot machines that are wanted, and beyond the budget: `capacity` is without them
    # of the ready ones, how many are heated; None: not known to this process, and then they count as in use
    hot: int | None = None
    lows: tuple[tuple[datetime, int], ...] = ()  # the surplus of listings, each smaller than all later ones
    warm_lows: tuple[tuple[datetime, int], ...] = ()  # the same of the warm machines beyond the wanted share
    warm_short_since: datetime | None = None  # every listing since then has shown fewer warm machines than wanted
    # creations that failed within `Policy.failure_window`, and when they began: see `scarcity.with_failures`
    failures: Mapping[VmId, datetime] = field(default_factory=dict)
    unready: Mapping[VmId, datetime] = field(default_factory=dict)  # the same of those that were not Healthy in time
    starts: tuple[datetime, ...] = ()  # of machines that visitors got, within `Policy.demand_window`
    started_at: datetime | None = None  # when a visitor was last seen on a machine
    leads: tuple[float, ...] = ()  # seconds from creation to rest of the latest machines
    safety: float = 0.0  # in normal deviations: 2.3 for 99 %
    tags: Overrides = field(default_factory=Overrides)  # as read at the latest listing
    stretch: float = 1.0  # factor on the spare machines, while nothing is ready
    outdated: frozenset[VmId] = frozenset()  # ready, not of the latest model, and older than a marked one that is
    behind_since: datetime | None = None  # ready machines are not of the latest model since then, and no marked one is
    behind_for_good: bool = False  # nor is a machine that was made since then: `latestModelApplied` says nothing here
    replacing: int = 0  # how many more machines are wanted, so that as many ready ones can be replaced
    replacing_because: str = ""  # for people

    @property
    def was_listed(self) -> bool:
        """Whether a listing was made."""
        return self.at > _NEVER

    @property
    def machines(self) -> int:
        """The machines of every kind but those being deleted."""
        return sum(self.counts.values()) - self.counts[Use.LEAVING]

    @property
    def in_use(self) -> int:
        """The running machines without the hot machines: by Azure alone, without the number that should be hot."""
        running = self.counts[Use.IN_USE]
        return running if self.hot is not None else max(0, running - self.capacity.hot_target)

    @property
    def hot_beyond(self) -> int:
        """The hot machines beyond the number: in use until stopped, to a process that knows Azure alone."""
        return max(0, (self.hot or 0) - self.capacity.hot_target)

    @property
    def somebody_comes(self) -> bool:
        """Whether the latest listings showed visitors at all."""
        return bool(self.starts) or self.in_use > 0

    @property
    def occupied(self) -> int:
        """Machines that are nobody's spare: in use, or lost."""
        return self.counts[Use.IN_USE] + self.counts[Use.LOST]

    def left_of(self, machines: int) -> int:
        """How many of so many wanted machines are to be offered to visitors: neither occupied nor hot."""
        return max(machines - self.occupied - (self.hot or 0), 0)

    def lasting_surplus(self, kept: timedelta) -> int:
        """How many machines were beyond those wanted in every listing of the latest `kept`."""
        return self._lasting(self.lows, kept)

    def warm_is_short(self, kept: timedelta) -> bool:
        """Whether every listing of the latest `kept` has shown fewer warm machines than wanted."""
        return self.warm_short_since is not None and self.at - self.warm_short_since >= kept

    def lasting_warm_surplus(self, kept: timedelta) -> int:
        """How many warm machines were beyond the wanted share in every listing of the latest `kept`."""
        return self._lasting(self.warm_lows, kept)

    def _lasting(self, lows: Sequence[tuple[datetime, int]], kept: timedelta) -> int:
        if self.at - self.since < kept:
            return 0
        return max(0, min((low for at, low in lows if self.at - at <= kept), default=0))


def after_listing(
    before: Demand | None,
    pages: Pages,
    capacity: Capacity,
    policy: Policy,
    warming: Set[VmId] = frozenset(),
    hot: Set[VmId] | None = None,
) -> Demand:
    """The demand after another listing of the scale set. `warming`, `hot`: machines started for no visitor.

    `hot` is None where Redis was never read.

    A listing that is known already changes nothing. After a long gap, or by a clock that was wrong, all begins anew.
    """
    at = pages.at
    if before is not None and not -APART <= at - before.at < policy.demand_window:
        before = None
    if before is not None and at <= before.at:
        return before
    rows = {each.vm_id: each for each in pages.instances}
    known = before.uses if before is not None else {}
    unused = warming | (hot or frozenset())
    uses = {
        vm_id: use_of(each, ran=known.get(vm_id) is Use.IN_USE, unused=vm_id in unused) for vm_id, each in rows.items()
    }
    seen = Counter(uses.values())
    counts = {use: seen[use] for use in Use} | {Use.COMING: seen[Use.COMING] + pages.unidentified}
    billed = _billed(rows.values(), uses, pages.unidentified)
    if before is None:
        safety = _deviations(capacity)
        demand = Demand(since=at, at=at, capacity=capacity, uses=uses, counts=counts, billed=billed, safety=safety)
        demand = _with_offered(demand, {}, _NEVER, policy)
    else:
        demand = replace(_observed(before, rows, uses, at, policy), counts=counts, billed=billed, capacity=capacity)
        demand = _corrected(before, _with_offered(demand, before.ready_since, at, policy), policy)
    if hot is None:
        return demand
    return replace(demand, hot=sum(uses[vm_id] is Use.READY for vm_id in hot & uses.keys()))


def together(before: Demand | None, parts: Sequence[Demand], policy: Policy) -> Demand:
    """The total demand for scale sets with a shared number, after a listing of one. `before`: the total before."""
    latest = max(parts, key=lambda part: part.at)
    total = Demand(
        since=max(part.since for part in parts),
        at=latest.at,
        capacity=latest.capacity,
        uses={},
        counts={use: sum(part.counts[use] for part in parts) for use in Use},
        starts=tuple(sorted(start for part in parts for start in part.starts)),
        leads=tuple(lead for part in parts for lead in part.leads),
        safety=_deviations(latest.capacity),
        offered=sum(part.offered for part in parts),
        hot=None if any(part.hot is None for part in parts) else sum(part.hot or 0 for part in parts),
    )
    if before is None or not timedelta(0) <= total.at - before.at < policy.demand_window:
        return total
    return _corrected(before, replace(total, safety=before.safety, stretch=before.stretch), policy)


def _billed(
    instances: Iterable[Instance], uses: Mapping[VmId, Use], unidentified: int
) -> Mapping[tuple[Use, PowerState], int]:
    found = Counter(
        (
            Use.LOST if each.failed and uses[each.vm_id] is Use.COMING else uses[each.vm_id],
            billed_as(each.power, failed=each.failed),
        )
        for each in instances
    )
    return found + Counter({(Use.LOST, PowerState.RUNNING): unidentified})


def _observed(
    before: Demand, rows: Mapping[VmId, Instance], uses: Mapping[VmId, Use], at: datetime, policy: Policy
) -> Demand:
    """Count the machines that visitors got since the listing before, and time the way of new machines to rest.

    A machine that the listing before lacked may have been in use all the time: listings are too short now and then.
    A machine that took longer than a creation may take was there before, or kept waiting: its way tells nothing.
    """
    started = sum(use is Use.IN_USE and before.uses.get(vm_id) in _NOT_STARTED for vm_id, use in uses.items())
    rested = [
        (at - created).total_seconds()
        for vm_id, use in uses.items()
        if use is Use.READY and before.uses.get(vm_id) is Use.COMING
        if (created := rows[vm_id].created_at) is not None and timedelta(0) < at - created < policy.creating_timeout
    ]
    recent = (start for start in before.starts if at - start < policy.demand_window)
    return replace(
        before,
        at=at,
        uses=uses,
        starts=(*recent, *(at for _ in range(started))),
        leads=(*before.leads, *rested)[-_LEADS:],
    )


def _with_offered(demand: Demand, known_since: Mapping[VmId, datetime], since: datetime, policy: Policy) -> Demand:
    """Count the machines that visitors find. `since`: of a machine that was not ready in the listing before."""
    ready_since = {vm_id: known_since.get(vm_id, since) for vm_id, use in demand.uses.items() if use is Use.READY}
    offered = sum(seen <= demand.at - policy.admit_after for seen in ready_since.values())
    return replace(demand, ready_since=ready_since, offered=offered)


def _corrected(before: Demand, demand: Demand, policy: Policy) -> Demand:
    """Correct the safety by the visitors who came since the listing before, and the stretch by what is ready now.

    A visitor found nothing if the listing before shows no machine that was offered: one that has its mark since a
    moment ago is ready to Azure, and in Redis only after `Policy.admit_after`. Who comes while the first machines are
    made tells nothing of the safety.
    """
    capacity = demand.capacity
    usual, passed = _deviations(capacity), demand.at - before.at
    came = (Counter(demand.starts) - Counter(before.starts)).total()  # two parts may be listed in the same second
    safety = usual + (before.safety - usual) * exp(-(passed / policy.safety_forgets))
    if demand.at - demand.since >= policy.demand_window:
        safety += came * _LEARNS * ((before.offered == 0) - (1 - capacity.found_at_once))
    ticks, stretch, should_be = passed / policy.provisioner_every, before.stretch, wanted(before, policy)
    # a stretch without an effect would grow for as long as a session lasts, and want far too much at the next visitor
    has_effect = before.capacity.mode is Mode.AUTO and should_be.facts["spare"]
    if demand.counts[Use.READY] or not has_effect:
        stretch = max(1.0, stretch * _SHRINKS**ticks)
    elif demand.somebody_comes and should_be.machines < before.capacity.most:
        stretch = min(stretch * _GROWS**ticks, before.capacity.most)
    return replace(demand, safety=min(max(safety, 0.0), _SAFEST), stretch=stretch)


def _deviations(capacity: Capacity) -> float:
    return NormalDist().inv_cdf(capacity.found_at_once)


def with_surplus(demand: Demand, should_be: Wanted, policy: Policy, warm: int = 0) -> Demand:
    """The demand after a listing, with the machines beyond those wanted; `warm`: how many should be warm.

    Hot machines beyond the number are no surplus: a provisioner in another process would make new ones, for ever.
    """
    warm_now = demand.billed.get((Use.READY, PowerState.STOPPED), 0)
    warm_soon = max(0, sum(demand.billed.get(each, 0) for each in _WARM_SOON) - (demand.hot or 0))
    beyond = demand.machines - should_be.machines - demand.hot_beyond
    return replace(
        demand,
        warm_short_since=(demand.warm_short_since or demand.at) if warm_now + warm_soon < warm else None,
        lows=_with_low(demand.lows, demand.at, beyond, policy.surplus_kept),
        warm_lows=_with_low(demand.warm_lows, demand.at, warm_now - warm, policy.warm_surplus_kept),
    )


def _with_low(
    lows: Sequence[tuple[datetime, int]], at: datetime, surplus: int, kept: timedelta
) -> tuple[tuple[datetime, int], ...]:
    """Add the surplus of a listing; earlier ones that are not smaller, or too old, say nothing any more."""
    return (*(low for low in lows if low[1] < surplus and at - low[0] <= kept), (at, surplus))


def before_listings(capacity: Capacity, occupied: int = 0) -> Demand:
    """The demand before the first listing: nothing is known to be in use. `occupied`: machines that are no spare."""
    counts = {**dict.fromkeys(Use, 0), Use.LOST: occupied}
    return Demand(since=_NEVER, at=_NEVER, capacity=capacity, uses={}, counts=counts, safety=_deviations(capacity))


def wanted(demand: Demand, policy: Policy) -> Wanted:
    """How many machines the scale set should hold now: one function for all who ask."""
    counts, capacity, in_use = demand.counts, demand.capacity, demand.in_use
    facts: dict[str, str | int | float | bool | None] = {"mode": capacity.mode.value}
    facts |= {use.value: number for use, number in counts.items()}
    if capacity.mode is Mode.FIXED:
        machines = min(capacity.desired + capacity.expected, capacity.limit)
        why = f"{counted(capacity.desired, 'machine')}, in use or not{_announced(machines - capacity.desired)}"
        otherwise = Wanted(machines=machines, why=_with_calendar(why, capacity), facts=facts)
        return and_replacements(otherwise, demand)
    if capacity.mode is Mode.BUFFER:
        share = ceil(capacity.buffer_share * in_use)
        spare = max(capacity.buffer, share) + capacity.expected
        why = f"{spare} spare beyond {in_use} in use"
        if share > capacity.buffer:
            why = f"{spare} spare = {capacity.buffer_share:.0%} of {in_use} in use{_announced(capacity.expected)}"
    else:
        spare, why, found = _auto(demand, policy)
        facts |= found
    total = in_use + counts[Use.LOST] + spare
    machines = min(max(total, capacity.least), capacity.most)
    if machines != total:
        why += f"; {'at least' if machines > total else 'at most'} {counted(machines, 'machine')}"
    why = _with_calendar(why, capacity)
    return and_replacements(Wanted(machines=machines, why=why, facts=facts | {"spare": spare}), demand)


def _with_calendar(why: str, capacity: Capacity) -> str:
    return f"{why}; {capacity.because}" if capacity.because else why


def and_replacements(otherwise: Wanted, demand: Demand) -> Wanted:
    """Add the machines that are wanted so that ready ones can be replaced, as far as the most machines allow."""
    capacity = demand.capacity
    room = demand.replacing if capacity.mode is Mode.FIXED else capacity.most - otherwise.machines
    more = min(demand.replacing, room)
    if more <= 0:
        return otherwise
    why = f"{otherwise.why}; {more} more, because {demand.replacing_because}"
    facts = {**otherwise.facts, "replacing": more}
    return Wanted(machines=otherwise.machines + more, why=why, replacing=more, facts=facts)


def _auto(demand: Demand, policy: Policy) -> tuple[int, str, Facts]:
    """The spare machines, the reason in words, and the numbers behind it."""
    capacity, safety, stretch, lead = demand.capacity, demand.safety, demand.stretch, lead_time(demand, policy)
    per_second = arrivals_per_second(demand, policy)
    needed = poisson_quantile(per_second * lead, safety)
    announced = poisson_quantile(per_second * lead + capacity.expected, safety) - needed
    spare = ceil(max(needed, capacity.buffer) * stretch) + announced
    why = (
        f"{spare} spare = {100 * NormalDist().cdf(safety):.4g} % of arrivals within {lead:.0f} s at"
        f" {round(per_second * 3600, 2):g}/h, safety {safety:.1f}"
    )
    if needed < capacity.buffer:
        why += f", at least {capacity.buffer}"
    if stretch > 1:
        why += f", times {stretch:.1f} because no machine was ready"
    why += _announced(announced)
    facts: Facts = {
        "arrivals_per_hour": round(per_second * 3600, 3),
        "lead_s": round(lead, 1),
        "safety": round(safety, 3),
        "stretch": round(stretch, 3),
    }
    return spare, why, facts


def _announced(machines: int) -> str:
    """The machines that the calendar asks for, as a part of a reason."""
    return f", and {machines} for announced visitors" if machines > 0 else ""


def arrivals_per_second(demand: Demand, policy: Policy) -> float:
    """The rate of the starts of late; until these are known, of as many sessions as are running.

    Where chance hardly explains how many the latest minutes had, theirs: doors have opened, or a crowd has come.
    """
    per_second, window = len(demand.starts) / policy.demand_window.total_seconds(), policy.crowd_window.total_seconds()
    lately = sum(demand.at - start < policy.crowd_window for start in demand.starts)
    if lately > poisson_quantile(per_second * window, _BY_CHANCE):
        per_second = lately / window
    if demand.at - demand.since < policy.demand_window:
        per_second = max(per_second, demand.in_use / policy.mean_session.total_seconds())
    return per_second


def warm_for_most(per_second: float, lead: float) -> int:
    """How many warm machines 9 of 10 visitors need, until the next one is made and warm: `lead` seconds."""
    return poisson_quantile(per_second * lead, NormalDist().inv_cdf(_WARM_FOR))


def with_warm(demand: Demand, policy: Policy) -> Demand:
    """The demand after a listing, with the number of warm machines in its capacity, where that follows the visitors.

    At least one as long as somebody came within `warm_awake`; none else.
    """
    capacity, started_at = demand.capacity, demand.started_at
    if demand.in_use:
        started_at = demand.at
    if not capacity.warm_follows:
        return replace(demand, started_at=started_at)
    awake = started_at is not None and demand.at - started_at < policy.warm_awake
    needed = warm_for_most(arrivals_per_second(demand, policy), lead_time(demand, policy))
    warm = min(max(needed, 1), capacity.most) if awake else 0
    return replace(demand, started_at=started_at, capacity=replace(capacity, warm=warm))


def lead_time(demand: Demand, policy: Policy) -> float:
    """Seconds from the need of a machine to its offer: creation and rest as seen lately, ADMIT, and one firing."""
    made = (
        fmean(demand.leads) + policy.admit_after.total_seconds() if demand.leads else policy.lead_time.total_seconds()
    )
    return made + policy.provisioner_every.total_seconds()


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
