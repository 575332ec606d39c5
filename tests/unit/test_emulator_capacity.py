"""sku.capacity, instance ids, and who is taken when it is lowered."""

import pytest
from emulated import Azure

from emulator.behaviour import Fault
from emulator.orders import OrderKind, Protection, Scale
from emulator.refusals import ArmError
from emulator.switches import SetOverlap, Switches
from scaler.model.instance import ProvisioningState


def test_a_raised_capacity_creates_vms_and_starts_none() -> None:
    azure = Azure(2)
    azure.emulated.order(OrderKind.DEALLOCATE, ["0", "1"])
    azure.wait()
    azure.scale(3)
    assert azure.ids == ["0", "1", "2"]
    assert [each.billed for each in azure.emulated.vms] == [False, False, True]


def test_a_delete_lowers_the_capacity_when_it_is_accepted() -> None:
    azure = Azure(3)
    azure.order(OrderKind.DELETE, "0", "1")
    assert azure.emulated.capacity == 1
    azure.order(OrderKind.DELETE, "0")
    azure.wait()
    assert azure.emulated.capacity == 1


def test_the_lowest_free_instance_id_is_given_again_with_another_vm_id() -> None:
    azure = Azure(3)
    before = azure.emulated.vms[1].vm_id
    azure.order(OrderKind.DELETE, "1")
    azure.wait()
    azure.scale(3)
    assert azure.ids == ["0", "1", "2"]
    assert azure.emulated.vms[1].vm_id != before


def test_an_instance_id_is_not_free_before_its_vm_is_gone() -> None:
    azure = Azure(1)
    azure.order(OrderKind.DELETE, "0")
    azure.emulated.scale(Scale(capacity=1))
    assert azure.ids == ["0", "1"]


def test_a_lowered_capacity_takes_the_highest_ids_and_spares_the_protected() -> None:
    azure = Azure(4)
    azure.emulated.protect("3", Protection(from_scale_in=True))
    azure.wait()
    azure.scale(2)
    assert azure.ids == ["0", "3"]
    assert azure.emulated.capacity == 2


def test_a_capacity_cannot_fall_below_the_number_of_protected_vms() -> None:
    azure = Azure(2)
    for each in azure.ids:
        azure.emulated.protect(each, Protection(from_scale_in=True))
    azure.wait()
    azure.scale(0)
    assert azure.emulated.capacity == 2


def test_a_creation_that_azure_lost_is_made_good_by_the_same_capacity_again() -> None:
    azure = Azure(0)
    azure.emulated.script(Fault.CREATE_LOST)
    azure.scale(2)
    assert (azure.emulated.capacity, azure.ids) == (2, ["0"])
    azure.scale(2)
    assert (azure.emulated.capacity, azure.ids) == (2, ["0", "1"])


def test_the_region_may_have_fewer_machines_than_the_capacity_asks_for() -> None:
    azure = Azure(0)
    azure.emulated.limit(allocatable=1)
    azure.scale(3)
    states = [each.provisioning for each in azure.emulated.vms]
    assert states == [ProvisioningState.SUCCEEDED, ProvisioningState.FAILED, ProvisioningState.FAILED]


def test_the_etag_rises_with_every_change_and_with_no_other() -> None:
    azure = Azure(1)
    before = azure.emulated.set_state.etag
    azure.scale(1)
    assert azure.emulated.set_state.etag == before
    azure.scale(2)
    assert azure.emulated.set_state.etag == before + 1
    azure.order(OrderKind.DELETE, "0")
    assert azure.emulated.set_state.etag == before + 2


def test_the_scale_set_shows_updating_until_its_vms_have_come() -> None:
    azure = Azure(0)
    azure.emulated.scale(Scale(capacity=1))
    shown = [azure.emulated.set_state.provisioning]
    azure.wait()
    shown.append(azure.emulated.set_state.provisioning)
    assert shown == [ProvisioningState.UPDATING, ProvisioningState.SUCCEEDED]


def test_a_capacity_that_is_set_already_meets_no_conflict() -> None:
    azure = Azure(1, Switches(set_overlap=SetOverlap.CONFLICT))
    azure.emulated.scale(Scale(capacity=2))
    azure.emulated.scale(Scale(capacity=2))
    with pytest.raises(ArmError, match="conflict"):
        azure.emulated.scale(Scale(capacity=3))


def test_a_scale_set_made_anew_is_empty_and_somebody_else() -> None:
    azure = Azure(2)
    before = azure.emulated.set_state.unique_id
    azure.order(OrderKind.DELETE, "0")
    azure.emulated.make_anew()
    azure.wait()
    assert azure.ids == []
    assert azure.emulated.set_state.unique_id != before
    assert azure.emulated.set_state.provisioning is ProvisioningState.SUCCEEDED
