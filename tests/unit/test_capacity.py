"""How many machines a scale set should hold: counts, the three modes, and a day of visitors through `auto`."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from statistics import NormalDist

import pytest
from builders import MIN, NOW, POLICY, SCALE_SET, S, ago, instance

from scaler.model.capacity import Demand, Use, after_listing, poisson_quantile, use_of, wanted, with_surplus
from scaler.model.instance import Instance, PowerState, ProvisioningState
from scaler.model.policy import Capacity, Mode
from scaler.model.sighting import Pages

AUTO = Capacity(mode=Mode.AUTO, buffer=2, most=1000)
DEALLOCATED, RUNNING, STOPPED = PowerState.DEALLOCATED, PowerState.RUNNING, PowerState.STOPPED
DELETING, FAILED, UPDATING = ProvisioningState.DELETING, ProvisioningState.FAILED, ProvisioningState.UPDATING


def listing(*machines: Instance, unidentified: int = 0, after: timedelta = timedelta(0)) -> Pages:
    return Pages(
        scale_set=SCALE_SET, instances=machines, unidentified=unidentified, requests=1, at=NOW + after, sent=0.0
    )


def seen(*listings: Pages, capacity: Capacity = AUTO) -> Demand:
    demand: Demand | None = None
    for pages in listings:
        demand = after_listing(demand, pages, capacity, POLICY)
        demand = with_surplus(demand, wanted(demand, POLICY), POLICY)
    assert demand is not None
    return demand


def machines(power: PowerState, *numbers: int, **fields: object) -> tuple[Instance, ...]:
    return tuple(instance(number, power, **fields) for number in numbers)


# -- every machine counts once


@pytest.mark.parametrize(
    ("machine", "ran", "use"),
    [
        (instance(1, RUNNING), False, Use.IN_USE),
        (instance(1, PowerState.STARTING), False, Use.IN_USE),
        (instance(1, RUNNING, provisioning=UPDATING), False, Use.IN_USE),
        (instance(1, PowerState.UNKNOWN), True, Use.IN_USE),
        (instance(1, PowerState.UNKNOWN), False, Use.READY),
        (instance(1, STOPPED), False, Use.READY),
        (instance(1, DEALLOCATED, provisioning=UPDATING), True, Use.READY),
        (instance(1, PowerState.DEALLOCATING), True, Use.READY),
        (instance(1, RUNNING, marked=False), False, Use.COMING),
        (instance(1, DEALLOCATED, marked=False), False, Use.COMING),
        (instance(1, PowerState.UNKNOWN, marked=False, provisioning=FAILED), False, Use.COMING),
        (instance(1, PowerState.UNKNOWN, provisioning=FAILED), False, Use.LOST),
        (instance(1, RUNNING, provisioning=FAILED), False, Use.IN_USE),
        (instance(1, RUNNING, provisioning=DELETING), True, Use.LEAVING),
        (instance(1, RUNNING, marked=False, provisioning=DELETING), False, Use.LEAVING),
    ],
)
def test_a_machine_has_one_use(machine: Instance, ran: bool, use: Use) -> None:
    assert use_of(machine, ran=ran) is use


# -- the three modes


def test_fixed_counts_the_machines_in_use() -> None:
    found = wanted(seen(listing(*machines(RUNNING, 1, 2)), capacity=Capacity(desired=4)), POLICY)
    assert (found.machines, found.why) == (4, "4 machines, in use or not")
    assert wanted(seen(listing(), capacity=Capacity(desired=1)), POLICY).why == "1 machine, in use or not"


@pytest.mark.parametrize(
    ("capacity", "running", "expected", "why"),
    [
        (Capacity(buffer=3), 5, 8, "3 spare beyond 5 in use"),
        (Capacity(buffer=3, buffer_share=0.25), 5, 8, "3 spare beyond 5 in use"),
        (Capacity(buffer=3, buffer_share=0.25, most=30), 17, 22, "5 spare = 25% of 17 in use"),
        (Capacity(buffer=3, most=6), 5, 6, "3 spare beyond 5 in use; at most 6 machines"),
        (Capacity(buffer=3, most=1), 0, 1, "3 spare beyond 0 in use; at most 1 machine"),
        (Capacity(buffer=3, least=10), 5, 10, "3 spare beyond 5 in use; at least 10 machines"),
        (Capacity(buffer=0), 0, 0, "0 spare beyond 0 in use"),
    ],
)
def test_a_buffer_is_beyond_those_in_use(capacity: Capacity, running: int, expected: int, why: str) -> None:
    buffered = replace(capacity, mode=Mode.BUFFER)
    found = wanted(seen(listing(*machines(RUNNING, *range(running))), capacity=buffered), POLICY)
    assert (found.machines, found.why) == (expected, why)


def test_a_machine_that_failed_under_a_visitor_is_replaced_and_one_that_is_deleted_is_not_counted() -> None:
    lost, leaving = instance(1, PowerState.UNKNOWN, provisioning=FAILED), instance(2, RUNNING, provisioning=DELETING)
    buffered = Capacity(mode=Mode.BUFFER, buffer=3)
    assert wanted(seen(listing(lost, leaving), capacity=buffered), POLICY).machines == 1 + 3


def test_what_fails_before_it_is_offered_holds_its_place() -> None:
    """Else each failed creation would ask for another one, and a quota that is used up for ever more."""
    failed = machines(PowerState.UNKNOWN, 1, 2, 3, marked=False, provisioning=FAILED)
    assert wanted(seen(listing(*failed)), POLICY).machines == 2


# -- auto: the rate, the lead time, the safety


def arrivals(count: int, minutes: int = 20) -> list[Pages]:
    """So many machines are started, evenly, in listings of a minute each."""
    ready = 3
    total = count + ready
    found = []
    for minute in range(minutes + 1):
        running = count * minute // minutes
        found.append(
            listing(
                *machines(RUNNING, *range(running)), *machines(DEALLOCATED, *range(running, total)), after=minute * MIN
            )
        )
    return found


def test_the_spare_is_the_quantile_of_the_arrivals_while_the_next_machine_is_made() -> None:
    demand = replace(seen(*arrivals(20)), safety=NormalDist().inv_cdf(0.99))
    found = wanted(demand, POLICY)
    assert found.facts["arrivals_per_hour"] == 60
    assert found.facts["spare"] == poisson_quantile(310 / 60, NormalDist().inv_cdf(0.99)) == 11
    assert found.machines == 20 + 11
    assert found.why == "11 spare = 99 % of arrivals within 310 s at 60/h, safety 2.3"


def test_after_a_restart_the_rate_is_what_is_in_use_over_a_session() -> None:
    found = wanted(seen(listing(*machines(RUNNING, *range(20)))), POLICY)
    assert found.facts["arrivals_per_hour"] == 60


@pytest.mark.parametrize(("crowd", "per_hour"), [(4, 12), (5, 60), (12, 144)])
def test_a_crowd_in_the_latest_minutes_is_its_own_rate(crowd: int, per_hour: float) -> None:
    """Doors open: after five minutes the rate of 20 minutes tells a quarter of it. Four may come by chance."""
    calm = [listing(*machines(DEALLOCATED, *range(20)), after=minute * MIN) for minute in range(26)]
    doors = [
        listing(*machines(RUNNING, *range(came)), *machines(DEALLOCATED, *range(came, 20)), after=(26 + came / 4) * MIN)
        for came in range(1, crowd + 1)
    ]
    assert wanted(seen(*calm, *doors), POLICY).facts["arrivals_per_hour"] == per_hour


def test_the_lead_time_is_measured() -> None:
    made = instance(1, RUNNING, marked=False, created_at=ago(minutes=5))
    rests = instance(1, DEALLOCATED, created_at=ago(minutes=5))
    demand = seen(listing(made), listing(rests, after=1 * MIN))
    assert demand.leads == (360.0,)
    lead = 360 + POLICY.admit_after.total_seconds() + 60
    assert wanted(demand, POLICY).facts["lead_s"] == lead


_USUAL = NormalDist().inv_cdf(AUTO.found_at_once)
_TAKEN = (instance(1, RUNNING), instance(2))


@pytest.mark.parametrize(
    ("listings", "change"),
    [
        ([listing(instance(1), instance(2)), listing(*_TAKEN, after=1 * S)], -0.0005),
        ([listing(instance(1)), listing(instance(1, RUNNING), after=1 * S)], -0.0005),
        ([listing(), listing(instance(1), after=60 * S), listing(instance(1, RUNNING), after=65 * S)], 0.0495),
        ([listing(), listing(instance(1), instance(2), after=60 * S), listing(*_TAKEN, after=65 * S)], 0.0495),
        (
            [
                listing(),
                *(listing(instance(1), instance(2), after=at * S) for at in (60, 97)),
                listing(*_TAKEN, after=98 * S),
            ],
            -0.0005,
        ),
    ],
    ids=["another is left", "the last one", "marked just now", "two marked just now", "marked long ago"],
)
def test_who_found_nothing_on_offer_raises_the_safety_and_others_lower_it(listings: list[Pages], change: float) -> None:
    """A marked machine is ready to Azure at once; visitors find it after the admission."""
    earlier = [listing(*listings[0].instances, after=-minutes * MIN) for minutes in (24, 12)]
    assert seen(*earlier, *listings).safety == pytest.approx(_USUAL + change, abs=1e-4)
    assert seen(*listings).safety == _USUAL, "the first machines may still be made"


def test_while_nothing_is_ready_and_somebody_comes_the_spare_grows_by_half_a_minute() -> None:
    busy = [listing(instance(1, RUNNING), after=minute * MIN) for minute in range(4)]
    assert seen(*busy).stretch == pytest.approx(1.5**3)
    found = wanted(seen(*busy), POLICY)
    assert found.facts["spare"] == 7
    assert found.why.endswith("safety 2.3, times 3.4 because no machine was ready")
    calm = listing(instance(1, RUNNING), instance(2), after=10 * MIN)
    assert seen(*busy, calm).stretch == 1


def test_an_empty_scale_set_that_nobody_visits_is_filled_to_its_floor_and_no_further() -> None:
    assert wanted(seen(*(listing(after=minute * MIN) for minute in range(9))), POLICY).machines == 2


def test_at_the_most_the_spare_grows_no_further() -> None:
    capped = replace(AUTO, most=3)
    busy = [listing(instance(1, RUNNING), after=minute * MIN) for minute in range(60)]
    assert seen(*busy, capacity=capped).stretch < 10


@pytest.mark.parametrize(
    "capacity",
    [replace(AUTO, buffer=0), Capacity(desired=1, most=1000), Capacity(mode=Mode.BUFFER, most=1000)],
    ids=["no spare machine", "fixed", "buffer"],
)
def test_a_long_session_beside_nothing_ready_asks_for_no_crowd_of_machines_afterwards(capacity: Capacity) -> None:
    """`TOTAL_NODES` on a busy scale set for some days, say, and then deleted."""
    busy = [listing(instance(1, RUNNING), after=minute * MIN) for minute in range(20, 40 * 60)]
    demand = seen(listing(instance(1, RUNNING)), *busy, capacity=capacity)
    assert wanted(replace(demand, capacity=AUTO), POLICY).machines == 3


def test_the_stretch_has_an_end() -> None:
    """A listing after a long gap, or a most that is out of reach for another reason."""
    busy = [listing(instance(1, RUNNING), after=minute * 15 * MIN) for minute in range(9)]
    assert seen(*busy).stretch <= AUTO.most


def test_a_machine_that_was_there_long_before_tells_nothing_of_the_lead_time() -> None:
    """Taken over from another scaler, say, or marked again after somebody took the mark away."""
    old = [instance(number, marked=False, created_at=ago(days=20)) for number in range(9)]
    demand = seen(listing(*old), listing(*(replace(each, marked=True) for each in old), after=1 * MIN))
    assert demand.leads == ()


# -- the hint: known listings, gaps, wrong clocks


def test_a_listing_that_is_known_changes_nothing() -> None:
    demand = seen(*arrivals(5))
    assert after_listing(demand, arrivals(5)[-1], AUTO, POLICY) is demand
    assert after_listing(demand, arrivals(5)[-2], AUTO, POLICY) is demand


@pytest.mark.parametrize("gap", [timedelta(days=300), -timedelta(days=300), 20 * MIN])
def test_after_a_gap_or_a_wrong_clock_it_begins_anew(gap: timedelta) -> None:
    demand = seen(*arrivals(20), listing(after=20 * MIN + gap))
    assert (demand.starts, demand.since) == ((), NOW + 20 * MIN + gap)


@pytest.mark.parametrize("shown", [(), (0, 1, 2)], ids=["nothing", "a part"])
def test_machines_that_a_listing_lacked_are_no_new_visitors_when_they_are_back(shown: tuple[int, ...]) -> None:
    """Azure lists too few machines now and then: the spare must not jump to what is in use."""
    running, hole = machines(RUNNING, *range(20)), machines(RUNNING, *shown)
    rest = machines(DEALLOCATED, *range(20, 32))
    before, after = listing(*running, *rest), listing(*running, *rest, after=2 * MIN)
    assert seen(before, listing(*hole, after=1 * MIN), after).starts == ()


# -- surplus: only what has lasted


def test_a_surplus_counts_once_it_has_lasted_in_every_listing() -> None:
    rest = machines(DEALLOCATED, *range(6))
    buffered = Capacity(mode=Mode.BUFFER, buffer=2)
    hour = [listing(*rest, after=minute * MIN) for minute in range(61)]
    assert seen(*hour[:60], capacity=buffered).lasting_surplus(60 * MIN) == 0
    assert seen(*hour, capacity=buffered).lasting_surplus(60 * MIN) == 4
    crowd = listing(*machines(RUNNING, 0, 1, 2), *machines(DEALLOCATED, 3, 4, 5), after=30 * MIN)
    assert seen(*hour[:30], crowd, *hour[31:], capacity=buffered).lasting_surplus(60 * MIN) == 1


# -- a day of visitors


@dataclass
class Day:
    """Visitors at a rate, sessions of 20 minutes, machines 250 s in the making: no quota, no failures."""

    per_hour: float
    forgets_every: float = float("inf")  # seconds
    dice: Random = field(default_factory=lambda: Random(7))
    found: int = 0
    missed: int = 0
    idle: float = 0.0  # machine-seconds ready
    _made: dict[int, float] = field(default_factory=dict)  # when each machine was ordered
    _ends: dict[int, float] = field(default_factory=dict)

    def run(self, hours: int = 24) -> None:
        demand: Demand | None = None
        waiting, came, lost_at = 0, list(self._arrivals(hours)), self.forgets_every
        for now in range(0, hours * 3600, 60):
            while came and came[0] <= now:
                came.pop(0)
                ready = self._ready(now)
                self.found += len(ready) > waiting
                self.missed += len(ready) <= waiting
                waiting += 1
            for machine in self._ready(now)[:waiting]:
                self._ends[machine] = now + self.dice.expovariate(1 / 1200)
                waiting -= 1
            for machine in [each for each, end in self._ends.items() if end <= now]:
                del self._ends[machine], self._made[machine]
            self.idle += 60 * len(self._ready(now))
            if now >= lost_at:
                demand, lost_at = None, now + self.forgets_every
            demand = after_listing(demand, self._listing(now), AUTO, POLICY)
            for _ in range(wanted(demand, POLICY).machines - len(self._made)):
                self._made[max(self._made, default=0) + 1 + now] = now

    def _arrivals(self, hours: int) -> Iterator[float]:
        at = 3600.0  # the first hour fills the floor
        while (at := at + self.dice.expovariate(self.per_hour / 3600)) < hours * 3600:
            yield at

    def _ready(self, now: float) -> list[int]:
        return [each for each, at in self._made.items() if each not in self._ends and now - at >= 250]

    def _listing(self, now: float) -> Pages:
        shown = (
            instance(
                each,
                RUNNING if each in self._ends else DEALLOCATED,
                marked=now - at >= 250,
                created_at=NOW + at * S,
            )
            for each, at in self._made.items()
        )
        return listing(*shown, after=now * S)

    @property
    def share_found(self) -> float:
        return self.found / (self.found + self.missed)


def test_untuned_it_finds_a_machine_for_all_but_one_or_two_in_a_hundred() -> None:
    day = Day(per_hour=60)
    day.run()
    assert day.share_found >= 0.98


@pytest.mark.long
def test_a_lost_memory_costs_little() -> None:
    kept, lost = Day(per_hour=60), Day(per_hour=60, forgets_every=6 * 3600)
    kept.run()
    lost.run()
    assert lost.share_found >= kept.share_found - 0.01
    assert lost.idle <= 1.15 * kept.idle


# -- the quantile, against values computed elsewhere


@pytest.mark.parametrize(
    ("per_hour", "lead_min", "at_95", "at_99"), [(60, 5, 9, 11), (200, 8, 35, 39), (6, 2, 1, 2), (0, 5, 0, 0)]
)
def test_the_poisson_quantile(per_hour: float, lead_min: float, at_95: int, at_99: int) -> None:
    mean = per_hour * lead_min / 60
    assert [poisson_quantile(mean, NormalDist().inv_cdf(share)) for share in (0.95, 0.99)] == [at_95, at_99]


def test_the_quantile_has_digits_far_out() -> None:
    assert poisson_quantile(5, 7.9) < poisson_quantile(5, 8.1) < 50
