"""A budget: first fewer machines are warm, then no more are made; no visitor loses a machine for it."""

from dataclasses import replace

import pytest
from builders import MIN, SCALE_SET, cloud, sighting
from tick_house import House
from unit.test_capacity import DEALLOCATED, RUNNING, STOPPED, listing, machines
from unit.test_price import seen

from scaler.controllers import provisioner
from scaler.model.capacity import Demand
from scaler.model.edges import Actor
from scaler.model.instance import Instance, PowerState
from scaler.model.plan import Plan, SetCapacity, Why
from scaler.model.policy import Capacity, Mode, Policy, Price
from scaler.model.price import MONTH, affordable, cost_facts

DEALLOCATING = PowerState.DEALLOCATING
PRICE = Price(running=2.0, stopped=1.0, deallocated=0.25)
USED = (*machines(RUNNING, 1, 2), *machines(STOPPED, 3, 4, 5), *machines(DEALLOCATED, 6, 7))  # cold, it costs 5.25


def policy(an_hour: float, **capacity: object) -> Policy:
    """A budget for a month of such hours."""
    base = Capacity(desired=7, warm=3, price=PRICE, budget=an_hour * MONTH)
    return Policy(capacity={SCALE_SET: replace(base, **capacity)})  # type: ignore[arg-type]


def shown(an_hour: float, *instances: Instance, **capacity: object) -> Demand:
    return seen(listing(*instances), policy=policy(an_hour, **capacity))


def plan(an_hour: float, *instances: Instance, **capacity: object) -> Plan:
    """The provisioner's, where Azure has as many machines as it lists."""
    seen_by_it = replace(
        cloud(*instances, look=sighting(capacity=len(instances))),
        demand={SCALE_SET: shown(an_hour, *instances, **capacity)},
    )
    return provisioner.decide(seen_by_it, policy(an_hour, **capacity))


@pytest.mark.parametrize(
    ("an_hour", "warm"), [(9.0, 3), (5.25 + 3 * 0.75, 3), (7.49, 2), (6.0, 1), (5.9, 0), (5.25, 0), (1.0, 0)]
)
def test_as_many_machines_are_kept_warm_as_the_budget_holds_beside_all_others_cold(an_hour: float, warm: int) -> None:
    demand = shown(an_hour, *USED)
    assert (demand.capacity.warm, demand.warm_held) == (warm, 3 - warm)


def test_what_is_cooled_for_the_budget_is_not_warmed_up_again_by_what_that_saves() -> None:
    cooled = (*machines(RUNNING, 1, 2), *machines(STOPPED, 3), *machines(DEALLOCATED, 4, 5, 6, 7))
    assert shown(6.0, *cooled).capacity.warm == shown(6.0, *USED).capacity.warm == 1


def test_where_budget_is_left_again_machines_are_warm_again() -> None:
    one_left = (*machines(RUNNING, 1), *machines(DEALLOCATED, 3, 4, 5, 6, 7))
    demand = seen(listing(*USED), listing(*one_left), policy=policy(6.0))
    assert demand.capacity.warm == 1
    assert seen(listing(*USED), listing(*one_left, after=MIN), policy=policy(6.0)).capacity.warm == 3


@pytest.mark.parametrize(("an_hour", "more"), [(9.25, 2), (9.24, 1), (7.25, 1), (7.24, 0), (5.25, 0), (1.0, 0)])
def test_more_machines_are_made_as_far_as_they_may_run_and_never_fewer_than_there_are(
    an_hour: float, more: int
) -> None:
    assert affordable(shown(an_hour, *USED)) == 7 + more


def test_what_fits_to_the_cent_fits() -> None:
    dime = Price(running=0.1, stopped=0.1, deallocated=0.0)  # 0.3 / 0.1 is a little less than 3
    assert affordable(shown(0.3, *machines(DEALLOCATED, 1), price=dime)) == 1 + 3


def test_a_machine_that_is_made_takes_its_place_in_the_budget_at_once() -> None:
    coming = machines(RUNNING, 8, marked=False)
    assert affordable(shown(9.25, *USED, *coming)) == 8 + 1


def test_without_a_budget_or_a_price_nothing_is_limited() -> None:
    assert affordable(shown(9.25, *USED, budget=None)) is None
    assert affordable(shown(9.25, *USED, price=None)) is None
    assert shown(1.0, *USED, budget=None).capacity.warm == 3


@pytest.mark.parametrize("mode", list(Mode))
def test_the_provisioner_makes_what_the_budget_holds_and_raises_the_alarm_for_the_rest(mode: Mode) -> None:
    found = plan(9.25, *USED, mode=mode, desired=10, buffer=8, warm=0)
    (step,) = found.steps
    assert isinstance(step.order, SetCapacity)
    assert step.order.capacity == 9
    (refusal,) = found.refusals
    assert (refusal.why, refusal.alarm) == (Why.OVER_BUDGET, True)
    assert (refusal.facts["machines_in_budget"], refusal.facts["wanted"], refusal.facts["capacity"]) == (9, 10, 7)


def test_a_scale_set_over_its_budget_grows_no_more_and_stays_as_it_is() -> None:
    found = plan(1.0, *USED, desired=8, warm=0)
    assert found.steps == ()
    assert [refusal.why for refusal in found.refusals] == [Why.OVER_BUDGET]


def test_fewer_warm_machines_are_told_and_are_no_alarm() -> None:
    (refusal,) = plan(6.0, *USED).refusals
    assert (refusal.why, refusal.alarm) == (Why.BUDGET_COOLS, False)
    assert (refusal.facts["warm"], refusal.facts["held_back"]) == (1, 2)
    assert plan(9.0, *USED).refusals == ()


def test_the_evaluation_row_has_the_budget_beside_the_cost() -> None:
    facts = cost_facts(shown(6.0, *USED), "EUR")
    assert (facts["budget"], facts["machines_in_budget"], facts["warm_held"]) == (4380, 7, 2)
    assert facts["per_hour"] == 7.5
    assert "budget" not in cost_facts(shown(6.0, *USED, budget=None), "EUR")


def test_ten_cold_machines_are_made_one_after_the_other_where_the_budget_holds_three_that_run() -> None:
    cheap = Price(running=1.0, stopped=1.0, deallocated=0.0)
    house = House(policy(3.5, desired=10, warm=0, price=cheap))
    ticks = [house.tick(name) for name in (Actor.PROVISIONER, Actor.RECONCILER)]
    most = 0
    for _ in range(120):
        house.run(1, *ticks)
        most = max(most, sum(vm.allocated and vm.power is not DEALLOCATING for vm in house.azure.vms))
    assert (len(house.azure.vms), most) == (10, 3)
