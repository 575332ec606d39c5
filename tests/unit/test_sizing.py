"""Sizes: the spare of the running scaler, and what to expect by queueing theory, costs included."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import MIN, S
from unit.test_capacity import AUTO, Day, arrivals, seen

from scaler.model.capacity import wanted
from scaler.model.policy import Policy, Price
from scaler.model.sizing import COLD_START, WARM_START, Need, size_of

SIXTY = Need(per_second=60 / 3600, session=20 * MIN)
PRICE = Price(running=1.0, stopped=0.5, deallocated=0.1)


@pytest.mark.parametrize(
    ("per_hour", "lead", "at_95", "at_99"), [(60, 5 * MIN, 9, 11), (200, 8 * MIN, 35, 39), (6, 2 * MIN, 2, 2)]
)
def test_the_spare_is_the_quantile_of_the_arrivals_within_the_lead_and_two_at_least(
    per_hour: float, lead: timedelta, at_95: int, at_99: int
) -> None:
    need = Need(per_second=per_hour / 3600, session=20 * MIN, lead=lead)
    assert [size_of(replace(need, found_at_once=share)).spare for share in (0.95, 0.99)] == [at_95, at_99]


def test_it_is_what_the_running_scaler_wants_and_the_reason_is_its_own() -> None:
    running = wanted(replace(seen(*arrivals(20)), safety=seen(*arrivals(0)).safety), Policy())
    found = size_of(replace(SIXTY, found_at_once=AUTO.found_at_once))
    assert (found.spare, found.because) == (running.facts["spare"], running.why)


@pytest.mark.long
def test_a_day_of_visitors_finds_as_many_machines_as_is_said() -> None:
    """Visitors of the day are simulated, machines are made in 250 s, and the safety sets itself."""
    day = Day(per_hour=60)
    day.run()
    assert size_of(SIXTY).found_at_once == pytest.approx(day.share_found, abs=0.01)


def test_beyond_180_visitors_an_hour_one_scale_set_cannot_mark_the_machines() -> None:
    sizes = {rate: size_of(Need(per_second=rate / 3600, session=timedelta(minutes=20))) for rate in (180, 181, 600)}
    assert {rate: size.scale_sets for rate, size in sizes.items()} == {180: 1, 181: 2, 600: 4}
    assert size_of(Need(per_second=10 / 3600, session=timedelta(hours=100))).scale_sets == 2


def test_the_quota_holds_the_peak_and_the_spare_and_is_told_in_cores() -> None:
    found = size_of(replace(SIXTY, cores=36))
    held = 20 + (found.wait_s + 120) / 60  # a machine is held while it starts, and until it is deleted
    assert found.in_use == pytest.approx(held, abs=0.2)
    assert found.in_use_peak == 38  # a Poisson variable of that mean exceeds it once in a thousand
    assert (found.quota, found.cores) == (38 + 11, 36 * (38 + 11))


def test_all_spare_machines_are_warm_or_none_or_as_many_as_nine_visitors_in_ten_need() -> None:
    some, every, none = (size_of(replace(SIXTY, warm=warm)) for warm in (None, True, False))
    assert (some.warm, every.warm, none.warm) == (8, 11, 0)
    assert none.wait_s > some.wait_s > every.wait_s
    assert none.wait_s == pytest.approx(COLD_START, abs=2)
    assert every.wait_s == pytest.approx(WARM_START, abs=3)


def test_the_cost_is_of_machines_in_use_being_made_warm_and_cold() -> None:
    cold = size_of(replace(SIXTY, warm=False, price=PRICE, lead=310 * S))
    made, on_the_way = 250 / 60, 280 / 60  # without, and with, those that wait for the provisioner's next tick
    assert cold.cost_per_hour == pytest.approx(cold.in_use + made + 0.1 * (11 - on_the_way), rel=0.001)
    assert cold.cost_per_month == pytest.approx(730 * (cold.cost_per_hour or 0))
    assert cold.cost_per_session == pytest.approx((cold.cost_per_hour or 0) / 60)
    warm = size_of(replace(SIXTY, warm=True, price=PRICE, lead=310 * S))
    assert warm.cost_per_hour == pytest.approx(warm.in_use + made + 0.5 * (11 - on_the_way), rel=0.001)


def test_without_prices_there_is_no_cost() -> None:
    found = size_of(SIXTY)
    assert (found.cost_per_hour, found.cost_per_month, found.cost_per_session) == (None, None, None)


def test_a_lead_that_is_shorter_than_the_provisioners_round_is_all_round() -> None:
    assert 0.99 <= size_of(replace(SIXTY, lead=30 * S)).found_at_once < 1
