"""What every ScaleSet does when it is told to, and what it says when Azure does not."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from contract.scale_sets import EXACT, FLEXIBLE, House, Open

from emulator.behaviour import Fault
from emulator.orders import OrderKind, Protection
from emulator.switches import Switches
from scaler.errors import Conflict, Missing, Partly, QuotaReached, Refused, ScalerError, Throttled, Unreachable
from scaler.model.instance import InstanceRef, PowerState, ProvisioningState

MINUTE = timedelta(minutes=1)
type Order = Callable[[House, Sequence[InstanceRef], timedelta], None]


@pytest.fixture
def house(enter: Open) -> House:
    return enter()


BATCHES: dict[str, Order] = {
    "start": lambda house, refs, within: house.scale_set.start(refs, within=within),
    "power_off": lambda house, refs, within: house.scale_set.power_off(refs, within=within),
    "deallocate": lambda house, refs, within: house.scale_set.deallocate(refs, within=within),
    "delete": lambda house, refs, within: house.scale_set.delete(refs, within=within),
}
ORDERS: dict[str, Order] = BATCHES | {
    "mark": lambda house, refs, within: house.scale_set.mark(refs[0], None, within=within),
    "set_capacity": lambda house, refs, within: house.scale_set.set_capacity(len(refs) + 1, None, within=within),
}
every_batch = pytest.mark.parametrize("order", BATCHES.values(), ids=BATCHES.keys())
every_order = pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
few_or_many = pytest.mark.parametrize("count", [1, 7, 8])  # around where single orders become a batch


def powers(house: House) -> list[PowerState]:
    return [each.power for each in house.seen().values()]


@few_or_many
def test_the_named_machines_start_and_no_others(count: int, house: House) -> None:
    *named, other = house.with_resting_machines(count + 1)
    house.scale_set.start(named, within=MINUTE)
    house.later()
    running = {vm_id for vm_id, each in house.seen().items() if each.power is PowerState.RUNNING}
    assert running == {each.vm_id for each in named}
    assert other.vm_id not in running


@few_or_many
@pytest.mark.parametrize("order", ["power_off", "deallocate"])
def test_the_named_machines_stop_and_no_others(order: str, count: int, house: House) -> None:
    *named, other = house.with_machines(count + 1)
    getattr(house.scale_set, order)(named, within=MINUTE)
    house.later()
    seen = house.seen()
    stopped = PowerState.STOPPED if order == "power_off" else PowerState.DEALLOCATED
    assert {seen[each.vm_id].power for each in named} == {stopped}
    assert seen[other.vm_id].power is PowerState.RUNNING


@pytest.mark.parametrize("order", ["start", "power_off", "deallocate", "delete"])
@pytest.mark.parametrize("batches", [True, False])
def test_a_flexible_scale_set_obeys_whether_or_not_it_takes_batches(batches: bool, order: str) -> None:
    behaviour = replace(EXACT, switches=Switches(flexible_batches=batches))
    with FLEXIBLE.over_the_wire(behaviour=behaviour) as house:
        refs = house.with_resting_machines(8) if order == "start" else house.with_machines(8)
        getattr(house.scale_set, order)(refs, within=MINUTE)
        house.later()
        wanted = {
            "start": {PowerState.RUNNING},
            "power_off": {PowerState.STOPPED},
            "deallocate": {PowerState.DEALLOCATED},
            "delete": set(),
        }
        assert set(powers(house)) == wanted[order]


@few_or_many
def test_the_named_machines_are_deleted_and_the_capacity_falls_with_them(count: int, house: House) -> None:
    *named, other = house.with_machines(count + 1)
    house.scale_set.delete(named, within=MINUTE)
    house.later()
    assert house.seen().keys() == {other.vm_id}
    assert house.scale_set.view().capacity == 1


def test_a_mark_is_seen_in_the_next_listing_that_can_show_it(house: House) -> None:
    ref, other = house.with_resting_machines(2)
    house.scale_set.mark(ref, house.seen()[ref.vm_id].etag, within=MINUTE)
    house.later()
    seen = house.seen()
    assert (seen[ref.vm_id].marked, seen[other.vm_id].marked) == (True, False)
    assert seen[ref.vm_id].at_rest


def test_more_capacity_makes_new_machines(house: House) -> None:
    house.with_machines(1)
    house.scale_set.set_capacity(3, house.scale_set.view().etag, within=MINUTE)
    house.later()
    assert house.scale_set.view().capacity == 3
    assert len(house.seen()) == 3


@every_batch
def test_an_order_may_be_repeated_at_once(order: Order, house: House) -> None:
    refs = house.with_machines(2)
    order(house, refs, MINUTE)
    order(house, refs, MINUTE)


@every_order
def test_an_order_may_be_repeated_when_it_is_done(order: Order, house: House) -> None:
    refs = house.with_machines(2)
    order(house, refs, MINUTE)
    house.later()
    order(house, refs, MINUTE)


@every_batch
def test_no_machines_is_never_all_machines(order: Order, house: House) -> None:
    house.with_machines(2)
    with pytest.raises(ValueError, match="no"):
        order(house, [], MINUTE)
    house.later()
    assert powers(house) == [PowerState.RUNNING] * 2


@every_batch
def test_an_order_hits_whoever_is_behind_the_id_by_then(order: Order, uniform: House) -> None:
    house = uniform
    (old,) = house.with_machines(1)
    house.order(OrderKind.DELETE, old)
    house.later()
    (new,) = house.with_machines(1)
    before = house.emulated.find(new.vm_id)
    order(house, [old], MINUTE)
    assert house.emulated.find(new.vm_id) != before


def test_a_mark_with_an_old_etag_is_a_conflict(house: House) -> None:
    (ref,) = house.with_resting_machines(1)
    etag = house.seen()[ref.vm_id].etag
    house.emulated.protect(ref.instance_id, Protection(from_scale_in=False, from_actions=True), by="operator")
    house.later()
    with pytest.raises(Conflict):
        house.scale_set.mark(ref, etag, within=MINUTE)
    house.later()
    assert not house.seen()[ref.vm_id].marked


def test_a_capacity_with_an_old_etag_is_a_conflict(house: House) -> None:
    etag = house.scale_set.view().etag
    house.with_machines(2)
    with pytest.raises(Conflict):
        house.scale_set.set_capacity(5, etag, within=MINUTE)
    assert house.emulated.capacity == 2


def test_a_start_with_a_dead_id_names_it_and_may_be_repeated_without_it(house: House) -> None:
    gone, left = house.with_resting_machines(2)
    house.order(OrderKind.DELETE, gone)
    house.later()
    with pytest.raises((Missing, Partly)) as raised:
        house.scale_set.start([gone, left], within=MINUTE)
    error = raised.value
    missing = error.failures[gone.instance_id] if isinstance(error, Partly) else error
    assert isinstance(missing, Missing)
    assert missing.instance_ids == (gone.instance_id,)
    house.scale_set.start([left], within=MINUTE)
    house.later()
    assert powers(house) == [PowerState.RUNNING]


def test_a_batch_with_a_dead_id_starts_nothing(uniform: House) -> None:
    gone, left = uniform.with_resting_machines(2)
    uniform.order(OrderKind.DELETE, gone)
    uniform.later()
    with pytest.raises(Missing):
        uniform.scale_set.start([gone, left], within=MINUTE)
    uniform.later()
    assert powers(uniform) == [PowerState.DEALLOCATED]


def test_a_start_of_a_machine_on_its_way_out_names_it(house: House) -> None:
    (ref,) = house.with_resting_machines(1)
    house.scale_set.delete([ref], within=MINUTE)
    with pytest.raises(Missing) as missing:
        house.scale_set.start([ref], within=MINUTE)
    assert missing.value.instance_ids == (ref.instance_id,)


@pytest.mark.parametrize("order", ["power_off", "deallocate"])
def test_a_stop_of_a_dead_id_names_it(order: str, house: House) -> None:
    (gone,) = house.with_machines(1)
    house.scale_set.delete([gone], within=MINUTE)
    house.later()
    with pytest.raises(Missing) as missing:
        getattr(house.scale_set, order)([gone], within=MINUTE)
    assert missing.value.instance_ids == (gone.instance_id,)


def test_a_mark_of_a_dead_id_is_missing(house: House) -> None:
    (gone,) = house.with_machines(1)
    house.scale_set.delete([gone], within=MINUTE)
    house.later()
    with pytest.raises(Missing):
        house.scale_set.mark(gone, None, within=MINUTE)


@pytest.mark.parametrize("dead", [1, 3, 7, 9])
def test_a_delete_with_dead_ids_deletes_the_others(dead: int, house: House) -> None:
    refs = house.with_machines(9)
    house.scale_set.delete(refs[:dead], within=MINUTE)
    house.later()
    house.scale_set.delete(refs, within=MINUTE)
    house.later()
    assert house.seen() == {}


@every_order
@pytest.mark.parametrize(
    ("fault", "error"),
    [(Fault.WRITE_THROTTLED, Throttled), (Fault.WRITE_FAILED, Unreachable), (Fault.WRITE_CONFLICT, Conflict)],
)
def test_an_order_that_azure_turns_away_says_why_and_may_be_given_again(
    order: Order, fault: Fault, error: type[ScalerError], house: House
) -> None:
    refs = house.with_machines(1)
    house.emulated.script(fault)
    with pytest.raises(error) as raised:
        order(house, refs, MINUTE)
    if isinstance(raised.value, Throttled):
        assert timedelta(0) < raised.value.retry_after <= MINUTE
        house.later(raised.value.retry_after)
    order(house, refs, MINUTE)


def test_a_start_beyond_the_quota_says_so(house: House) -> None:
    refs = house.with_resting_machines(1)
    house.emulated.script(Fault.START_REFUSED)
    with pytest.raises(QuotaReached):
        house.scale_set.start(refs, within=MINUTE)


def test_a_capacity_beyond_the_quota_says_so(house: House) -> None:
    house.emulated.limit(cores=2 * 36)
    with pytest.raises(QuotaReached):
        house.scale_set.set_capacity(3, None, within=MINUTE)


@pytest.mark.parametrize(("fault", "error"), [(Fault.MARK_CONFLICT, Conflict), (Fault.MARK_REFUSED, Refused)])
def test_a_mark_that_azure_turns_away_says_why(fault: Fault, error: type[ScalerError], house: House) -> None:
    (ref,) = house.with_resting_machines(1)
    house.emulated.script(fault)
    with pytest.raises(error):
        house.scale_set.mark(ref, None, within=MINUTE)
    house.later()
    assert not house.seen()[ref.vm_id].marked


@pytest.mark.parametrize("wanted", [1, 2, 3, 4])
def test_without_an_etag_no_capacity_is_lowered(wanted: int, house: House) -> None:
    house.with_machines(3)
    if wanted < 3:
        with pytest.raises(Conflict):
            house.scale_set.set_capacity(wanted, None, within=MINUTE)
    else:
        house.scale_set.set_capacity(wanted, None, within=MINUTE)
    house.later()
    assert house.emulated.capacity == max(3, wanted)


@every_order
@pytest.mark.parametrize("fault", [Fault.ORDER_LOST, Fault.ORDER_LATE, Fault.ANSWER_LOST])
def test_an_order_without_an_answer_is_unreachable(order: Order, fault: Fault, house: House) -> None:
    refs = house.with_machines(1)
    house.emulated.script(fault)
    with pytest.raises(Unreachable):
        order(house, refs, MINUTE)


def test_an_order_whose_answer_was_lost_has_arrived(house: House) -> None:
    refs = house.with_resting_machines(1)
    house.emulated.script(Fault.ANSWER_LOST)
    with pytest.raises(Unreachable):
        house.scale_set.start(refs, within=MINUTE)
    house.later()
    assert powers(house) == [PowerState.RUNNING]


def test_a_late_order_arrives_after_its_caller_gave_up(house: House) -> None:
    refs = house.with_resting_machines(1)
    house.emulated.script(Fault.ORDER_LATE)
    with pytest.raises(Unreachable):
        house.scale_set.start(refs, within=MINUTE)
    assert powers(house) == [PowerState.DEALLOCATED]
    house.later()
    assert powers(house) == [PowerState.RUNNING]


@every_order
def test_an_order_that_takes_longer_than_its_time_is_given_up(order: Order, enter: Open) -> None:
    house = enter(behaviour=replace(EXACT, latencies=replace(EXACT.latencies, accept=(90.0, 90.0))))
    refs = house.with_machines(1)
    with pytest.raises(Unreachable):
        order(house, refs, timedelta(seconds=0.2))


def test_a_machine_that_is_being_started_is_updating(house: House) -> None:
    refs = house.with_resting_machines(1)
    house.scale_set.start(refs, within=MINUTE)
    house.later(timedelta(seconds=5))
    (starting,) = house.seen().values()
    assert (starting.provisioning, starting.at_rest) == (ProvisioningState.UPDATING, False)
