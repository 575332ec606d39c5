"""Whether everything is as it should be, what is said where it is not, and how long it may take."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
import redis
from clock import ManualClock
from fakeredis import FakeRedis, FakeServer

from emulator.behaviour import Behaviour
from emulator.faults import Fault
from emulator.latencies import Latencies
from emulator.orders import OrderKind, Protection, Scale
from emulator.scale_set import EmulatedScaleSet
from emulator.vm import VmState
from scaler.model.edges import CONTROLLERS
from scaler.model.instance import ScaleSetName, VmId
from scaler.model.policy import Capacity, Policy
from scaler.model.record import Status
from scaler.registry.keys import Keys
from simulator.chaos_real.books import Books
from simulator.chaos_real.bound import bound
from simulator.chaos_real.settling import Settling
from simulator.clock import RunClock
from simulator.figures import Figures
from simulator.observer.patience import Pace

KEYS = Keys()
POLICY = Policy(capacity={ScaleSetName("vmss-pixels"): Capacity(desired=2)})
PACE = Pace(every=dict.fromkeys(CONTROLLERS, timedelta(seconds=2)))


@dataclass
class House:
    """Two machines as they should be, on both sides."""

    client: redis.Redis
    clock: ManualClock
    scale_set: EmulatedScaleSet

    @property
    def machines(self) -> tuple[VmState, ...]:
        return self.scale_set.vms

    @property
    def books(self) -> Books:
        return Books(scale_sets=[self.scale_set], client=self.client, keys=KEYS, policy=POLICY, unanswered={"crashed"})

    def write(self, vm_id: str, status: Status = Status.AVAILABLE, *, used: bool = False) -> None:
        """A record, and its place in the index."""
        key = KEYS.instance(VmId(vm_id))
        self.client.set(key, json.dumps({"vmId": vm_id, "status": status, "used": used}))
        for each in Status:
            self.client.srem(KEYS.index(each), key)
        self.client.sadd(KEYS.index(status), key)

    def let(self, minutes: int = 5) -> None:
        self.clock.advance(timedelta(minutes=minutes))


@pytest.fixture
def house() -> Iterator[House]:
    clock = ManualClock()
    scale_set = EmulatedScaleSet(clock.now, behaviour=Behaviour())
    with FakeRedis(server=FakeServer()) as client:
        made = House(client, clock, scale_set)
        scale_set.scale(Scale(capacity=2))
        made.let()
        scale_set.order(OrderKind.DEALLOCATE, ["*"])
        made.let()
        for vm in scale_set.vms:
            scale_set.protect(vm.instance_id, Protection(from_scale_in=True))
            made.write(vm.vm_id)
        made.let()
        yield made


def test_where_all_is_as_it_should_be_nothing_is_said(house: House) -> None:
    assert house.books.open_items() == ()


def test_a_machine_that_runs_is_not_settled(house: House) -> None:
    house.scale_set.order(OrderKind.START, [house.machines[0].instance_id])
    house.let()
    assert house.books.open_items() == (f"{house.machines[0].vm_id[:4]} is running",)


def test_a_machine_that_azure_works_on_is_not_settled(house: House) -> None:
    house.scale_set.order(OrderKind.START, [house.machines[0].instance_id])
    assert house.books.open_items() == (f"{house.machines[0].vm_id[:4]} is Updating",)


def test_a_machine_without_its_mark_is_not_settled(house: House) -> None:
    house.scale_set.protect(house.machines[0].instance_id, Protection(from_scale_in=False))
    house.let()
    assert house.books.open_items() == (f"{house.machines[0].vm_id[:4]} is not marked",)


def test_a_machine_without_a_record_is_not_settled(house: House) -> None:
    key = KEYS.instance(VmId(house.machines[0].vm_id))
    house.client.delete(key)
    short = house.machines[0].vm_id[:4]
    assert house.books.open_items() == (
        f"{short} has no record",
        f"{short} is in the set Available, and its record is not",
    )


def test_a_used_machine_is_not_settled_though_the_index_agrees(house: House) -> None:
    house.write(house.machines[0].vm_id, Status.UNAVAILABLE, used=True)
    assert house.books.open_items() == (f"{house.machines[0].vm_id[:4]} is Unavailable and used",)


def test_the_index_must_say_what_the_records_say(house: House) -> None:
    vm_id = house.machines[0].vm_id
    house.client.smove(KEYS.index(Status.AVAILABLE), KEYS.index(Status.RESERVED), KEYS.instance(VmId(vm_id)))
    assert set(house.books.open_items()) == {
        f"{vm_id[:4]} is in the set Reserved, and its record is not",
        f"{vm_id[:4]} is Available, and not in that set",
    }


def test_the_number_of_machines_and_the_capacity_must_be_what_is_desired(house: House) -> None:
    house.scale_set.scale(Scale(capacity=3))
    house.let()
    (first, *_) = house.books.open_items()
    assert first == "vmss-pixels has a capacity of 3 and 3 machines, not 2"


def test_a_record_outlives_its_machine_only_for_who_was_refused_or_moved(house: House) -> None:
    house.write("gone", Status.UNAVAILABLE, used=True)
    assert house.books.open_items() == ("gone is gone, and its record is there",)
    for why in ("refuse", "move"):
        house.client.set(KEYS.notes(VmId("gone")), json.dumps({"ended": {"ann": why}}))
        assert house.books.open_items() == ()
    house.client.set(KEYS.notes(VmId("gone")), json.dumps({"ended": {"ann": "release"}}))
    assert house.books.open_items() != ()


def test_a_record_that_nothing_names_is_known_and_counted_only_if_somebody_deleted_its_machine(house: House) -> None:
    vm_id = house.machines[0].vm_id
    key = KEYS.instance(VmId(vm_id))
    house.client.srem(KEYS.index(Status.AVAILABLE), key)
    assert house.books.strays() == 0
    house.scale_set.happen(Fault.DELETED_BY_SOMEBODY, vm_id)
    house.let()
    house.scale_set.scale(Scale(capacity=2))
    assert house.books.strays() == 1
    assert not [each for each in house.books.open_items() if each.startswith(vm_id[:4])]
    house.client.sadd(KEYS.index(Status.AVAILABLE), key)
    assert house.books.strays() == 0
    assert f"{vm_id[:4]} is gone, and its record is there" in house.books.open_items()


@pytest.mark.parametrize(("session", "strays"), [("crashed", 1), ("answered", 0)])
def test_a_reservation_that_nothing_names_is_nobodys_only_if_nobody_was_told_of_it(
    house: House, session: str, strays: int
) -> None:
    vm_id = house.machines[0].vm_id
    key = KEYS.instance(VmId(vm_id))
    house.client.srem(KEYS.index(Status.AVAILABLE), key)
    house.client.set(key, json.dumps({"vmId": vm_id, "status": "Reserved", "sessionId": session}))
    house.scale_set.happen(Fault.DELETED_BY_SOMEBODY, vm_id)
    house.let()
    assert house.books.strays() == strays


def test_a_record_that_nothing_names_of_a_machine_the_scaler_deleted_is_not_settled(house: House) -> None:
    vm_id = house.machines[0].vm_id
    house.client.srem(KEYS.index(Status.AVAILABLE), KEYS.instance(VmId(vm_id)))
    house.scale_set.order(OrderKind.DELETE, [house.machines[0].instance_id], by="cleaner")
    house.let()
    assert house.books.strays() == 0
    assert f"{vm_id[:4]} is gone, and its record is there" in house.books.open_items()


def test_the_most_stubborn_delete_is_counted(house: House) -> None:
    assert house.books.attempts() == 0
    house.client.set(KEYS.notes(VmId("a")), json.dumps({"delete": {"attempts": 3}}))
    house.client.set(KEYS.notes(VmId("b")), json.dumps({"delete": None}))
    assert house.books.attempts() == 3


def test_the_bound_grows_with_the_fleet_and_with_deletes_that_never_arrived() -> None:
    usual = bound(POLICY, Latencies(), PACE, 0)
    large = Policy(capacity={ScaleSetName("vmss"): Capacity(desired=200)})
    assert bound(large, Latencies(), PACE, 0) > usual
    assert bound(POLICY, Latencies(), PACE, 3) - usual == POLICY.delete_retry * 7
    assert usual > POLICY.session_limit + POLICY.reservation_timeout


def test_it_has_settled_when_the_books_say_so_twice_and_nobody_waits(house: House) -> None:
    clock, figures = ManualRunClock(), Figures()
    settling = Settling(house.books, figures, clock, timedelta(seconds=60))
    assert settling.seconds is None
    key = KEYS.instance(VmId(house.machines[0].vm_id))
    house.client.srem(KEYS.index(Status.AVAILABLE), key)
    assert asked(settling, clock) == (False, None)
    assert settling.open_items == (f"{house.machines[0].vm_id[:4]} is Available, and not in that set",)
    house.client.sadd(KEYS.index(Status.AVAILABLE), key)
    assert asked(settling, clock) == (False, None)
    assert asked(settling, clock) == (True, 2.0)


class ManualRunClock(RunClock):
    """Its seconds are set."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 0.0

    @property
    def seconds(self) -> float:
        return self.at


def asked(settling: Settling, clock: ManualRunClock) -> tuple[bool, float | None]:
    """A second later."""
    clock.at += 1.0
    return settling.done(), settling.seconds
