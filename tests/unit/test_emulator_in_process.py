"""The emulated scale set behind the scaler's port."""

from datetime import timedelta

import pytest
from clock import ManualClock

from emulator.behaviour import Behaviour, Fault, Faults, Latencies
from emulator.history import What
from emulator.in_process import InProcessScaleSet
from emulator.orders import OrderKind, Scale
from emulator.region import Orchestration, Profile
from emulator.scale_set import EmulatedScaleSet
from emulator.switches import ConflictCode, Overlap, Switches
from scaler.errors import Conflict, Missing, OutOfCapacity, QuotaReached, Refused, ScalerError, Throttled, Unreachable
from scaler.model.instance import Addresses, InstanceId, InstanceRef, PowerState
from scaler.model.sighting import Pause
from scaler.ports import ScaleSet

WITHIN = timedelta(seconds=30)


class Azure:
    """A scale set with two running VMs, and a face of it."""

    def __init__(
        self, latencies: Latencies | None = None, switches: Switches | None = None, profile: Profile | None = None
    ) -> None:
        self.clock = ManualClock()
        behaviour = Behaviour(latencies=latencies or Latencies().exact(), switches=switches or Switches())
        self.emulated = EmulatedScaleSet(self.clock.now, name="VMSS-Pixels", behaviour=behaviour, profile=profile)
        self.face = InProcessScaleSet(self.emulated, self.clock, caller="starter", page_size=10)
        self.port: ScaleSet = self.face
        self.emulated.scale(Scale(capacity=2))
        self.wait(600)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(timedelta(seconds=seconds))

    @property
    def refs(self) -> list[InstanceRef]:
        """All instances, as listed."""
        return [each.ref for each in self.port.list_instances().instances]


def test_a_view_says_what_the_port_wants_to_know() -> None:
    azure = Azure()
    view = azure.port.view()
    assert (view.name, view.capacity, view.managed_by) == ("vmss-pixels", 2, "true")
    assert view.unique_id == azure.emulated.set_state.unique_id
    assert view.sent == azure.clock.monotonic()


def test_a_remembered_view_serves_as_long_as_it_is_young_enough() -> None:
    azure = Azure()
    first = azure.port.view()
    azure.wait(60)
    assert azure.port.view(no_older_than=timedelta(seconds=60)) is first
    assert azure.port.view(no_older_than=timedelta(seconds=59)) is not first
    azure.port.view()
    assert azure.face.calls["view"] == 3


def test_a_listing_is_complete_and_counts_its_pages() -> None:
    azure = Azure(switches=Switches(vm_id_at_once=False))
    azure.emulated.scale(Scale(capacity=25))
    pages = azure.port.list_instances()
    assert (len(pages.instances), pages.unidentified, pages.requests) == (2, 23, 3)
    assert azure.face.calls["list"] == 3


def test_the_date_has_whole_seconds() -> None:
    azure = Azure()
    azure.wait(0.7)
    assert azure.port.view().at.microsecond == 0
    assert azure.port.list_instances().at.microsecond == 0


def test_a_get_of_what_is_gone_is_an_answer() -> None:
    azure = Azure()
    ref = azure.refs[0]
    azure.port.delete([ref], within=WITHIN)
    azure.wait(60)
    assert azure.port.get(ref).found is None
    azure.emulated.scale(Scale(capacity=2))
    answer = azure.port.get(ref)
    assert answer.found is not None
    assert answer.instance is None


def test_orders_do_what_they_say_and_are_written_under_their_caller() -> None:
    azure = Azure()
    azure.port.power_off([azure.refs[0]], within=WITHIN)
    azure.port.deallocate([azure.refs[1]], within=WITHIN)
    azure.wait(60)
    assert [each.power for each in azure.emulated.vms] == [PowerState.STOPPED, PowerState.DEALLOCATED]
    azure.port.start(azure.refs, within=WITHIN)
    azure.wait(120)
    assert [each.power for each in azure.emulated.vms] == [PowerState.RUNNING] * 2
    ordered = [each for each in azure.emulated.history if each.what is What.START_ORDERED]
    assert {each.by for each in ordered} == {"starter"}


def test_an_order_for_nobody_is_an_error_and_no_order_for_all() -> None:
    azure = Azure()
    with pytest.raises(ValueError, match="of all"):
        azure.port.deallocate([], within=WITHIN)


def test_a_mark_is_seen_in_the_next_listing() -> None:
    azure = Azure()
    instance = azure.port.list_instances().instances[0]
    azure.port.mark(instance.ref, instance.etag, within=WITHIN)
    assert azure.port.list_instances().instances[0].marked
    with pytest.raises(Conflict):
        azure.port.mark(instance.ref, instance.etag, within=WITHIN)


def test_a_capacity_is_set_only_over_the_etag_that_was_read() -> None:
    azure = Azure()
    view = azure.port.view()
    azure.port.set_capacity(3, view.etag, within=WITHIN)
    assert azure.port.view(no_older_than=timedelta(minutes=1)).capacity == 3
    with pytest.raises(Conflict):
        azure.port.set_capacity(4, view.etag, within=WITHIN)


def test_a_delete_of_what_is_gone_is_done_and_the_others_go_too() -> None:
    azure = Azure()
    first, second = azure.refs
    azure.port.delete([first], within=WITHIN)
    azure.wait(60)
    azure.port.delete([first, second], within=WITHIN)
    azure.wait(60)
    azure.port.delete([first, second], within=WITHIN)
    assert azure.emulated.vms == ()


def test_a_start_of_what_is_gone_names_it() -> None:
    azure = Azure()
    refs = azure.refs
    azure.port.delete(refs[:1], within=WITHIN)
    azure.wait(60)
    with pytest.raises(Missing) as missing:
        azure.port.start(refs, within=WITHIN)
    assert missing.value.instance_ids == (InstanceId("0"),)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.WRITE_THROTTLED, Throttled),
        (Fault.WRITE_FAILED, Unreachable),
        (Fault.WRITE_CONFLICT, Conflict),
        (Fault.ORDER_LATE, Unreachable),
        (Fault.ORDER_LOST, Unreachable),
        (Fault.ANSWER_LOST, Unreachable),
        (Fault.START_REFUSED, QuotaReached),
    ],
)
def test_what_goes_wrong_is_named_by_what_to_do_about_it(fault: Fault, error: type[ScalerError]) -> None:
    azure = Azure()
    refs = azure.refs
    azure.emulated.script(fault)
    with pytest.raises(error):
        azure.port.start(refs, within=WITHIN)


def test_a_refused_mark_says_no_and_a_throttled_read_says_when() -> None:
    azure = Azure()
    ref = azure.refs[0]
    azure.emulated.script(Fault.MARK_REFUSED)
    with pytest.raises(Refused):
        azure.port.mark(ref, None, within=WITHIN)
    azure.emulated.faults = Faults(retry_after=(9, 9))
    azure.emulated.script(Fault.READ_THROTTLED)
    with pytest.raises(Throttled) as throttled:
        azure.port.list_instances()
    assert throttled.value.retry_after == timedelta(seconds=9)


def test_answers_take_their_time_and_an_order_is_given_up_in_time() -> None:
    azure = Azure(latencies=Latencies(accept=(2, 2)))
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
    azure = Azure()
    other = InProcessScaleSet(azure.emulated, azure.clock, caller="cleaner")
    other.delete(azure.refs, within=WITHIN)
    assert azure.port.view().capacity == 0
    assert (azure.face.calls["delete"], other.calls["delete"]) == (0, 1)
    assert azure.emulated.order(OrderKind.DELETE, ["0"]).ended is None


def test_addresses_are_told_by_instance_in_one_look_of_two_listings() -> None:
    azure = Azure()
    first, second = azure.emulated.vms
    assert azure.port.addresses() == {
        InstanceId(each.instance_id): Addresses(public=each.public_ip, private=each.private_ip)
        for each in (first, second)
    }
    assert azure.face.calls["addresses"] == 2
    azure.emulated.scale(Scale(capacity=11))  # two pages
    azure.port.addresses()
    assert azure.face.calls["addresses"] == 2 + 4


def test_without_public_ips_one_listing_is_enough() -> None:
    azure = Azure(profile=Profile(public_ips=False))
    assert set(azure.port.addresses().values()) == {Addresses(private="10.0.0.4"), Addresses(private="10.0.0.5")}
    assert azure.face.calls["addresses"] == 1


def test_a_public_address_that_the_list_of_them_lacks_is_untold() -> None:
    azure = Azure()
    azure.emulated.script(Fault.ADDRESS_MISSING, instance_id="1")
    assert azure.port.addresses()[InstanceId("1")] == Addresses(untold=True)
    assert not azure.port.addresses()[InstanceId("1")].untold


def test_a_look_for_addresses_may_be_throttled() -> None:
    azure = Azure()
    azure.emulated.script(Fault.READ_THROTTLED)
    with pytest.raises(Throttled):
        azure.port.addresses()


@pytest.mark.parametrize(
    ("tags", "pause"),
    [
        ({}, Pause.NONE),
        ({"scaler:paused": "false"}, Pause.NONE),
        ({"scaler:paused": "true"}, Pause.ORDERS),
        ({"Scaler:Paused": "ALL"}, Pause.ALL),
        ({"scaler:paused": "because of the fair"}, Pause.ORDERS),
    ],
)
def test_a_tag_says_how_far_an_operator_has_paused_us(tags: dict[str, str], pause: Pause) -> None:
    azure = Azure()
    azure.emulated.tag(**tags)
    assert azure.port.view().pause is pause


def test_machines_of_a_flexible_scale_set_are_ordered_one_by_one_and_deleted_together() -> None:
    azure = Azure(profile=Profile(orchestration=Orchestration.FLEXIBLE))
    azure.port.deallocate(azure.refs, within=WITHIN)
    azure.wait(600)
    assert [each.power for each in azure.emulated.vms] == [PowerState.DEALLOCATED] * 2
    azure.port.delete(azure.refs, within=WITHIN)
    azure.wait(600)
    assert azure.emulated.vms == ()
    assert (azure.face.calls["deallocate"], azure.face.calls["delete"]) == (2, 1)


def test_a_size_that_is_sold_out_is_a_want_of_capacity() -> None:
    azure = Azure()
    azure.emulated.script(Fault.SOLD_OUT)
    with pytest.raises(OutOfCapacity):
        azure.port.set_capacity(3, None, within=WITHIN)


@pytest.mark.parametrize("code", list(ConflictCode))
def test_a_conflict_is_one_whatever_its_code(code: ConflictCode) -> None:
    azure = Azure(switches=Switches(overlap=Overlap.CONFLICT, conflict_code=code))
    azure.port.deallocate(azure.refs, within=WITHIN)
    with pytest.raises(Conflict):
        azure.port.start(azure.refs, within=WITHIN)


def test_a_vm_that_azure_is_busy_with_is_a_conflict() -> None:
    azure = Azure()
    azure.emulated.script(Fault.VM_BUSY)
    with pytest.raises(Conflict):
        azure.port.deallocate(azure.refs[:1], within=WITHIN)


def test_a_power_off_of_what_is_deallocated_is_a_conflict() -> None:
    azure = Azure()
    azure.port.deallocate(azure.refs, within=WITHIN)
    azure.wait(60)
    with pytest.raises(Conflict):
        azure.port.power_off(azure.refs[:1], within=WITHIN)
