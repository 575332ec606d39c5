"""What every ScaleSet shows, and what it raises when Azure shows nothing."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from contract.scale_sets import EXACT, House, Open

from emulator.behaviour import Fault
from emulator.orders import OrderKind, Scale
from emulator.switches import Switches
from scaler.errors import ScalerError, Throttled, Unreachable
from scaler.model.instance import (
    FailureClass,
    HealthState,
    InstanceId,
    InstanceRef,
    PowerState,
    ProvisioningState,
    ScaleSetName,
)
from scaler.model.sighting import Pause, Source, Tag
from scaler.ports import one_by_one

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def house(enter: Open) -> House:
    return enter()


def test_the_view_tells_consent_capacity_identity_and_when(house: House) -> None:
    house.with_machines(2)
    view = house.scale_set.view()
    assert (view.name, view.capacity, view.managed_by) == (ScaleSetName("vmss-pixels"), 2, "true")
    assert view.unique_id == house.emulated.set_state.unique_id
    assert (view.at, view.sent) == (house.clock.now(), house.clock.monotonic())


def test_without_the_tag_there_is_no_consent(house: House) -> None:
    house.emulated.tag(owner="somebody")
    assert house.scale_set.view().managed_by is None


def test_a_remembered_view_serves_as_long_as_the_caller_allows(house: House) -> None:
    first = house.scale_set.view()
    house.later(MINUTE)
    assert house.scale_set.view(no_older_than=MINUTE) == first
    house.later(SECOND)
    assert house.scale_set.view(no_older_than=MINUTE) != first


def test_a_view_is_fresh_unless_the_caller_allows_otherwise(house: House) -> None:
    house.scale_set.view()
    house.emulated.scale(Scale(capacity=3), by="operator")
    assert house.scale_set.view().capacity == 3


def test_a_listing_has_every_machine_of_every_page(enter: Open) -> None:
    house = enter(page_size=2)
    refs = house.with_machines(5)
    pages = house.scale_set.list_instances()
    assert {each.ref for each in pages.instances} == set(refs)
    assert (pages.requests, pages.unidentified, pages.scale_set) == (3 * house.lists, 0, house.scale_set.name)
    assert (pages.at, pages.sent) == (house.clock.now(), house.clock.monotonic())


def test_a_listing_shows_the_health_unless_the_orchestration_is_flexible_and_a_get_always_does(house: House) -> None:
    (ref,) = house.with_machines(1)
    house.later()
    (row,), found = house.scale_set.list_instances().instances, house.scale_set.get(ref).found
    assert found is not None
    assert found.health is not None
    assert (found.health.state, found.health.said) == (HealthState.HEALTHY, '{"reason": "ready", "players": 0}')
    assert found.health.at is not None
    assert found.health.at < house.clock.now() - MINUTE
    assert row.health == (None if house.emulated.flexible else found.health)


def test_an_empty_scale_set_is_an_empty_listing(house: House) -> None:
    pages = house.scale_set.list_instances()
    assert (pages.instances, pages.requests) == ((), house.lists)


def test_a_machine_is_followed_through_its_life(house: House) -> None:
    house.emulated.scale(Scale(capacity=1), by="operator")
    house.later(SECOND)
    (new,) = house.seen().values()
    assert (new.power, new.provisioning, new.marked) == (PowerState.UNKNOWN, ProvisioningState.CREATING, False)
    house.later()
    (running,) = house.seen().values()
    assert (running.power, running.provisioning) == (PowerState.RUNNING, ProvisioningState.SUCCEEDED)
    house.order(OrderKind.DEALLOCATE, running.ref)
    house.later(SECOND)
    (stopping,) = house.seen().values()
    assert (stopping.power, stopping.provisioning) == (PowerState.DEALLOCATING, ProvisioningState.UPDATING)
    house.later()
    (resting,) = house.seen().values()
    assert resting.at_rest
    house.order(OrderKind.DELETE, resting.ref)
    house.later(SECOND)
    assert [each.provisioning for each in house.seen().values()] == [ProvisioningState.DELETING]
    house.later()
    assert house.seen() == {}


def test_a_machine_that_could_not_be_allocated_says_so(house: House) -> None:
    house.emulated.script(Fault.CREATE_ALLOCATION)
    house.with_machines(1)
    (failed,) = house.seen().values()
    assert (failed.power, failed.provisioning) == (PowerState.UNKNOWN, ProvisioningState.FAILED)
    assert failed.failure is FailureClass.ALLOCATION


def test_a_machine_beyond_the_quota_says_so(house: House) -> None:
    house.emulated.script(Fault.CREATE_QUOTA)
    house.with_machines(1)
    (failed,) = house.seen().values()
    assert failed.failure is FailureClass.QUOTA


def test_a_missing_power_state_is_unknown(house: House) -> None:
    house.with_machines(1)
    house.emulated.script(Fault.POWER_STATE_MISSING, times=house.lists)
    assert [each.power for each in house.seen().values()] == [PowerState.UNKNOWN]


@pytest.mark.parametrize(
    ("switches", "prepare"),
    [
        (Switches(vm_id_at_once=False), lambda house: house.emulated.scale(Scale(capacity=1), by="operator")),
        (
            Switches(deleting_rows_lose_id=True),
            lambda house: house.order(OrderKind.DELETE, *house.with_machines(1)),
        ),
    ],
)
def test_rows_that_do_not_say_who_they_are_are_counted(
    switches: Switches, prepare: Callable[[House], Any], enter: Open
) -> None:
    house = enter(behaviour=replace(EXACT, switches=switches))
    prepare(house)
    house.later(SECOND)
    pages = house.scale_set.list_instances()
    assert (pages.instances, pages.unidentified) == ((), 1)
    assert pages.nameless <= {house.emulated.vms[0].instance_id}


def test_a_targeted_get_finds_what_is_behind_the_id(house: House) -> None:
    (ref,) = house.with_machines(1)
    answer = house.scale_set.get(ref)
    assert answer.instance is not None
    assert (answer.instance.ref, answer.instance.power) == (ref, PowerState.RUNNING)
    assert (answer.asked, answer.at, answer.sent) == (ref, house.clock.now(), house.clock.monotonic())


def test_a_get_shows_the_same_as_a_listing(house: House) -> None:
    (ref,) = house.with_resting_machines(1)
    house.scale_set.mark(ref, None, within=MINUTE)
    house.later()
    found, listed = house.scale_set.get(ref).found, house.seen()[ref.vm_id]
    assert found is not None
    assert replace(found, health=None) == replace(listed, health=None)  # which a Flexible listing leaves out


def test_a_404_is_an_answer(house: House) -> None:
    (ref,) = house.with_machines(1)
    house.order(OrderKind.DELETE, ref)
    house.later()
    answer = house.scale_set.get(ref)
    assert (answer.found, answer.instance, answer.at) == (None, None, house.clock.now())


def test_behind_a_reused_id_there_is_somebody_else(uniform: House) -> None:
    house = uniform
    (old,) = house.with_machines(1)
    house.order(OrderKind.DELETE, old)
    house.later()
    (new,) = house.with_machines(1)
    answer = house.scale_set.get(old)
    assert old.instance_id == new.instance_id
    assert answer.found is not None
    assert (answer.found.ref, answer.instance) == (new, None)


@pytest.mark.parametrize(
    ("value", "pause"),
    [("false", Pause.NONE), ("", Pause.ORDERS), ("true", Pause.ORDERS), ("ALL", Pause.ALL), ("for now", Pause.ORDERS)],
)
def test_the_view_tells_how_far_an_operator_has_paused_it(value: str, pause: Pause, house: House) -> None:
    assert house.scale_set.view().pause is Pause.NONE
    house.emulated.tag(**{"scaler:managed": "true", "Scaler:Paused": value})
    view = house.scale_set.view()
    assert (view.pause, view.managed_by) == (pause, "true")


def test_every_machine_is_told_its_addresses_and_no_two_have_the_same(enter: Open) -> None:
    house = enter(page_size=2)
    refs = house.with_machines(5)
    found = house.addresses(*refs)
    assert found.keys() == {each.vm_id for each in refs}
    private, public = ({getattr(each, which) for each in found.values()} for which in ("private", "public"))
    assert len(private) == len(public) == 5
    assert all(ip_address(each).is_private for each in private)
    assert private.isdisjoint(public)
    assert None not in public


def test_machines_are_told_the_same_addresses_one_by_one_as_all_together(enter: Open) -> None:
    house = enter(page_size=2)
    refs = house.with_machines(5)
    house.scale_set.view()  # so many machines, and as many pages
    together = house.addresses(*refs)
    assert [house.addresses(ref) for ref in refs] == [{ref.vm_id: together[ref.vm_id]} for ref in refs]


def test_without_public_addresses_there_are_private_ones(enter: Open) -> None:
    house = enter(public_ips=False)
    (ref,) = house.with_machines(1)
    found = house.addresses(ref)[ref.vm_id]
    assert found is not None
    assert (found.public, found.private is None, found.untold) == (None, False, False)


@pytest.mark.parametrize("survives", [True, False])
@pytest.mark.parametrize("listed", [True, False])
def test_a_machine_that_was_started_again_is_told_the_addresses_it_has_now(
    survives: bool, listed: bool, enter: Open
) -> None:
    switches = Switches(public_ip_survives_deallocation=survives, unallocated_public_ips_listed=listed)
    house = enter(behaviour=replace(EXACT, switches=switches))
    (ref,) = house.with_machines(1)
    before = house.addresses(ref)[ref.vm_id]
    assert before is not None
    house.order(OrderKind.DEALLOCATE, ref)
    house.later()
    resting = house.addresses(ref)[ref.vm_id]
    assert resting == (before if survives else replace(before, public=None, untold=True))
    house.order(OrderKind.START, ref)
    house.later()
    after = house.addresses(ref)[ref.vm_id]
    assert after is not None
    assert (after.private, after.public is None) == (before.private, False)
    assert (after.public == before.public) is survives


def test_a_machine_that_is_gone_has_no_addresses(house: House) -> None:
    gone, left = house.with_machines(2)
    house.order(OrderKind.DELETE, gone)
    house.later()
    assert house.addresses(gone, left).keys() == {left.vm_id}
    found, _ = house.scale_set.addresses([gone], one_by_one)  # over the wire, the 404 is told as well
    assert found == {}


LOOKS: dict[str, Callable[[House, InstanceRef], object]] = {
    "view": lambda house, _: house.scale_set.view(),
    "listing": lambda house, _: house.scale_set.list_instances(),
    "get": lambda house, ref: house.scale_set.get(ref),
    "addresses": lambda house, ref: house.scale_set.addresses([ref], one_by_one),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS.keys())
@pytest.mark.parametrize(("fault", "error"), [(Fault.READ_THROTTLED, Throttled), (Fault.READ_FAILED, Unreachable)])
def test_a_look_that_fails_says_how_and_the_next_one_works(
    look: Callable[[House, InstanceRef], object], fault: Fault, error: type[ScalerError], house: House
) -> None:
    (ref,) = house.with_machines(1)
    house.emulated.script(fault)
    with pytest.raises(error) as raised:
        look(house, ref)
    if isinstance(raised.value, Throttled):
        assert timedelta(0) < raised.value.retry_after <= MINUTE
        house.later(raised.value.retry_after)
    look(house, ref)


def test_a_scale_set_that_is_looked_at_too_often_throttles(enter: Open) -> None:
    house = enter(behaviour=replace(EXACT, metered=True))
    with pytest.raises(Throttled):
        deque((house.scale_set.list_instances() for _ in range(100)), maxlen=0)
    house.later(MINUTE)
    house.scale_set.list_instances()


def test_a_ref_made_elsewhere_is_looked_up_by_its_id_alone(house: House) -> None:
    (ref,) = house.with_machines(1)
    stranger = replace(ref, instance_id=InstanceId("77"))
    assert house.scale_set.get(stranger).found is None


def test_the_view_has_the_tags_of_the_scale_set_and_the_group_its_own(house: House) -> None:
    house.emulated.region.group_tags = {"TOTAL_NODES": "6", "Scaler:Min": "2", "scaler:paused": "all", "other": "x"}
    house.emulated.tag(**{"scaler:managed": "true", "scaler:min": "3"})
    view, group = house.scale_set.view(), house.scale_set.group_tags()
    assert (view.tags, view.pause) == ({"scaler:min": Tag("3")}, Pause.NONE)
    assert group.tags == {"total_nodes": Tag("6", Source.GROUP), "scaler:min": Tag("2", Source.GROUP)}
    assert group.pause is Pause.ALL
