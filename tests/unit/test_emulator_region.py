"""What scale sets share in a region: cores, machines that the region does not sell, and addresses."""

import pytest
from emulated import Azure
from hypothesis import given
from hypothesis import strategies as some

from emulator.orders import OrderKind, Scale
from emulator.refusals import ArmError
from emulator.region import AddressSpace, Profile, Region
from emulator.scale_set import EmulatedScaleSet
from emulator.switches import Switches
from scaler.model.instance import FailureClass, PowerState, ProvisioningState

SUCCEEDED, FAILED = ProvisioningState.SUCCEEDED, ProvisioningState.FAILED


def azure_of(cores: int | None = None, switches: Switches | None = None) -> Azure:
    """A scale set in a region of so many cores; each of its VMs has ten."""
    return Azure(0, switches, profile=Profile(cores=10, region=Region(cores=cores)))


def states(azure: Azure) -> list[ProvisioningState]:
    """By VM."""
    return [each.provisioning for each in azure.emulated.vms]


@pytest.mark.parametrize("cores", [20, 21])
def test_new_vms_come_where_there_are_cores_enough(cores: int) -> None:
    azure = azure_of(cores=cores)
    azure.scale(2)
    assert states(azure) == [SUCCEEDED] * 2


def test_new_vms_are_refused_together_where_one_core_is_missing() -> None:
    azure = azure_of(cores=19)
    with pytest.raises(ArmError, match=r"exceeding approved .* quota") as refusal:
        azure.scale(2)
    assert (refusal.value.status, refusal.value.code) == (409, "OperationNotAllowed")
    assert (states(azure), azure.emulated.capacity) == ([], 0)


def test_a_refusal_says_what_there_is_and_what_it_would_take() -> None:
    azure = azure_of(cores=25)
    azure.scale(1)
    figures = r"Current Limit: 25, Current Usage: 10, Additional Required: 20, .* New Limit Required: 30"
    with pytest.raises(ArmError, match=figures):
        azure.scale(3)


def test_scale_sets_of_one_region_use_up_one_quota() -> None:
    azure = azure_of(cores=20)
    azure.scale(1)
    other = EmulatedScaleSet(azure.clock.now, name="other", profile=azure.emulated.profile)
    other.scale(Scale(capacity=1))
    for each in (azure.emulated, other):
        with pytest.raises(ArmError, match="quota"):
            each.scale(Scale(capacity=2))


def test_where_the_quota_is_found_out_later_those_fail_that_came_last() -> None:
    azure = azure_of(cores=10, switches=Switches(quota_refused_at_once=False))
    operation = azure.emulated.scale(Scale(capacity=2))
    azure.wait()
    assert states(azure) == [SUCCEEDED, FAILED]
    assert azure.emulated.vms[1].failure is FailureClass.QUOTA
    assert azure.emulated.vms[1].power is PowerState.UNKNOWN
    assert operation.failure is not None
    assert (operation.failure.code, operation.failure.target) == ("OperationNotAllowed", "1")


def test_a_start_needs_cores_where_a_deallocated_vm_had_given_them_back() -> None:
    azure = azure_of(cores=20, switches=Switches(deallocated_hold_quota=False))
    azure.scale(2)
    azure.order(OrderKind.DEALLOCATE, "0", "1")
    azure.wait()
    azure.emulated.region.cores = 10
    with pytest.raises(ArmError, match="quota"):
        azure.emulated.order(OrderKind.START, ["0", "1"])
    azure.order(OrderKind.START, "0")
    azure.wait()
    assert [each.power for each in azure.emulated.vms] == [PowerState.RUNNING, PowerState.DEALLOCATED]


def test_a_stopped_vm_keeps_its_cores_and_starts_whatever_the_quota() -> None:
    azure = azure_of(switches=Switches(deallocated_hold_quota=False))
    azure.scale(1)
    azure.order(OrderKind.POWER_OFF, "0")
    azure.wait()
    azure.emulated.region.cores = 0
    azure.order(OrderKind.START, "0")
    azure.wait()
    assert azure.emulated.vms[0].power is PowerState.RUNNING


def test_private_addresses_begin_where_azure_lets_them_and_the_lowest_is_given_first() -> None:
    space = AddressSpace()
    given_out = [space.private() for _ in range(3)]
    assert given_out == ["10.0.0.4", "10.0.0.5", "10.0.0.6"]
    for each in (given_out[2], given_out[0]):
        space.give_back(each)
    assert [space.private() for _ in range(3)] == ["10.0.0.4", "10.0.0.6", "10.0.0.7"]


def test_private_addresses_go_on_behind_a_full_byte() -> None:
    space = AddressSpace()
    assert [space.private() for _ in range(1000)][-1] == "10.0.3.235"


def test_a_public_address_is_not_given_to_the_next_one() -> None:
    space = AddressSpace()
    first = space.public()
    space.give_back(first)
    assert space.public() != first


def test_public_addresses_come_around_without_ever_meeting() -> None:
    space = AddressSpace()
    kept = {space.public() for _ in range(10)}
    for _ in range(2**14 - 10):
        space.give_back(space.public())
    assert space.public() not in kept


def test_a_region_without_a_public_address_left_says_so() -> None:
    space = AddressSpace()
    last = [space.public() for _ in range(2**14)][-1]
    with pytest.raises(RuntimeError, match="in use"):
        space.public()
    space.give_back(last)
    assert space.public() == last


def test_nothing_can_be_given_back_where_nothing_was() -> None:
    space = AddressSpace()
    space.give_back(None)
    assert space.private() == "10.0.0.4"


@given(some.lists(some.tuples(some.booleans(), some.booleans()), max_size=60))
def test_no_address_is_lent_twice(steps: list[tuple[bool, bool]]) -> None:
    space, lent = AddressSpace(), list[str]()
    for takes, is_public in steps:
        if takes or not lent:
            lent.append(space.public() if is_public else space.private())
        else:
            space.give_back(lent.pop(0))
        assert len(set(lent)) == len(lent)
