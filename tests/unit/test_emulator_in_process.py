"""The emulated scale set behind the scaler's port."""

from datetime import timedelta

import pytest
from clock import ManualClock
from emulated import Azure

from emulator.behaviour import Behaviour, Fault, Latencies
from emulator.history import What
from emulator.in_process import InProcessScaleSet
from emulator.orders import OrderKind, Scale
from emulator.scale_set import EmulatedScaleSet
from emulator.switches import ConflictCode, Overlap, Switches
from scaler.errors import Conflict, OutOfCapacity, Unreachable
from scaler.model.instance import Addresses, InstanceRef, PowerState
from scaler.ports import ScaleSet, one_by_one

WITHIN = timedelta(seconds=30)


class Faced(Azure):
    """A scale set with two running VMs, and a face of it."""

    def __init__(self, switches: Switches | None = None, *, behaviour: Behaviour | None = None) -> None:
        super().__init__(2, switches, behaviour=behaviour)
        self.face = InProcessScaleSet(self.emulated, self.clock, caller="starter", page_size=10)
        self.port: ScaleSet = self.face

    @property
    def refs(self) -> list[InstanceRef]:
        """All instances, as listed."""
        return [each.ref for each in self.port.list_instances().instances]


def test_a_listing_is_complete_and_counts_its_pages() -> None:
    azure = Faced(Switches(vm_id_at_once=False))
    azure.emulated.scale(Scale(capacity=25))
    pages = azure.port.list_instances()
    assert (len(pages.instances), pages.unidentified, pages.requests) == (2, 23, 3)
    assert azure.face.calls["list"] == 3


def test_the_date_has_whole_seconds() -> None:
    azure = Faced()
    azure.wait(0.7)
    assert azure.port.view().at.microsecond == 0
    assert azure.port.list_instances().at.microsecond == 0


def test_orders_do_what_they_say_and_are_written_under_their_caller() -> None:
    azure = Faced()
    azure.port.power_off([azure.refs[0]], within=WITHIN)
    azure.port.deallocate([azure.refs[1]], within=WITHIN)
    azure.wait(60)
    assert [each.power for each in azure.emulated.vms] == [PowerState.STOPPED, PowerState.DEALLOCATED]
    azure.port.start(azure.refs, within=WITHIN)
    azure.wait(120)
    assert [each.power for each in azure.emulated.vms] == [PowerState.RUNNING] * 2
    ordered = [each for each in azure.emulated.history if each.what is What.START_ORDERED]
    assert {each.by for each in ordered} == {"starter"}


def test_answers_take_their_time_and_an_order_is_given_up_in_time() -> None:
    azure = Faced(behaviour=Behaviour(latencies=Latencies(accept=(2, 2))))
    sent = azure.port.view().sent
    assert azure.clock.monotonic() == sent + 2
    ref = azure.refs[0]
    began = azure.clock.monotonic()
    with pytest.raises(Unreachable):
        azure.port.start([ref], within=timedelta(seconds=1))
    assert azure.clock.monotonic() == began + 1
    assert What.START_ORDERED not in {each.what for each in azure.emulated.history}


@pytest.mark.parametrize("seed", range(10))
def test_a_late_order_through_the_port_keeps_the_callers_bound(seed: int) -> None:
    clock = ManualClock()
    emulated = EmulatedScaleSet(clock.now, seed=seed, behaviour=Behaviour(latencies=Latencies(accept=(1, 5))))
    port = InProcessScaleSet(emulated, clock)
    emulated.scale(Scale(capacity=1))
    clock.advance(timedelta(minutes=10))
    ref = port.list_instances().instances[0].ref
    emulated.script(Fault.ORDER_LATE)
    given = clock.now()
    with pytest.raises(Unreachable):
        port.deallocate([ref], within=WITHIN)
    clock.advance(timedelta(hours=1))
    arrived = next(each for each in emulated.history if each.what is What.DEALLOCATE_ORDERED)
    assert given < arrived.at <= given + WITHIN


def test_two_faces_share_one_scale_set() -> None:
    azure = Faced()
    other = InProcessScaleSet(azure.emulated, azure.clock, caller="cleaner")
    other.delete(azure.refs, within=WITHIN)
    assert azure.port.view().capacity == 0
    assert (azure.face.calls["delete"], other.calls["delete"]) == (0, 1)
    assert azure.emulated.order(OrderKind.DELETE, ["0"]).ended is None


def test_a_public_address_that_the_list_of_them_lacks_is_untold() -> None:
    azure = Faced()
    azure.emulated.script(Fault.ADDRESS_MISSING, instance_id="1")
    ref = azure.refs[1]
    assert azure.port.addresses([ref], one_by_one) == ({ref.vm_id: Addresses(untold=True)}, ())
    found, _ = azure.port.addresses([ref], one_by_one)
    assert found[ref.vm_id] not in {None, Addresses(untold=True)}


def test_a_size_that_is_sold_out_is_a_want_of_capacity() -> None:
    azure = Faced()
    azure.emulated.script(Fault.SOLD_OUT)
    with pytest.raises(OutOfCapacity):
        azure.port.set_capacity(3, None, within=WITHIN)


@pytest.mark.parametrize("code", list(ConflictCode))
def test_a_conflict_is_one_whatever_its_code(code: ConflictCode) -> None:
    azure = Faced(Switches(overlap=Overlap.CONFLICT, conflict_code=code))
    azure.port.deallocate(azure.refs, within=WITHIN)
    with pytest.raises(Conflict):
        azure.port.start(azure.refs, within=WITHIN)


def test_a_vm_that_is_busy_and_a_power_off_of_a_deallocated_one_are_conflicts() -> None:
    azure = Faced()
    azure.emulated.script(Fault.VM_BUSY)
    with pytest.raises(Conflict):
        azure.port.deallocate(azure.refs[:1], within=WITHIN)
    azure.port.deallocate(azure.refs, within=WITHIN)
    azure.wait(60)
    with pytest.raises(Conflict):
        azure.port.power_off(azure.refs[:1], within=WITHIN)
