"""Instance protection: the mark, and everything that may become of it."""

import pytest
from emulated import Azure

from emulator.behaviour import Fault
from emulator.history import What
from emulator.orders import OrderKind, Protection, Scale, Status
from emulator.refusals import ArmError
from emulator.switches import Overlap, Switches
from scaler.model.instance import ProvisioningState

MARK = Protection(from_scale_in=True)


def deallocated(switches: Switches | None = None) -> Azure:
    """A scale set with one VM, which is deallocated."""
    return Azure(1, switches).at_rest(OrderKind.DEALLOCATE)


def test_a_mark_lasts_and_raises_the_etag_of_its_vm() -> None:
    azure = deallocated()
    operation = azure.emulated.protect("0", MARK, if_match='"1"')
    azure.wait(10)
    assert (azure.vm.protected, azure.vm.etag, azure.vm.latest_model) == (True, 2, True)
    assert operation.status is Status.SUCCEEDED


def test_a_mark_that_is_there_already_changes_nothing() -> None:
    azure = deallocated()
    azure.emulated.protect("0", MARK)
    azure.wait(10)
    azure.emulated.protect("0", MARK)
    assert (azure.vm.etag, azure.vm.provisioning) == (2, ProvisioningState.SUCCEEDED)


def test_a_mark_takes_three_tenths_of_a_second() -> None:
    azure = deallocated()
    azure.emulated.protect("0", MARK)
    shown = [azure.vm.provisioning]
    azure.wait(0.3)
    shown.append(azure.vm.provisioning)
    assert shown == [ProvisioningState.UPDATING, ProvisioningState.SUCCEEDED]


def test_a_mark_meets_a_conflict_while_its_vm_is_busy() -> None:
    azure = deallocated()
    azure.emulated.order(OrderKind.START, ["0"])
    with pytest.raises(ArmError) as refusal:
        azure.emulated.protect("0", MARK)
    assert (refusal.value.status, refusal.value.code) == (409, "Conflict")


def test_a_mark_may_meet_a_passing_conflict() -> None:
    azure = deallocated()
    azure.emulated.script(Fault.MARK_CONFLICT)
    with pytest.raises(ArmError, match="concurrent"):
        azure.emulated.protect("0", MARK)
    azure.emulated.protect("0", MARK)
    assert azure.vm.protected


def test_the_mark_of_one_vm_may_be_refused_for_ever() -> None:
    azure = deallocated()
    azure.emulated.scale(Scale(capacity=2))
    azure.wait()
    azure.emulated.script(Fault.MARK_REFUSED, times=None, instance_id="0")
    for _ in range(3):
        with pytest.raises(ArmError, match="reached its limit") as refusal:
            azure.emulated.protect("0", MARK)
        assert refusal.value.status == 400
    azure.emulated.protect("1", MARK)
    assert [each.protected for each in azure.emulated.vms] == [False, True]


def test_a_mark_may_be_rolled_back_after_it_was_shown() -> None:
    azure = deallocated()
    azure.emulated.script(Fault.MARK_ROLLED_BACK)
    azure.emulated.protect("0", MARK)
    shown = [azure.vm.protected]
    azure.wait(10)
    assert [*shown, azure.vm.protected] == [True, False]
    assert azure.emulated.history.events[-1].what is What.ROLLED_BACK


def test_a_mark_survives_an_order_that_preempts_it() -> None:
    azure = deallocated(Switches(overlap=Overlap.PREEMPT))
    azure.emulated.protect("0", MARK)
    azure.emulated.order(OrderKind.START, ["0"])
    azure.wait()
    assert azure.vm.protected
