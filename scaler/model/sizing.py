"""Sizing: the machines that visitors will need, and the costs, before a machine exists. Pure.

The spare machines are the number of `model.capacity`, as in the provisioner; the rest is queueing theory.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import ceil
from statistics import NormalDist

from scaler.model.capacity import Demand, Use, lead_time, poisson_quantile, wanted, warm_for_most
from scaler.model.policy import Capacity, Mode, Policy, Price
from scaler.model.price import MONTH
from scaler.model.queueing import erlang_c, fixed_pool, in_line, none_ready

WARM_START, COLD_START = 10.0, 100.0
"""Seconds of a start in Azure: of a stopped, and of a deallocated machine."""

_NOW = datetime(2026, 1, 1, tzinfo=UTC)  # any moment: the demand is made up
_ARRIVALS = 1000  # of the made-up demand
_UNLIMITED = 1_000_000
LARGEST = 1_000  # machines of a scale set
MARKED_PER_HOUR = 180.0
"""New machines of a scale set: ARM grants four marks and raises of the capacity a minute, if both share a bucket.

Source: answers recorded in 2022 charge a mark to the scale set's bucket, which refills by four a minute.
"""
_PEAK = 0.999  # of the time: what is in use stays below the peak
_DELETED_AFTER = 120.0  # seconds from the end of a session until its machine is gone and its cores are free


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """The visitors to size for. `warm`: True for all spare machines, False for none; None: for 9 of 10 visitors."""

    per_second: float
    session: timedelta
    lead: timedelta | None = None
    found_at_once: float = Capacity().found_at_once
    warm: bool | None = None
    price: Price | None = None
    cores: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The machines to expect, with waits and costs. A number with a fraction is an average."""

    arrivals_per_hour: float
    session_s: float
    lead_s: float
    spare: int  # beyond those in use
    warm: int  # of them
    in_use: float
    in_use_peak: int
    quota: int  # machines at the peak, with those that are being deleted
    cores: int | None
    scale_sets: int  # that make so many machines, and hold the quota
    found_at_once: float  # expected
    wait_s: float  # mean, with the start of the machine
    fixed: int  # a pool of a fixed number that refuses no larger a share
    fixed_waiting: float  # the share that waits there, where visitors wait
    cost_per_hour: float | None
    cost_per_month: float | None
    cost_per_session: float | None
    because: str  # why so many spare, as the running scaler says it


def size_of(need: Need) -> Size:
    """Size an installation by the provisioner's own function, and by closed forms."""
    demand, policy = _demand(need)
    should_be = wanted(demand, policy)
    spare = int(should_be.facts["spare"] or 0)
    lead, review = lead_time(demand, policy), policy.provisioner_every.total_seconds()
    made = max(lead - review, 0.0), min(review, lead)  # the last of the lead is the wait for the provisioner's tick
    some = min(spare, warm_for_most(need.per_second, lead))
    warm = some if need.warm is None else spare if need.warm else 0
    starts_warm = 1 - none_ready(warm, need.per_second, *made)
    start = COLD_START - starts_warm * (COLD_START - WARM_START)
    held = need.per_second * (need.session.total_seconds() + start + _DELETED_AFTER)
    peak = poisson_quantile(held, _deviations(_PEAK))
    refused, fixed_load = 1 - need.found_at_once, held + need.per_second * lead
    fixed = fixed_pool(fixed_load, refused)
    backlog = in_line(spare, need.per_second, *made)
    used_up = need.per_second * (made[0] + made[1] / 2)
    ready = spare + backlog - used_up
    ready_warm = warm + in_line(warm, need.per_second, *made) - used_up  # visitors get the warm ones first
    hourly = _cost(need.price, held + need.per_second * made[0], ready, ready_warm) if need.price is not None else None
    return Size(
        arrivals_per_hour=need.per_second * 3600,
        session_s=need.session.total_seconds(),
        lead_s=lead,
        spare=spare,
        warm=warm,
        in_use=held,
        in_use_peak=peak,
        quota=peak + spare,
        cores=(peak + spare) * need.cores if need.cores is not None else None,
        scale_sets=max(ceil((peak + spare) / LARGEST), ceil(need.per_second * 3600 / MARKED_PER_HOUR)),
        found_at_once=1 - none_ready(spare, need.per_second, *made),
        wait_s=start + backlog / need.per_second,
        fixed=fixed,
        fixed_waiting=erlang_c(fixed, fixed_load),
        cost_per_hour=hourly,
        cost_per_month=hourly * MONTH if hourly is not None else None,
        cost_per_session=hourly / (need.per_second * 3600) if hourly is not None else None,
        because=should_be.why,
    )


def _demand(need: Need) -> tuple[Demand, Policy]:
    """The demand as listings would show such visitors, and a policy with the lead time."""
    policy = Policy(demand_window=timedelta(seconds=_ARRIVALS / need.per_second))
    if need.lead is not None:
        policy = replace(policy, lead_time=need.lead - policy.provisioner_every)
    capacity = Capacity(mode=Mode.AUTO, found_at_once=need.found_at_once, most=_UNLIMITED)
    in_use = ceil(need.per_second * need.session.total_seconds())
    demand = Demand(
        since=_NOW - policy.demand_window,
        at=_NOW,
        capacity=capacity,
        uses={},
        counts={use: in_use if use is Use.IN_USE else 0 for use in Use},
        starts=tuple(_NOW - policy.demand_window * (number / _ARRIVALS) for number in range(_ARRIVALS)),
        safety=_deviations(need.found_at_once),
    )
    return demand, policy


def _deviations(share: float) -> float:
    return NormalDist().inv_cdf(share)


def _cost(price: Price, running: float, ready: float, ready_warm: float) -> float:
    """The cost per hour of running machines and of ready machines, of these the warm ones at their price."""
    return running * price.running + ready_warm * price.stopped + (ready - ready_warm) * price.deallocated
