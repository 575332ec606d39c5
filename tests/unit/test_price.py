"""Cost by the operator's prices: per hour, of what is idle, of what failed, per session; nothing without prices."""

from dataclasses import replace
from typing import Any

import pytest
from builders import MIN, SCALE_SET, S, instance
from tick_house import House
from unit.test_capacity import DEALLOCATED, DELETING, FAILED, RUNNING, STOPPED, listing, machines

from scaler.model.capacity import Demand, after_listing, billed_as
from scaler.model.edges import Actor
from scaler.model.fleet import Cloud
from scaler.model.instance import PowerState
from scaler.model.policy import Capacity, Mode, Policy, Price
from scaler.model.price import Cost, cost_of, priced
from scaler.model.sighting import Pages
from scaler.telemetry.evaluation import Evaluations

PRICE = Price(running=2.0, stopped=1.0, deallocated=0.25)
PRICED = Capacity(mode=Mode.BUFFER, buffer=2, price=PRICE)
POLICY = Policy(capacity={SCALE_SET: PRICED})
UNKNOWN = PowerState.UNKNOWN


def seen(*listings: Pages, policy: Policy = POLICY) -> Demand:
    demand: Demand | None = None
    for pages in listings:
        demand = priced(demand, after_listing(demand, pages, policy.capacity[SCALE_SET], policy), policy)
    assert demand is not None
    return demand


def cost(*listings: Pages, policy: Policy = POLICY) -> Cost:
    found = cost_of(seen(*listings, policy=policy))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("power", "failed", "state"),
    [
        (PowerState.STARTING, False, RUNNING),
        (RUNNING, False, RUNNING),
        (PowerState.STOPPING, False, RUNNING),
        (STOPPED, False, STOPPED),
        (STOPPED, True, STOPPED),
        (PowerState.DEALLOCATING, False, DEALLOCATED),
        (DEALLOCATED, False, DEALLOCATED),
        (UNKNOWN, False, RUNNING),
        (UNKNOWN, True, DEALLOCATED),
    ],
)
def test_a_machine_is_billed_by_the_lasting_state_it_is_in_or_on_the_way_to(
    power: PowerState, failed: bool, state: PowerState
) -> None:
    assert billed_as(power, failed=failed) is state


def test_each_machine_costs_the_price_of_its_power_state_and_is_counted_as_idle_or_lost_once() -> None:
    found = cost(
        listing(
            *machines(RUNNING, 1, 2, 3),  # in use: 6
            *machines(STOPPED, 4, 5),  # ready and warm: 2, idle
            *machines(DEALLOCATED, 6, 7),  # ready and cold: 0.5
            instance(8, RUNNING, marked=False),  # being made: 2, idle
            instance(9, UNKNOWN, marked=False, provisioning=FAILED),  # a failed creation: 0.25, lost
            instance(10, STOPPED, provisioning=FAILED),  # marked and Failed: 1, lost
            instance(11, RUNNING, provisioning=DELETING),  # 2
            unidentified=1,  # 2, lost
        )
    )
    assert found.per_hour == pytest.approx(6 + 2 + 0.5 + 2 + 0.25 + 1 + 2 + 2)
    assert found.idle == {RUNNING: pytest.approx(2.0), STOPPED: pytest.approx(2.0)}
    assert found.idle_per_hour == pytest.approx(4.0)
    assert found.lost == pytest.approx(3.25)


def test_without_prices_or_before_any_listing_there_is_no_cost_which_is_not_zero() -> None:
    free = Policy(capacity={SCALE_SET: replace(PRICED, price=None)})
    assert cost_of(seen(listing(*machines(RUNNING, 1)), policy=free)) is None
    assert cost_of(Cloud().demand_of(SCALE_SET, POLICY)) is None
    assert cost(listing()).per_hour == 0


def test_a_session_costs_what_all_machines_cost_between_two_that_began() -> None:
    """Six visitors an hour, each on a machine of their own, and four more machines of a quarter each."""
    hour = [
        listing(
            *machines(RUNNING, *range(max(minute // 10 - 1, 0), minute // 10 + 1)),
            *machines(DEALLOCATED, *range(100, 104), *range(minute // 10 + 1, minute // 10 + 3)),
            after=minute * MIN,
        )
        for minute in range(0, 24 * 60, 2)
    ]
    found = cost(*hour).per_session
    assert found == pytest.approx((2 * 2.0 + 6 * 0.25) / 6, rel=0.02)


def test_the_cost_of_a_session_is_known_when_somebody_has_come() -> None:
    before, after = listing(*machines(DEALLOCATED, 1)), listing(*machines(RUNNING, 1), after=MIN)
    assert cost(before).per_session is None
    assert cost(before, after).per_session == pytest.approx(0.25 / 60)


def test_a_listing_that_is_known_is_paid_once_and_a_long_gap_is_not_paid() -> None:
    first, second = listing(*machines(RUNNING, 1)), listing(*machines(RUNNING, 1), after=6 * MIN)
    assert seen(first, second, second).paid == seen(first, second).paid == pytest.approx(0.2)
    assert seen(first, listing(*machines(RUNNING, 1), after=300 * MIN)).paid == 0


def test_where_time_runs_faster_so_does_the_bill() -> None:
    first, second = listing(*machines(RUNNING, 1)), listing(*machines(RUNNING, 1), after=18 * S)
    assert seen(first, second, policy=POLICY.at_speed(20)).paid == pytest.approx(0.2)


def test_the_listings_of_ticks_are_paid_and_the_evaluation_row_tells_the_cost() -> None:
    house = House(replace(POLICY, currency="EUR")).rested(2)
    provisioner = house.tick(Actor.PROVISIONER)
    provisioner.run()
    house.later(minutes=6)
    report = provisioner.run()
    demand = report.cloud.demand_of(SCALE_SET, house.policy)
    assert demand.paid == pytest.approx(2 * 0.25 / 10)
    row = Evaluations("provisioner", house.policy).row(report, 0)
    assert row is not None
    said: Any = row[1]["scale_sets"]
    assert (said[SCALE_SET]["cost"]["per_hour"], said[SCALE_SET]["cost"]["currency"]) == (0.5, "EUR")


def test_the_cost_as_data_names_every_part_and_the_currency_if_there_is_one() -> None:
    found = Cost(per_hour=3.5, idle={RUNNING: 0.0, STOPPED: 1.0}, lost=0.25, per_session=0.4)
    assert found.facts("EUR") == {
        "per_hour": 3.5,
        "per_month": 2555.0,
        "idle_per_hour": 1.0,
        "idle_running": 0.0,
        "idle_stopped": 1.0,
        "lost_per_hour": 0.25,
        "per_session": 0.4,
        "currency": "EUR",
    }
    assert "currency" not in found.facts("")
    assert "per_session" not in replace(found, per_session=None).facts("")


def test_the_cost_in_words_says_what_is_idle_and_what_failed() -> None:
    found = Cost(per_hour=3.5, idle={RUNNING: 0.0, STOPPED: 1.0}, lost=0.25, per_session=0.4)
    assert found.in_words("EUR") == (
        "3.50 EUR per hour, 1.00 of it idle, 0.25 for machines that failed; 0.40 EUR per session;"
        " 2555 EUR in a month of such hours"
    )
    assert replace(found, lost=0.0, per_session=None).in_words("") == (
        "3.50 per hour, 1.00 of it idle; 2555 in a month of such hours"
    )
