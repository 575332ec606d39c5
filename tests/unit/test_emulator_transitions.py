"""What an order makes of a VM, and how long that takes."""

from dataclasses import replace
from datetime import timedelta

import pytest
from clock import ManualClock
from emulated import Azure

from emulator.behaviour import Behaviour, Fault, Latencies
from emulator.history import What
from emulator.orders import OrderKind, Protection, Scale, Status
from emulator.refusals import ArmError
from emulator.scale_set import EmulatedScaleSet
from emulator.switches import ConflictCode, Overlap, Renewal, Switches
from scaler.model.instance import FailureClass, PowerState, ProvisioningState

LATENCIES = Latencies().exact()
DEALLOCATED, RUNNING, STOPPED = PowerState.DEALLOCATED, PowerState.RUNNING, PowerState.STOPPED
UPDATING, SUCCEEDED = ProvisioningState.UPDATING, ProvisioningState.SUCCEEDED


def test_a_new_vm_has_no_power_state_until_it_runs() -> None:
    azure = Azure(0)
    azure.emulated.scale(Scale(capacity=1))
    azure.wait(LATENCIES.create[0] - 1)
    assert azure.look == (PowerState.UNKNOWN, ProvisioningState.CREATING)
    azure.wait(1)
    assert azure.look == (RUNNING, SUCCEEDED)


@pytest.mark.parametrize(
    ("kind", "meanwhile", "after", "seconds"),
    [
        (OrderKind.POWER_OFF, PowerState.STOPPING, STOPPED, LATENCIES.power_off[0]),
        (OrderKind.DEALLOCATE, PowerState.DEALLOCATING, DEALLOCATED, LATENCIES.deallocate[0]),
        (OrderKind.RESTART, RUNNING, RUNNING, LATENCIES.restart[0]),
        (OrderKind.REIMAGE, PowerState.STARTING, RUNNING, LATENCIES.reimage[0]),
        (OrderKind.REDEPLOY, PowerState.STARTING, RUNNING, LATENCIES.redeploy[0]),
        (OrderKind.START, RUNNING, RUNNING, LATENCIES.no_change[0]),
    ],
)
def test_an_order_to_a_running_vm_shows_as_updating_until_it_is_done(
    kind: OrderKind, meanwhile: PowerState, after: PowerState, seconds: float
) -> None:
    azure = Azure()
    azure.order(kind)
    azure.wait(seconds - 0.5)
    assert azure.look == (meanwhile, UPDATING)
    azure.wait(0.5)
    assert azure.look == (after, SUCCEEDED)


@pytest.mark.parametrize(
    ("rest", "seconds"),
    [(OrderKind.POWER_OFF, LATENCIES.start_stopped[0]), (OrderKind.DEALLOCATE, LATENCIES.start_deallocated[0])],
)
def test_a_warm_vm_starts_in_seconds_and_a_cold_one_in_minutes(rest: OrderKind, seconds: float) -> None:
    azure = Azure().at_rest(rest)
    azure.order(OrderKind.START)
    azure.wait(seconds - 0.5)
    assert azure.look == (PowerState.STARTING, UPDATING)
    azure.wait(0.5)
    assert azure.look == (RUNNING, SUCCEEDED)


@pytest.mark.parametrize("kind", [OrderKind.REIMAGE, OrderKind.REDEPLOY])
def test_a_renewed_vm_comes_up_from_rest_if_the_region_has_a_machine_for_it(kind: OrderKind) -> None:
    azure = Azure().at_rest(OrderKind.DEALLOCATE)
    azure.emulated.limit(allocatable=0)
    azure.order(kind)
    azure.wait()
    assert azure.look == (DEALLOCATED, ProvisioningState.FAILED)
    assert azure.vm.failure is FailureClass.ALLOCATION
    azure.emulated.limit(allocatable=1)
    azure.order(kind)
    azure.wait()
    assert azure.look == (RUNNING, SUCCEEDED)


@pytest.mark.parametrize("rest", [OrderKind.POWER_OFF, OrderKind.DEALLOCATE])
def test_a_vm_that_stays_at_rest_gets_its_new_disk_there(rest: OrderKind) -> None:
    azure = Azure(1, Switches(renewal_at_rest=Renewal.STAYS)).at_rest(rest)
    before = azure.look
    azure.order(OrderKind.REIMAGE)
    azure.wait()
    assert (azure.look, azure.vm.os_disks) == (before, 2)


@pytest.mark.parametrize(("ids", "disks"), [(("*",), [1, 2]), (("0", "1"), [2, 2])])
def test_a_protection_from_actions_keeps_off_the_reimage_of_all_and_not_one_by_name(
    ids: tuple[str, ...], disks: list[int]
) -> None:
    azure = Azure(2)
    azure.emulated.protect("0", Protection(from_scale_in=True, from_actions=True))
    azure.wait()
    azure.order(OrderKind.REIMAGE, *ids)
    azure.wait()
    assert [each.os_disks for each in azure.emulated.vms] == disks


@pytest.mark.parametrize("seconds", [1, 60])
def test_a_vm_that_is_deallocated_or_about_to_be_cannot_be_powered_off(seconds: float) -> None:
    azure = Azure(1, Switches(overlap=Overlap.PREEMPT))
    azure.order(OrderKind.DEALLOCATE)
    azure.wait(seconds)
    with pytest.raises(ArmError, match="is either deallocated or marked to be deallocated") as refusal:
        azure.order(OrderKind.POWER_OFF)
    assert (refusal.value.status, refusal.value.code) == (409, "OperationNotAllowed")
    azure.wait(60)
    assert azure.look == (DEALLOCATED, SUCCEEDED)


def test_stopped_is_billed_and_deallocated_is_not() -> None:
    stopped, deallocated = Azure().at_rest(OrderKind.POWER_OFF), Azure().at_rest(OrderKind.DEALLOCATE)
    assert stopped.emulated.billed(stopped.vm.vm_id)
    assert not deallocated.emulated.billed(deallocated.vm.vm_id)


def test_a_deleted_vm_shows_deleting_and_then_is_gone() -> None:
    azure = Azure()
    vm_id = azure.vm.vm_id
    azure.order(OrderKind.DELETE)
    azure.wait(LATENCIES.delete[0] - 1)
    assert azure.look == (RUNNING, ProvisioningState.DELETING)
    azure.wait(1)
    assert azure.emulated.find(vm_id) is None
    assert [each.what for each in azure.emulated.history.of(vm_id)] == [
        What.CREATED,
        What.RUNNING,
        What.DELETE_ORDERED,
        What.DELETED,
    ]


def test_a_vm_on_its_way_out_takes_no_other_order_than_delete() -> None:
    azure = Azure()
    azure.order(OrderKind.DELETE)
    azure.order(OrderKind.DELETE)
    with pytest.raises(ArmError, match="marked for deletion"):
        azure.order(OrderKind.START)


def test_a_power_change_that_goes_on_refuses_another_one_and_a_delete_takes_its_place() -> None:
    azure = Azure()
    azure.order(OrderKind.DEALLOCATE)
    azure.wait(20)
    with pytest.raises(ArmError, match="An ongoing operation is changing power state") as refusal:
        azure.order(OrderKind.START)
    assert (refusal.value.status, refusal.value.code) == (409, "OperationNotAllowed")
    azure.order(OrderKind.DELETE)
    azure.wait(60)
    assert azure.emulated.vms == ()


def test_a_later_order_may_preempt_an_earlier_one() -> None:
    azure = Azure(1, Switches(overlap=Overlap.PREEMPT))
    first = azure.emulated.order(OrderKind.DEALLOCATE, ["0"])
    azure.wait(20)
    second = azure.emulated.order(OrderKind.START, ["0"])
    azure.wait(200)
    assert azure.look == (RUNNING, SUCCEEDED)
    assert second.status is Status.SUCCEEDED
    assert first.status is Status.CANCELED
    assert first.failure is not None
    assert first.failure.code == "OperationPreempted"


def test_a_later_order_may_meet_a_conflict_instead() -> None:
    azure = Azure(1, Switches(overlap=Overlap.CONFLICT, conflict_code=ConflictCode.CONFLICT))
    azure.order(OrderKind.DEALLOCATE)
    with pytest.raises(ArmError) as refusal:
        azure.order(OrderKind.DELETE)
    assert (refusal.value.status, refusal.value.code) == (409, "Conflict")
    azure.wait(60)
    assert azure.look == (DEALLOCATED, SUCCEEDED)


def test_the_same_order_again_joins_the_first_and_takes_no_longer() -> None:
    azure = Azure().at_rest(OrderKind.DEALLOCATE)
    first = azure.emulated.order(OrderKind.START, ["0"])
    azure.wait(90)
    second = azure.emulated.order(OrderKind.START, ["0"])
    azure.wait(10)
    assert azure.look == (RUNNING, SUCCEEDED)
    assert first.status is second.status is Status.SUCCEEDED


def test_a_vm_that_is_being_created_takes_no_order_but_delete() -> None:
    azure = Azure(0)
    azure.emulated.scale(Scale(capacity=1))
    with pytest.raises(ArmError, match="another operation is in progress"):
        azure.order(OrderKind.DEALLOCATE)
    azure.order(OrderKind.DELETE)
    azure.wait(200)
    assert azure.emulated.vms == ()


def test_no_ids_mean_all_of_them() -> None:
    azure = Azure(0)
    azure.emulated.scale(Scale(capacity=2))
    azure.wait(200)
    azure.emulated.order(OrderKind.POWER_OFF, [])
    azure.wait(20)
    azure.emulated.order(OrderKind.START, ["*"])
    azure.wait(20)
    ordered = [each.what for each in azure.emulated.history if each.what in {What.STOP_ORDERED, What.START_ORDERED}]
    assert ordered == [What.STOP_ORDERED] * 2 + [What.START_ORDERED] * 2


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        (Fault.CREATE_ALLOCATION, FailureClass.ALLOCATION),
        (Fault.CREATE_QUOTA, FailureClass.QUOTA),
        (Fault.CREATE_OTHER, FailureClass.OTHER),
    ],
)
def test_a_failed_creation_leaves_a_failed_vm_without_power_state(fault: Fault, failure: FailureClass) -> None:
    azure = Azure(0)
    azure.emulated.script(fault)
    operation = azure.emulated.scale(Scale(capacity=1))
    azure.wait(200)
    assert azure.look == (PowerState.UNKNOWN, ProvisioningState.FAILED)
    assert azure.vm.failure is failure
    assert azure.emulated.capacity == 1
    assert operation.status is Status.FAILED


@pytest.mark.parametrize("fault", [Fault.START_ALLOCATION, Fault.START_QUOTA, Fault.START_OTHER])
def test_a_failed_start_leaves_the_vm_failed_where_it_was(fault: Fault) -> None:
    azure = Azure().at_rest(OrderKind.DEALLOCATE)
    azure.emulated.script(fault)
    azure.order(OrderKind.START)
    azure.wait(200)
    assert azure.look == (DEALLOCATED, ProvisioningState.FAILED)
    azure.order(OrderKind.START)
    azure.wait(200)
    assert azure.look == (RUNNING, SUCCEEDED)


def test_a_sold_out_region_fails_cold_starts_and_spares_warm_ones() -> None:
    cold, warm = Azure().at_rest(OrderKind.DEALLOCATE), Azure().at_rest(OrderKind.POWER_OFF)
    for each in (cold, warm):
        each.emulated.limit(allocatable=0)
        each.order(OrderKind.START)
        each.wait(200)
    assert cold.vm.failure is FailureClass.ALLOCATION
    assert warm.look == (RUNNING, SUCCEEDED)


def test_what_takes_longer_than_it_may_is_due_in_the_right_order() -> None:
    azure = Azure()
    azure.order(OrderKind.POWER_OFF)
    azure.wait(10)
    assert azure.emulated.next_due is None
    azure.order(OrderKind.START)
    azure.order(OrderKind.DELETE)
    azure.wait(100_000)
    assert azure.emulated.history.events[-1].at - azure.emulated.history.events[-2].at < timedelta(minutes=1)


def test_a_world_at_speed_ten_is_ten_times_faster() -> None:
    fast = replace(Behaviour(), latencies=LATENCIES).at_speed(10)
    clock = ManualClock()
    emulated = EmulatedScaleSet(clock.now, behaviour=fast)
    emulated.scale(Scale(capacity=1))
    clock.advance(timedelta(seconds=LATENCIES.create[0] / 10))
    assert emulated.vms[0].power is RUNNING
