"""One tick: its order, what survives when a part of the world is away, what is remembered, and what is too late."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import pytest
from tick_house import NAME, House

from emulator.behaviour import Fault
from emulator.in_process import InProcessScaleSet
from emulator.orders import Scale
from emulator.redis.memory import MemoryRegistry
from scaler.actuate import Result, actuate
from scaler.errors import Garbled, Unreachable
from scaler.model.edges import Actor
from scaler.model.fleet import Cloud
from scaler.model.instance import InstanceRef, ScaleSetName, SessionId, VmId
from scaler.model.lifecycle import Change
from scaler.model.plan import Delete, Listing, Mark, SetCapacity
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Row, Snapshot, Status
from scaler.model.sighting import Answer, Pages
from scaler.observe import AzureObserver, Targets
from scaler.registry.reservations import Stage

SECOND_SET, SESSION = ScaleSetName("vmss-second"), SessionId("s")


class DeafRegistry(MemoryRegistry):
    """Redis is away."""

    def read(self) -> Snapshot:
        raise Unreachable("Redis does not answer")


def test_redis_is_read_before_azure_and_nothing_happens_when_it_is_away() -> None:
    house = House()
    house.registry = DeafRegistry(house.clock.now)
    with pytest.raises(Unreachable):
        house.tick(Actor.RECONCILER).run()
    assert sum(house.face.calls.values()) == 0


def test_when_azure_is_away_nothing_changes_and_the_next_tick_works() -> None:
    house = House().rested()
    house.azure.script(Fault.READ_FAILED)
    tick = house.tick(Actor.RECONCILER)
    before = house.registry.keyspace.snapshot_state()
    with pytest.raises(Unreachable):
        tick.run()
    assert house.registry.keyspace.snapshot_state() == before
    assert len(tick.run().outcomes) == 1


class RegistryThatDropsAWrite(MemoryRegistry):
    """Redis was away for a moment, right when something was to be written."""

    drops = 0

    def apply(self, changes: Sequence[Change], *, good_until: datetime | None = None) -> tuple[Row | None, ...]:
        if self.drops:
            self.drops -= 1
            raise Unreachable("Redis does not answer")
        return super().apply(changes, good_until=good_until)


@pytest.mark.parametrize("notes_lost", [0, 1])
def test_a_key_that_died_in_a_queue_managers_hands_is_found_though_its_machine_is_gone(notes_lost: int) -> None:
    house = House().rested()
    registry = house.registry = RegistryThatDropsAWrite(house.clock.now)
    tick = house.tick(Actor.RECONCILER)
    house.run(12, tick)
    assert registry.keyspace.spop(registry.keys.index(Status.AVAILABLE)) is not None  # and the queue manager dies
    house.azure.happen(Fault.DELETED_BY_SOMEBODY, house.azure.vms[0].vm_id)
    house.later(minutes=2)
    registry.drops = notes_lost
    for _ in range(notes_lost):
        with pytest.raises(Unreachable):
            tick.run()
    house.run(6, tick)
    assert not registry.keyspace.snapshot_state().strings


def test_planning_is_free() -> None:
    house = House()
    plan = house.tick(Actor.PROVISIONER).plan().plan
    assert [type(step.order) for step in plan.steps] == [SetCapacity]
    assert house.azure.capacity == 0


def test_the_provisioner_never_touches_the_registry() -> None:
    house = House()
    house.run(30, house.tick(Actor.PROVISIONER), seconds=20)
    assert house.azure.capacity == 2
    assert not house.registry.keyspace.snapshot_state().strings


def test_a_capacity_that_azure_lost_is_patched_again_once_in_ten_minutes() -> None:
    house = House()
    house.azure.script(Fault.CREATE_LOST, times=None)
    tick = house.tick(Actor.PROVISIONER)
    patches = 0
    for _ in range(25):
        patches += sum(isinstance(each.step.order, SetCapacity) for each in tick.run().outcomes)
        house.later(minutes=1)
    assert patches == 3  # once to create, then after ten minutes, then after another ten


class Mumbling(InProcessScaleSet):
    """Talks nonsense about one machine."""

    def get(self, ref: InstanceRef) -> Answer:
        if ref.instance_id == "0":
            raise Garbled("an answer without a vmId")
        return super().get(ref)


def test_a_machine_of_which_azure_talks_nonsense_does_not_hide_the_others() -> None:
    house = House().rested(2)
    refs = tuple(each.ref for each in house.face.list_instances().instances)
    eyes = AzureObserver(house.doors(Mumbling), house.clock, house.policy)
    cloud, errors = eyes.look(Cloud(), Targets(refs=refs))
    assert set(cloud.instances) == {refs[1].vm_id}
    assert [type(each) for each in errors] == [Garbled]
    assert eyes.look(Cloud(), Targets(refs=refs[:1]))[0] == Cloud()  # and a tick without it is a tick all the same


def test_the_cleaner_lists_no_more_often_than_it_may() -> None:
    house = House()
    eyes = AzureObserver(house.faces, house.clock, house.policy)
    assert eyes.look(Cloud(), Listing(urgent=False))[0].listings
    house.later(seconds=29)
    assert eyes.look(Cloud(), Listing(urgent=False))[0].unlisted == {NAME}
    assert eyes.look(Cloud(), Listing())[0].listings
    house.later(seconds=30)
    assert eyes.look(Cloud(), Listing(urgent=False))[0].listings


class Silent(InProcessScaleSet):
    """No targeted GET is answered."""

    asked = 0

    def get(self, ref: InstanceRef) -> Answer:
        self.asked += 1
        raise Unreachable("silence")


def test_what_nobody_answered_is_not_asked_again_in_the_same_tick() -> None:
    house = House()
    house.azure.scale(Scale(capacity=2), by="operator")
    house.later(minutes=5)
    silent = house.doors(Silent)[NAME]
    house.tick(Actor.PROVISIONER).run()
    assert silent.asked == 1


def test_the_machines_of_a_scale_set_that_was_away_for_a_tick_are_remembered() -> None:
    house = House(Policy(capacity={NAME: Capacity(desired=0), SECOND_SET: Capacity(desired=1)})).rested()
    tick, other = house.tick(Actor.RECONCILER), house.azures[SECOND_SET]
    house.run(8, tick)
    keys, (vm,) = house.registry.keys, other.vms
    key = keys.instance(VmId(vm.vm_id))
    assert house.registry.keyspace.sismember(keys.index(Status.AVAILABLE), key)
    other.script(Fault.READ_FAILED)
    tick.run()  # the second one is away
    house.registry.keyspace.srem(keys.index(Status.AVAILABLE), key)  # SPOP, and the queue manager dies
    other.happen(Fault.DELETED_BY_SOMEBODY, vm.vm_id)
    house.run(8, tick)
    assert house.registry.keyspace.get(key) is None


def test_a_visitor_hears_of_a_machine_that_vanished_while_its_set_was_lost_and_no_process_remembers_it() -> None:
    house = House()
    visitors = house.offered()
    assert visitors.reserve(SESSION) is not None
    house.azure.happen(Fault.DELETED_BY_SOMEBODY, house.azure.vms[0].vm_id)
    house.later(minutes=10)
    assert not house.azure.vms
    house.registry.keyspace.delete(house.registry.keys.index(Status.RESERVED))
    ticks = [house.tick(Actor.RECONCILER), house.tick(Actor.STARTER), house.tick(Actor.CLEANER)]
    stages = []
    for _ in range(60):
        house.run(1, *ticks)
        stages.append(visitors.look(SESSION).stage)
    assert stages[0] is Stage.RESERVED
    assert Stage.REFUSED in stages
    assert not any(key.startswith(b"vmss:instance:") for key in house.registry.keyspace.snapshot_state().strings)


def test_what_the_cleaner_has_ordered_deleted_is_gone_from_redis_though_nothing_leads_to_it_any_more() -> None:
    house = House()
    visitors = house.offered()
    assert visitors.reserve(SESSION) is not None
    house.tick(Actor.STARTER).run()
    visitors.cancel(SESSION)
    cleaner = house.tick(Actor.CLEANER)
    while not any(isinstance(outcome.step.order, Delete) for outcome in cleaner.run().outcomes):
        house.later(seconds=30)
    house.later(minutes=10)
    assert not house.azure.vms
    for status in Status:
        house.registry.keyspace.delete(house.registry.keys.index(status))
    house.later(days=8)
    left = [key for key in house.registry.keyspace.snapshot_state().strings if house.registry.keyspace.get(key)]
    assert left == []


class RegistryThatCountsQuestions(MemoryRegistry):
    """Remembers how many machines it was asked for in addition to those that its index names."""

    asked_for = 0

    def read_also(self, vm_ids: Iterable[VmId]) -> Mapping[VmId, Row]:
        wanted = list(vm_ids)
        self.asked_for = len(wanted)
        return super().read_also(wanted)


def test_while_a_scale_set_is_away_what_comes_and_goes_in_the_other_is_not_remembered_for_ever() -> None:
    house = House(Policy(capacity=dict.fromkeys((NAME, SECOND_SET), Capacity(desired=0))))
    registry = house.registry = RegistryThatCountsQuestions(house.clock.now)
    house.azures[SECOND_SET].script(Fault.READ_FAILED, times=None)
    tick = house.tick(Actor.RECONCILER)
    for _ in range(20):
        house.azure.scale(Scale(capacity=1), by="operator")
        house.run(1, tick, minutes=5)
        house.azure.happen(Fault.DELETED_BY_SOMEBODY, house.azure.vms[0].vm_id)
        house.run(1, tick, minutes=5)
    assert registry.asked_for <= 1


# -- what was decided is written soon, under the time at which it was decided, or not at all


@pytest.mark.parametrize(("seconds", "result"), [(-1, Result.DONE), (0, Result.DONE), (1, Result.LOST_RACE)])
def test_a_plan_that_was_held_up_is_not_carried_out(seconds: int, result: Result) -> None:
    house = House().rested()
    plan = house.tick(Actor.RECONCILER).plan().plan
    house.clock.advance(house.policy.plan_kept + timedelta(seconds=seconds))
    (outcome,) = actuate(plan, house.ports(Actor.RECONCILER), house.policy)
    assert outcome.result is result
    assert isinstance(outcome.step.order, Mark)
    assert (house.face.calls["mark"] == 1) is (result is Result.DONE)


@pytest.mark.parametrize("seconds", [1, 31, 40])
def test_what_is_noted_after_a_slow_look_bears_the_time_after_it(seconds: int) -> None:
    class Slow(InProcessScaleSet):
        def list_instances(self) -> Pages:
            pages = super().list_instances()
            house.later(seconds=seconds)  # the answer is on its way for long
            return pages

    house = House().rested()
    house.doors(Slow)
    began = house.clock.now()
    (outcome,) = house.tick(Actor.RECONCILER).run().outcomes
    assert outcome.result is Result.DONE
    assert isinstance(outcome.step.order, Mark)
    noted = house.registry.read_also([outcome.step.order.ref.vm_id])[outcome.step.order.ref.vm_id].notes
    assert noted is not None
    assert noted.mark_asked_at is not None
    assert noted.mark_asked_at - began >= timedelta(seconds=seconds)


def test_the_provisioner_has_no_registry_to_be_late_for() -> None:
    house = House()
    plan = house.tick(Actor.PROVISIONER).plan().plan
    assert plan.good_until is None
    (outcome,) = actuate(plan, house.ports(Actor.PROVISIONER), house.policy)
    assert outcome.result is Result.DONE
    assert isinstance(outcome.step.order, SetCapacity)
