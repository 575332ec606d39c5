"""The order of one tick, and what survives when a part of the world is away."""

from datetime import timedelta

import pytest
from clock import ManualClock

from emulator.behaviour import Behaviour, Fault, Latencies
from emulator.in_process import InProcessScaleSet
from emulator.orders import OrderKind, Scale
from emulator.redis.memory import MemoryRegistry
from emulator.scale_set import EmulatedScaleSet
from scaler.actuate import Ports
from scaler.errors import Garbled, Unreachable
from scaler.model.edges import Actor
from scaler.model.fleet import Cloud
from scaler.model.instance import InstanceRef, ScaleSetName, VmId
from scaler.model.plan import Listing, SetCapacity
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Snapshot, Status
from scaler.model.sighting import Answer
from scaler.observe import AzureObserver, Targets
from scaler.ports import Registry
from scaler.tick import Tick

NAME = ScaleSetName("vmss-pixels")
POLICY = Policy(capacity={NAME: Capacity(desired=2)})


class House:
    """An Azure and a registry on one clock."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.azure = EmulatedScaleSet(self.clock.now, behaviour=Behaviour(latencies=Latencies().exact()))
        self.face = InProcessScaleSet(self.azure, self.clock)
        self.registry = MemoryRegistry(self.clock.now)

    def tick(self, name: Actor, registry: Registry | None = None) -> Tick:
        knows = None if name is Actor.PROVISIONER else registry or self.registry
        return Tick(name, Ports(registry=knows, scale_sets={NAME: self.face}, clock=self.clock), POLICY)

    def later(self, **duration: float) -> None:
        self.clock.advance(timedelta(**duration))


class DeafRegistry(MemoryRegistry):
    """Redis is away."""

    def read(self) -> Snapshot:
        raise Unreachable("Redis does not answer")


def test_redis_is_read_before_azure_and_nothing_happens_when_it_is_away() -> None:
    house = House()
    with pytest.raises(Unreachable):
        house.tick(Actor.RECONCILER, DeafRegistry(house.clock.now)).run()
    assert sum(house.face.calls.values()) == 0


def test_when_azure_is_away_nothing_changes_and_the_next_tick_works() -> None:
    house = House()
    house.azure.scale(Scale(capacity=1), by="operator")
    house.later(minutes=5)
    house.azure.order(OrderKind.DEALLOCATE, ["0"], by="operator")
    house.later(minutes=5)
    house.azure.script(Fault.READ_FAILED)
    tick = house.tick(Actor.RECONCILER)
    before = house.registry.keyspace.snapshot_state()
    with pytest.raises(Unreachable):
        tick.run()
    assert house.registry.keyspace.snapshot_state() == before
    assert len(tick.run().outcomes) == 1


def test_a_key_that_died_in_a_queue_managers_hands_is_found_though_its_machine_is_gone() -> None:
    house = House()
    tick = house.tick(Actor.RECONCILER)
    house.azure.scale(Scale(capacity=1), by="operator")
    house.later(minutes=5)
    house.azure.order(OrderKind.DEALLOCATE, ["0"], by="operator")
    for _ in range(12):
        house.later(seconds=30)
        tick.run()
    keys, space = house.registry.keys, house.registry.keyspace
    assert space.spop(keys.index(Status.AVAILABLE)) is not None  # and the queue manager dies
    house.azure.happen(Fault.DELETED_BY_SOMEBODY, house.azure.vms[0].vm_id)
    for _ in range(6):
        house.later(seconds=30)
        tick.run()
    assert not space.snapshot_state().strings


def test_planning_is_free() -> None:
    house = House()
    plan = house.tick(Actor.PROVISIONER).plan().plan
    assert [type(step.order) for step in plan.steps] == [SetCapacity]
    assert house.azure.capacity == 0


def test_the_provisioner_never_touches_the_registry() -> None:
    house = House()
    for _ in range(30):
        house.tick(Actor.PROVISIONER).run()
        house.later(seconds=20)
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
    house = House()
    house.azure.scale(Scale(capacity=2), by="operator")
    house.later(minutes=5)
    refs = tuple(each.ref for each in house.face.list_instances().instances)
    eyes = AzureObserver({NAME: Mumbling(house.azure, house.clock)}, house.clock, POLICY)
    cloud, errors = eyes.look(Cloud(), Targets(refs=refs))
    assert set(cloud.instances) == {refs[1].vm_id}
    assert [type(each) for each in errors] == [Garbled]
    assert eyes.look(Cloud(), Targets(refs=refs[:1]))[0] == Cloud()  # and a tick without it is a tick all the same


def test_the_cleaner_lists_no_more_often_than_it_may() -> None:
    house = House()
    eyes = AzureObserver({NAME: house.face}, house.clock, POLICY)
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
    silent = Silent(house.azure, house.clock)
    Tick(Actor.PROVISIONER, Ports(registry=None, scale_sets={NAME: silent}, clock=house.clock), POLICY).run()
    assert silent.asked == 1


def test_the_machines_of_a_scale_set_that_was_away_for_a_tick_are_remembered() -> None:
    house, second = House(), ScaleSetName("vmss-second")
    policy = Policy(capacity={NAME: Capacity(desired=0), second: Capacity(desired=1)})
    other = EmulatedScaleSet(house.clock.now, name=second, behaviour=Behaviour(latencies=Latencies().exact()), seed=1)
    other.scale(Scale(capacity=1), by="operator")
    house.later(minutes=5)
    other.order(OrderKind.DEALLOCATE, ["0"], by="operator")
    house.later(minutes=5)
    faces = {NAME: house.face, second: InProcessScaleSet(other, house.clock)}
    tick = Tick(Actor.RECONCILER, Ports(registry=house.registry, scale_sets=faces, clock=house.clock), policy)
    for _ in range(8):
        tick.run()
        house.later(seconds=30)
    keys, (vm,) = house.registry.keys, other.vms
    key = keys.instance(VmId(vm.vm_id))
    assert house.registry.keyspace.sismember(keys.index(Status.AVAILABLE), key)
    other.script(Fault.READ_FAILED)
    tick.run()  # the second one is away
    house.registry.keyspace.srem(keys.index(Status.AVAILABLE), key)  # SPOP, and the queue manager dies
    other.happen(Fault.DELETED_BY_SOMEBODY, vm.vm_id)
    for _ in range(8):
        house.later(seconds=30)
        tick.run()
    assert house.registry.keyspace.get(key) is None
