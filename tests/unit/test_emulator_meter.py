"""Token buckets grant, refuse and count requests."""

from datetime import UTC, datetime, timedelta

import pytest

from emulator.budgets import Buckets, Call, Meter, limits
from emulator.refusals import ArmError
from emulator.switches import Switches

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """A moment."""
    return START + timedelta(seconds=seconds)


def meter(*, enforced: bool = True, speed: float = 1.0, buckets: Buckets | None = None, owner: str = "a") -> Meter:
    """One scale set's."""
    return Meter(Buckets() if buckets is None else buckets, owner, Switches(), enforced=enforced, speed=speed)


def spend(meter: Meter, call: Call, times: int, now: datetime = START, vms: int = 0) -> None:
    """So many calls at once."""
    for _ in range(times):
        meter.charge(call, "it", now, vms)


def test_an_empty_bucket_refuses_and_says_for_how_long() -> None:
    budget = meter()  # 12 at most, 4 a minute
    spend(budget, Call.UPDATE_SET, 12)
    with pytest.raises(ArmError) as refusal:
        budget.charge(Call.UPDATE_SET, "it", at(14))
    assert refusal.value.retry_after == timedelta(seconds=1)


def test_a_refused_call_takes_no_token_from_any_bucket() -> None:
    budget = meter()
    spend(budget, Call.UPDATE_SET, 12)
    before = budget.remaining(Call.UPDATE_SET, "it", START)
    with pytest.raises(ArmError):
        budget.charge(Call.UPDATE_SET, "it", START)
    assert budget.remaining(Call.UPDATE_SET, "it", START) == before


def test_each_resource_has_a_bucket_of_its_own_and_the_subscription_one_for_all() -> None:
    budget = meter()
    spend(budget, Call.VM_ACTION, 12)
    budget.charge(Call.VM_ACTION, "another", START)
    assert "VMScaleSetVMActionsSubscriptionMaximum;1487" in budget.remaining(Call.VM_ACTION, "it", START)


def test_two_scale_sets_of_a_region_share_the_buckets_of_the_subscription_only() -> None:
    shared = Buckets()
    first, second = (meter(buckets=shared, owner=name) for name in ("a", "b"))
    spend(first, Call.UPDATE_SET, 12)
    second.charge(Call.UPDATE_SET, "it", START)
    names = ("VMScaleSetActionsSubscriptionMaximum;1487", "VMScaleSetActionsResource;11")
    assert all(each in second.remaining(Call.UPDATE_SET, "it", START) for each in names)


def test_a_batch_costs_one_call_and_a_token_for_each_vm() -> None:
    budget = meter()
    budget.charge(Call.START, "it", START, vms=7)
    assert budget.remaining(Call.START, "it", START) == (
        "Microsoft.Compute/VMScaleSetActionsSubscriptionMaximum;1499,"
        "Microsoft.Compute/VMScaleSetBatchedVMRequestsSubscriptionMaximum;5993,"
        "Microsoft.Compute/VmssQueuedVMOperations;0"
    )


def test_more_vms_than_the_bucket_of_batches_holds_are_refused() -> None:
    budget = meter()
    spend(budget, Call.START, 6, vms=1000)
    with pytest.raises(ArmError) as refusal:
        budget.charge(Call.START, "it", START, vms=1)
    assert refusal.value.target == "VMScaleSetBatchedVMRequestsSubscriptionMaximum"


def test_a_meter_that_enforces_nothing_counts_all_the_same() -> None:
    budget = meter(enforced=False)
    spend(budget, Call.UPDATE_SET, 20)
    assert "VMScaleSetActionsResource;0" in budget.remaining(Call.UPDATE_SET, "it", START)


def test_budgets_of_a_faster_world_refill_faster() -> None:
    budget = meter(speed=60)
    spend(budget, Call.UPDATE_SET, 12)
    budget.charge(Call.UPDATE_SET, "it", at(0.25))


@pytest.mark.parametrize("call", list(Call))
def test_every_kind_of_call_is_counted_somewhere_for_the_whole_subscription(call: Call) -> None:
    assert any(not each.own for each in limits(call, Switches()))
