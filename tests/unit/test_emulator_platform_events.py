"""What happens to VMs without any order of ours."""

import pytest
from emulated import Azure

from emulator.behaviour import PLATFORM_EVENTS, Fault, Faults
from emulator.history import What
from emulator.orders import OrderKind, Protection, Scale
from emulator.switches import Eviction, SetOverlap, Switches
from scaler.model.instance import PowerState, ProvisioningState


class Protected(Azure):
    """A scale set with one running VM, which is protected."""

    def __init__(self, switches: Switches | None = None) -> None:
        super().__init__(1, switches)
        self.emulated.protect("0", Protection(from_scale_in=True))
        self.wait()

    def happen(self, event: Fault) -> bool:
        """To the only VM."""
        return self.emulated.happen(event, self.vm.vm_id)


def test_an_evicted_vm_is_deallocated_like_any_other() -> None:
    azure = Protected()
    assert azure.happen(Fault.EVICTED)
    assert azure.look == (PowerState.RUNNING, ProvisioningState.SUCCEEDED)
    azure.wait(100)
    assert azure.look == (PowerState.DEALLOCATED, ProvisioningState.SUCCEEDED)
    assert azure.emulated.capacity == 1


def test_an_eviction_cuts_off_what_was_under_way() -> None:
    azure = Protected()
    azure.happen(Fault.EVICTED)
    azure.wait(70)
    azure.emulated.order(OrderKind.RESTART, ["0"])
    azure.wait()
    assert azure.look == (PowerState.DEALLOCATED, ProvisioningState.SUCCEEDED)


def test_a_guest_that_shuts_down_is_stopped_and_still_billed() -> None:
    azure = Protected()
    azure.happen(Fault.GUEST_SHUT_DOWN)
    assert azure.look == (PowerState.STOPPED, ProvisioningState.SUCCEEDED)
    assert azure.emulated.billed(azure.vm.vm_id)


def test_a_vm_that_restarts_itself_shows_stopped_and_runs_again_without_an_order() -> None:
    azure = Protected()
    azure.happen(Fault.RESTARTED_ITSELF)
    assert azure.look == (PowerState.STOPPED, ProvisioningState.SUCCEEDED)
    azure.wait(30)
    assert azure.look == (PowerState.RUNNING, ProvisioningState.SUCCEEDED)


def test_an_order_in_the_meantime_beats_the_restart() -> None:
    azure = Protected()
    azure.happen(Fault.RESTARTED_ITSELF)
    azure.emulated.order(OrderKind.DEALLOCATE, ["0"])
    azure.wait()
    assert azure.look == (PowerState.DEALLOCATED, ProvisioningState.SUCCEEDED)


def test_a_vm_can_turn_failed_and_run_all_the_same() -> None:
    azure = Protected()
    azure.happen(Fault.TURNED_FAILED)
    assert azure.look == (PowerState.RUNNING, ProvisioningState.FAILED)


def test_somebody_can_take_the_mark_off() -> None:
    azure = Protected()
    etag = azure.vm.etag
    azure.happen(Fault.UNPROTECTED)
    assert (azure.vm.protected, azure.vm.etag) == (False, etag + 1)


def test_somebody_can_delete_a_vm() -> None:
    azure = Protected()
    azure.happen(Fault.DELETED_BY_SOMEBODY)
    assert azure.emulated.capacity == 0
    azure.wait(100)
    last = azure.emulated.history.events[-1]
    assert (last.what, last.by) == (What.DELETED, "somebody")


def test_what_cannot_happen_does_not() -> None:
    azure = Protected()
    azure.emulated.order(OrderKind.DEALLOCATE, ["0"])
    azure.wait()
    assert not azure.happen(Fault.EVICTED)
    assert not azure.happen(Fault.GUEST_SHUT_DOWN)
    assert not azure.emulated.happen(Fault.EVICTED, "nobody")


@pytest.mark.parametrize("event", PLATFORM_EVENTS)
def test_events_come_about_as_often_as_their_rate_says(event: Fault) -> None:
    azure = Protected(Switches(eviction=Eviction.DELETE))
    azure.emulated.scale(Scale(capacity=200))
    azure.wait()
    for each in range(200):
        azure.emulated.protect(str(each), Protection(from_scale_in=True))
    azure.wait()
    before = len(azure.emulated.history)
    azure.emulated.faults = Faults(rates={event: 0.5})
    azure.wait(1800)
    heard = azure.emulated.history.events[before:]
    named = {each.vm_id for each in heard if each.what not in {What.DELETED, What.STOPPED, What.RUNNING}}
    assert 25 < len(named) < 75


def test_somebodys_delete_may_meet_a_conflict_like_ours() -> None:
    azure = Protected(Switches(set_overlap=SetOverlap.CONFLICT))
    azure.emulated.scale(Scale(capacity=2))
    assert not azure.happen(Fault.DELETED_BY_SOMEBODY)
    azure.wait()
    assert azure.happen(Fault.DELETED_BY_SOMEBODY)
