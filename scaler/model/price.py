"""The cost of a scale set's machines by the operator's prices: per hour, idle, lost, and per session. Pure.

No price service is asked. A price is per machine and hour by power state; without prices there is no cost, not zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import exp, floor

from scaler.model.capacity import Demand, Use
from scaler.model.instance import PowerState
from scaler.model.plan import Facts
from scaler.model.policy import Policy, Price

MONTH = 730
"""Hours of a month, as Azure's price pages count them."""

_ALLOCATED = (PowerState.RUNNING, PowerState.STOPPED)
_UNUSED = (Use.READY, Use.COMING)
_UNLIMITED = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of one scale set by the latest listing, in the operator's currency per hour."""

    per_hour: float
    idle: Mapping[PowerState, float]  # of it: machines that are allocated, and that no visitor uses
    lost: float  # of it: machines that serve nobody until they are deleted: Failed, or without an identity
    per_session: float | None  # an average of about a day of this process; None: nobody came yet

    @property
    def idle_per_hour(self) -> float:
        """The cost per hour of allocated machines without a visitor."""
        return sum(self.idle.values())

    def facts(self, currency: str) -> Facts:
        """The cost as data, for the log and for `--json`."""
        facts: dict[str, str | int | float | bool | None] = {
            "per_hour": round(self.per_hour, 4),
            "per_month": round(self.per_hour * MONTH, 2),
            "idle_per_hour": round(self.idle_per_hour, 4),
            **{f"idle_{power}": round(cost, 4) for power, cost in self.idle.items()},
            "lost_per_hour": round(self.lost, 4),
        }
        facts |= {"per_session": round(self.per_session, 4)} if self.per_session is not None else {}
        return facts | ({"currency": currency} if currency else {})

    def in_words(self, currency: str) -> str:
        """The cost as a sentence for people."""
        unit = f" {currency}" if currency else ""
        said = f"{self.per_hour:.2f}{unit} per hour, {self.idle_per_hour:.2f} of it idle"
        if self.lost:
            said += f", {self.lost:.2f} for machines that failed"
        if self.per_session is not None:
            said += f"; {self.per_session:.2f}{unit} per session"
        return f"{said}; {self.per_hour * MONTH:.0f}{unit} in a month of such hours"


def hourly(power: PowerState, price: Price) -> float:
    """The price per hour of a machine in the billed state RUNNING, STOPPED or DEALLOCATED."""
    match power:
        case PowerState.STOPPED:
            return price.stopped
        case PowerState.DEALLOCATED:
            return price.deallocated
        case _:
            return price.running


def cost_of(demand: Demand) -> Cost | None:
    """The cost by the latest listing; None without prices, or before any listing."""
    price = demand.capacity.price
    if price is None or not demand.was_listed:
        return None
    costs = {(use, power): number * hourly(power, price) for (use, power), number in demand.billed.items()}
    return Cost(
        per_hour=sum(costs.values()),
        idle={power: sum(costs.get((use, power), 0.0) for use in _UNUSED) for power in _ALLOCATED},
        lost=sum(cost for (use, _), cost in costs.items() if use is Use.LOST),
        per_session=demand.paid / demand.sessions if demand.sessions else None,
    )


def cost_facts(demand: Demand, currency: str) -> Facts:
    """The cost and the budget as data; empty without prices."""
    cost, capacity = cost_of(demand), demand.capacity
    if cost is None:
        return {}
    limits: Facts = {"budget": capacity.budget, "machines_in_budget": affordable(demand), "warm_held": demand.warm_held}
    return {**cost.facts(currency), **(limits if capacity.budget is not None else {})}


def priced(before: Demand | None, demand: Demand, policy: Policy) -> Demand:
    """The demand after a listing, with what was paid, and no more hot and warm machines than the budget holds."""
    return _within_budget(_paid(before, demand, policy))


def _paid(before: Demand | None, demand: Demand, policy: Policy) -> Demand:
    """Add the cost of the time since the listing before, and the sessions begun since.

    Both fade with `cost_forgets`; their ratio is the cost of a session. A hint: a new process begins at zero.
    """
    cost = cost_of(before) if before is not None else None
    if before is None or cost is None or demand.since == demand.at:
        return demand
    passed = demand.at - before.at
    kept, paid = exp(-(passed / policy.cost_forgets)), cost.per_hour * (passed / policy.priced_hour)
    came = sum(start == demand.at for start in demand.starts)
    return replace(demand, paid=before.paid * kept + paid, sessions=before.sessions * kept + came)


def _within_budget(demand: Demand) -> Demand:
    capacity, left = demand.capacity, _left_per_hour(demand)
    price, warm, hot = capacity.price, capacity.warm, capacity.hot_target
    if price is None or left is None:
        return demand
    run = min(hot, _fitting(left, price.running - price.deallocated, hot))
    left -= run * (price.running - price.deallocated)
    fits = min(warm, _fitting(left, price.stopped - price.deallocated, warm))
    held = warm - fits + hot - run
    return replace(demand, capacity=replace(capacity, warm=fits, hot=run), warm_held=held)


def affordable(demand: Demand) -> int | None:
    """The machines that the budget holds: those of now, and as many more as may run beside them. None: unlimited.

    More than now only where the price of these for a month is left, when all ready machines are cold.
    """
    price, left = demand.capacity.price, _left_per_hour(demand)
    if price is None or left is None or price.running <= 0:
        return None
    return demand.machines + _fitting(left, price.running, most=_UNLIMITED)


def _left_per_hour(demand: Demand) -> float | None:
    """The budget of an hour without the cost of all machines, if those that are ready were cold."""
    cost, price, budget = cost_of(demand), demand.capacity.price, demand.capacity.budget
    if cost is None or price is None or budget is None:
        return None
    allocated = (demand.billed.get((Use.READY, power), 0) * hourly(power, price) for power in _ALLOCATED)
    ready = sum(demand.billed.get((Use.READY, power), 0) for power in _ALLOCATED)
    return budget / MONTH - cost.per_hour + sum(allocated) - ready * price.deallocated


def _fitting(left: float, each: float, most: int) -> int:
    """How many of a price fit into what is left; a rounding error is no machine."""
    return most if each <= 0 else min(most, max(0, floor(left / each + 1e-9)))
