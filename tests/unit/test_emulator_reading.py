"""What Azure shows to those who ask, and how far that may be from the truth."""

import pytest
from emulated import Azure

from emulator.behaviour import Fault, Faults
from emulator.orders import OrderKind, Scale
from emulator.refusals import ArmError
from emulator.switches import Switches
from scaler.model.instance import PowerState, ProvisioningState


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
