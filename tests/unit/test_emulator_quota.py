"""The cores that a subscription may use in a region, and machines that the region does not sell."""

from datetime import timedelta

import pytest
from clock import ManualClock

from emulator.behaviour import Behaviour, Latencies
from emulator.orders import OrderKind, Scale
from emulator.refusals import ArmError
from emulator.region import Profile, Region
from emulator.scale_set import EmulatedScaleSet
from emulator.switches import Switches
from scaler.model.instance import FailureClass, PowerState, ProvisioningState

SUCCEEDED, FAILED = ProvisioningState.SUCCEEDED, ProvisioningState.FAILED


class Azure:
    """Scale sets in one region, each of whose VMs has ten cores."""

    def __init__(self, *names: str, cores: int | None = None, switches: Switches | None = None) -> None:
        self.clock = ManualClock()
        self.region = Region(cores=cores)
        behaviour = Behaviour(latencies=Latencies().exact(), switches=switches or Switches())
        profile = Profile(cores=10, region=self.region)
        self.sets = [
            EmulatedScaleSet(self.clock.now, name=name, behaviour=behaviour, profile=profile)
            for name in names or ("vmss-pixels",)
        ]
        self.emulated = self.sets[0]

    def scale(self, capacity: int) -> None:
        """The first one, until all has come."""
        self.emulated.scale(Scale(capacity=capacity))
        self.wait()

    def order(self, kind: OrderKind, *instance_ids: str) -> None:
        """To the first one's, until it is done."""
        self.emulated.order(kind, instance_ids)
        self.wait()

    def wait(self) -> None:
        """Longer than anything takes."""
        self.clock.advance(timedelta(minutes=10))

    @property
    def states(self) -> list[ProvisioningState]:
        """By VM."""
        return [each.provisioning for each in self.emulated.vms]


@pytest.mark.parametrize("cores", [20, 21])
def test_new_vms_come_where_there_are_cores_enough(cores: int) -> None:
    azure = Azure(cores=cores)
    azure.scale(2)
    assert azure.states == [SUCCEEDED] * 2


def test_new_vms_are_refused_together_where_one_core_is_missing() -> None:
    azure = Azure(cores=19)
    with pytest.raises(ArmError, match=r"exceeding approved .* quota") as refusal:
        azure.scale(2)
    assert (refusal.value.status, refusal.value.code) == (409, "OperationNotAllowed")
    assert (azure.states, azure.emulated.capacity) == ([], 0)


def test_a_refusal_says_what_there_is_and_what_it_would_take() -> None:
    azure = Azure(cores=25)
    azure.scale(1)
    figures = r"Current Limit: 25, Current Usage: 10, Additional Required: 20, .* New Limit Required: 30"
    with pytest.raises(ArmError, match=figures):
        azure.scale(3)


def test_scale_sets_of_one_region_use_up_one_quota() -> None:
    azure = Azure("a", "b", cores=20)
    azure.scale(1)
    azure.sets[1].scale(Scale(capacity=1))
    for each in azure.sets:
        with pytest.raises(ArmError, match="quota"):
            each.scale(Scale(capacity=2))


def test_where_the_quota_is_found_out_later_those_fail_that_came_last() -> None:
    azure = Azure(cores=10, switches=Switches(quota_refused_at_once=False))
    operation = azure.emulated.scale(Scale(capacity=2))
    azure.wait()
    assert azure.states == [SUCCEEDED, FAILED]
    assert azure.emulated.vms[1].failure is FailureClass.QUOTA
    assert azure.emulated.vms[1].power is PowerState.UNKNOWN
    assert operation.failure is not None
    assert (operation.failure.code, operation.failure.target) == ("OperationNotAllowed", "1")


def test_a_start_needs_cores_where_a_deallocated_vm_had_given_them_back() -> None:
    azure = Azure(cores=20, switches=Switches(deallocated_hold_quota=False))
    azure.scale(2)
    azure.order(OrderKind.DEALLOCATE, "0", "1")
    azure.region.cores = 10
    with pytest.raises(ArmError, match="quota"):
        azure.emulated.order(OrderKind.START, ["0", "1"])
    azure.order(OrderKind.START, "0")
    assert [each.power for each in azure.emulated.vms] == [PowerState.RUNNING, PowerState.DEALLOCATED]


def test_a_stopped_vm_keeps_its_cores_and_starts_whatever_the_quota() -> None:
    azure = Azure(switches=Switches(deallocated_hold_quota=False))
    azure.scale(1)
    azure.order(OrderKind.POWER_OFF, "0")
    azure.region.cores = 0
    azure.order(OrderKind.START, "0")
    assert azure.emulated.vms[0].power is PowerState.RUNNING
