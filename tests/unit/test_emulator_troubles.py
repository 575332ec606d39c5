"""Faults of listings, orders and etags: what each does, and what it leaves alone."""

from datetime import timedelta

import pytest
from clock import ManualClock

from emulator.behaviour import Behaviour, Fault, Faults, Latencies
from emulator.orders import OrderKind, Protection, Scale
from emulator.refusals import ArmError
from emulator.scale_set import EmulatedScaleSet
from emulator.switches import Overlap, SetOverlap, Switches
from scaler.model.instance import FailureClass, PowerState, ProvisioningState


def _scale_set(machines: int = 1, **switches: object) -> tuple[EmulatedScaleSet, ManualClock]:
    clock = ManualClock()
    behaviour = Behaviour(latencies=Latencies().exact(), switches=Switches(**switches))  # type: ignore[arg-type]
    azure = EmulatedScaleSet(clock.now, behaviour=behaviour)
    azure.scale(Scale(capacity=machines))
    clock.advance(timedelta(minutes=5))
    return azure, clock


def test_an_empty_listing_is_one_answer_and_no_change() -> None:
    azure, _ = _scale_set(3)
    azure.script(Fault.LISTING_EMPTY)
    assert azure.read_first_page() == ()
    assert len(azure.read_first_page()) == 3
    assert azure.capacity == 3


def test_a_later_page_is_refused_on_its_own() -> None:
    """With a chance per page, many pages fail more often than one."""
    failed = {}
    for size in (100, 1):
        azure, _ = _scale_set(8)
        azure.faults = Faults(rates={Fault.READ_FAILED: 0.1})
        failed[size] = 0
        for _ in range(300):
            try:
                for skip in range(0, 8, size):
                    azure.read_rows(skip, size)
            except ArmError:
                failed[size] += 1
    assert failed[1] > 3 * failed[100]


def test_an_order_that_hangs_never_ends_until_it_is_given_again() -> None:
    azure, clock = _scale_set()
    azure.script(Fault.ORDER_ENDLESS)
    azure.order(OrderKind.DEALLOCATE, ["0"])
    clock.advance(timedelta(days=1))
    assert {(vm.power, vm.provisioning) for vm in azure.vms} == {(PowerState.DEALLOCATING, ProvisioningState.UPDATING)}
    azure.order(OrderKind.DEALLOCATE, ["0"])
    clock.advance(timedelta(minutes=2))
    assert {vm.power for vm in azure.vms} == {PowerState.DEALLOCATED}


@pytest.mark.parametrize("overlap", Overlap)
def test_what_hangs_can_always_be_deleted(overlap: Overlap) -> None:
    azure, clock = _scale_set(overlap=overlap)
    azure.script(Fault.ORDER_ENDLESS, times=2)
    azure.order(OrderKind.DEALLOCATE, ["0"])
    azure.order(OrderKind.DELETE, ["0"])
    clock.advance(timedelta(days=1))
    assert azure.vms[0].provisioning is ProvisioningState.DELETING
    azure.order(OrderKind.DELETE, ["0"])
    clock.advance(timedelta(minutes=2))
    assert azure.vms == ()


@pytest.mark.parametrize("overlap", SetOverlap)
def test_what_hangs_does_not_lock_the_scale_set(overlap: SetOverlap) -> None:
    azure, clock = _scale_set(set_overlap=overlap)
    azure.script(Fault.ORDER_ENDLESS)
    azure.scale(Scale(capacity=2))
    clock.advance(timedelta(minutes=5))
    azure.order(OrderKind.DELETE, ["1"])
    clock.advance(timedelta(minutes=5))
    assert [vm.instance_id for vm in azure.vms] == ["0"]


def test_what_shows_no_id_does_not_hang() -> None:
    """Nobody could ever order it anew."""
    azure, clock = _scale_set(vm_id_at_once=False, deleting_rows_lose_id=True)
    azure.script(Fault.ORDER_ENDLESS, times=None)
    azure.order(OrderKind.DELETE, ["0"])
    azure.scale(Scale(capacity=1))
    clock.advance(timedelta(minutes=5))
    assert [vm.power for vm in azure.vms] == [PowerState.RUNNING]


def test_a_changed_etag_refuses_only_who_names_one() -> None:
    azure, _ = _scale_set()
    azure.script(Fault.ETAG_CHANGED, times=None)
    azure.scale(Scale(capacity=1))
    etag = str(azure.set_state.etag)
    with pytest.raises(ArmError) as refused:
        azure.scale(Scale(capacity=2), if_match=etag)
    assert (refused.value.status, azure.capacity) == (412, 1)
    with pytest.raises(ArmError) as refused:
        azure.protect("0", Protection(from_scale_in=True), if_match=str(azure.vms[0].etag))
    assert (refused.value.status, azure.vms[0].protected) == (412, False)


@pytest.mark.parametrize(("fault", "order"), [(Fault.CREATE_SKU, "create"), (Fault.START_SKU, "start")])
def test_a_size_that_is_gone_fails_as_such(fault: Fault, order: str) -> None:
    azure, clock = _scale_set()
    azure.order(OrderKind.DEALLOCATE, ["0"])
    clock.advance(timedelta(minutes=2))
    azure.script(fault)
    if order == "create":
        azure.scale(Scale(capacity=2))
    else:
        azure.order(OrderKind.START, ["0"])
    clock.advance(timedelta(minutes=5))
    (failed,) = (vm for vm in azure.vms if vm.provisioning is ProvisioningState.FAILED)
    assert failed.failure is FailureClass.SKU


def test_what_struck_is_counted() -> None:
    azure, _ = _scale_set()
    azure.script(Fault.LISTING_EMPTY, times=2)
    for _ in range(3):
        azure.read_first_page()
    assert azure.struck[Fault.LISTING_EMPTY] == 2
