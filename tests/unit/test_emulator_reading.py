"""What Azure shows to those who ask; faults of listings, orders and etags: what each does, and what it leaves alone."""

from datetime import timedelta

import pytest
from clock import ManualClock
from emulated import Azure

from emulator.behaviour import Fault, Faults
from emulator.orders import OrderKind, Protection, Scale
from emulator.refusals import ArmError
from emulator.scale_set import EmulatedScaleSet
from emulator.switches import Overlap, SetOverlap, Switches
from scaler.model.instance import FailureClass, PowerState, ProvisioningState


def listed(azure: Azure) -> list[str]:
    """The ids of one listing."""
    return [each.instance_id for each in azure.emulated.read_first_page()]


def test_a_listing_shows_every_vm_by_its_instance_id() -> None:
    azure = Azure(3)
    azure.emulated.scale(Scale(capacity=12))
    assert listed(azure) == [str(each) for each in range(12)]


def test_an_old_listing_shows_all_vms_as_they_were_together() -> None:
    azure = Azure(3)
    azure.emulated.faults = Faults(listing_lag=(300, 300))
    azure.emulated.order(OrderKind.DEALLOCATE, ["0"])
    azure.emulated.order(OrderKind.DELETE, ["1"])
    azure.wait(60)
    azure.emulated.scale(Scale(capacity=3))
    azure.wait(200)
    azure.emulated.script(Fault.LISTING_OLD)
    old = azure.emulated.read_first_page()
    assert [each.instance_id for each in old] == ["0", "1", "2"]
    assert {each.power for each in old} == {PowerState.RUNNING}
    new = azure.emulated.read_first_page()
    assert new[0].power is PowerState.DEALLOCATED
    assert new[1].vm_id != old[1].vm_id


def test_a_listing_can_be_an_hour_old() -> None:
    azure = Azure(3)
    azure.emulated.faults = Faults(listing_lag=(3600, 3600))
    azure.emulated.script(Fault.LISTING_OLD)
    assert listed(azure) == []


def test_the_rows_of_an_old_listing_may_differ_in_age() -> None:
    azure = Azure(3, switches=Switches(ragged_listings=True))
    azure.emulated.faults = Faults(listing_lag=(0, 60))
    azure.emulated.order(OrderKind.DELETE, ["0", "1", "2"])
    azure.wait(40)
    seen = set()
    for _ in range(50):
        azure.emulated.script(Fault.LISTING_OLD)
        seen.add(len(azure.emulated.read_first_page()))
    assert seen >= {1, 2}


@pytest.mark.parametrize("seed", range(10))
def test_a_targeted_get_lags_no_more_than_the_observation_lag(seed: int) -> None:
    azure = Azure(3, seed=seed)
    azure.emulated.faults = Faults(rates={Fault.GET_OLD: 1.0}, observation_lag=10)
    azure.emulated.order(OrderKind.DEALLOCATE, ["0"])
    azure.wait(9)
    seen = {azure.emulated.read_vm("0").power for _ in range(50)}
    assert seen == {PowerState.RUNNING, PowerState.DEALLOCATING}
    azure.wait(1)
    assert {azure.emulated.read_vm("0").power for _ in range(50)} == {PowerState.DEALLOCATING}


def test_a_get_of_the_scale_set_lags_no_more_either() -> None:
    azure = Azure(3)
    azure.emulated.faults = Faults(rates={Fault.GET_OLD: 1.0}, observation_lag=10)
    azure.emulated.scale(Scale(capacity=5))
    azure.wait(5)
    assert {azure.emulated.read_set().capacity for _ in range(50)} == {3, 5}
    azure.wait(5)
    assert {azure.emulated.read_set().capacity for _ in range(50)} == {5}


def test_an_instance_id_that_is_no_number_is_refused() -> None:
    with pytest.raises(ArmError, match="must be a number"):
        Azure(3).emulated.read_vm("first")


def test_a_vm_that_is_updating_may_still_show_its_former_power_state() -> None:
    azure = Azure(3)
    azure.emulated.order(OrderKind.DEALLOCATE, ["0"])
    azure.emulated.script(Fault.POWER_VIEW_OLD)
    shown = azure.emulated.read_vm("0")
    assert (shown.power, shown.provisioning) == (PowerState.RUNNING, ProvisioningState.UPDATING)


def test_a_list_of_addresses_may_be_as_old_as_any_other_listing() -> None:
    """Instance ids are reused: an old list of addresses may be about an earlier machine of the same id."""
    azure = Azure(3)
    azure.emulated.faults = Faults(listing_lag=(300, 300))
    before = azure.emulated.read_addresses()
    azure.emulated.order(OrderKind.DELETE, ["0"])
    azure.wait(60)
    azure.emulated.scale(Scale(capacity=3))
    azure.wait(200)
    azure.emulated.script(Fault.ADDRESSES_OLD)
    assert azure.emulated.read_addresses() == before
    now = azure.emulated.read_addresses()
    assert (now[0].instance_id, now[0].vm_id == before[0].vm_id) == ("0", False)
    assert now[1:] == before[1:]


def _scale_set(machines: int = 1, **switches: object) -> tuple[EmulatedScaleSet, ManualClock]:
    azure = Azure(machines, Switches(**switches))  # type: ignore[arg-type]
    return azure.emulated, azure.clock


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
