"""ARM calls a minute, and what ARM says is left: read from the log of calls as it grows."""

from dataclasses import replace

import pytest
from simulator_builders import second

from emulator.budgets import BURSTS
from emulator.wire.exchange import Call, CallLog
from simulator.live.frame import Budget
from simulator.live.rounds import Spending

ONE = "/subscriptions/s/resourcegroups/g/providers/microsoft.compute/virtualmachinescalesets/one/virtualmachines"
OTHER = ONE.replace("one", "other")
LEFT = (
    "Microsoft.Compute/HighCostGetVMScaleSetResource;{},Microsoft.Compute/HighCostGetVMScaleSetSubscriptionMaximum;{}"
)
CALL = Call(
    at=second(1),
    method="GET",
    kind="list",
    path=ONE,
    status=200,
    caller="starter",
    request_id="",
    seconds=0.1,
    left=LEFT.format(27, 1000),
)


def spending(*calls: Call, speed: float = 20.0, seconds: float = 60.0) -> Spending:
    log = CallLog()
    for each in calls:
        log.write(each)
    found = Spending(log.after, speed)
    found.catch_up(seconds)
    return found


def test_calls_are_read_once() -> None:
    log = CallLog()
    found = Spending(log.after, speed=20)
    log.write(CALL)
    assert found.catch_up(10) == {"starter"}
    assert found.catch_up(11) == frozenset()
    log.write(replace(CALL, caller="cleaner"))
    assert found.catch_up(12) == {"cleaner"}
    assert set(found.a_minute(12)) == {"starter", "cleaner"}


def test_calls_a_minute_are_of_the_emulated_worlds_minutes() -> None:
    assert spending(*[CALL] * 10).a_minute(60) == {"starter": 2.0}  # in the last five, which are 15 s on the wall
    assert spending(*[CALL] * 10, speed=1, seconds=300).a_minute(300) == {"starter": 2.0}


@pytest.mark.parametrize(("later", "number"), [(14.9, 1), (15.0, 1), (15.1, 0)])
def test_a_call_counts_for_five_minutes(later: float, number: int) -> None:
    found = spending(CALL)
    found.catch_up(60 + later)
    assert len(found.a_minute(60 + later)) == number


def test_what_is_left_is_what_was_answered_last() -> None:
    found = spending(CALL, replace(CALL, left=LEFT.format(12, 1000)), replace(CALL, left="", status=429))
    assert found.budgets == (Budget(what="listings", left=12, burst=BURSTS["HighCostGetVMScaleSetResource"]),)
    assert found.throttled == 1


def test_of_several_scale_sets_the_one_that_has_least_is_shown() -> None:
    found = spending(replace(CALL, path=OTHER, left=LEFT.format(5, 1000)), CALL)
    assert [each.left for each in found.budgets] == [5]


def test_the_subscriptions_budget_shows_once_half_of_it_is_spent() -> None:
    burst = BURSTS["HighCostGetVMScaleSetSubscriptionMaximum"]
    assert len(spending(replace(CALL, left=LEFT.format(27, burst // 2))).budgets) == 1
    _, shared = spending(replace(CALL, left=LEFT.format(27, burst // 2 - 1))).budgets
    assert shared == Budget(what="listings of the subscription", left=burst // 2 - 1, burst=burst)


@pytest.mark.parametrize(
    "header", ["", ";", "Microsoft.Compute/Unheard;3", "Microsoft.Compute/GetVMScaleSetResource;many", "x" * 300]
)
def test_a_header_that_says_nothing_known_says_nothing(header: str) -> None:
    assert spending(replace(CALL, left=header)).budgets == ()
