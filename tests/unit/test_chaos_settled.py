"""What an idle installation must look like, and each way in which it may not."""

from collections.abc import Callable

import pytest

from emulator.behaviour import Behaviour, Latencies
from emulator.orders import OrderKind, Scale
from scaler.model.instance import SessionId, VmId
from scaler.model.row import Status
from simulator.chaos.world import World

type Harm = Callable[[World, VmId], None]


@pytest.fixture(scope="module")
def idle() -> Callable[[], World]:
    def make() -> World:
        world = World(seed=1, behaviour=Behaviour(latencies=Latencies().exact()))
        world.run(600)
        return world

    return make


def _key(world: World, vm_id: VmId) -> str:
    return world.registry.keys.instance(vm_id)


def _reserve(world: World, vm_id: VmId) -> None:
    world.reservations.reserve(SessionId("ann"))


def _lose_the_record(world: World, vm_id: VmId) -> None:
    world.registry.keyspace.delete(_key(world, vm_id))


def _take_out_of_the_index(world: World, vm_id: VmId) -> None:
    world.registry.keyspace.srem(world.registry.keys.index(Status.AVAILABLE), _key(world, vm_id))


def _index_twice(world: World, vm_id: VmId) -> None:
    world.registry.keyspace.sadd(world.registry.keys.index(Status.RESERVED), _key(world, vm_id))


def _start(world: World, vm_id: VmId) -> None:
    state = world.find(vm_id)
    assert state is not None
    world.azure.order(OrderKind.START, [state.instance_id])
    world.pass_time(300)


def _grow(world: World, vm_id: VmId) -> None:
    world.azure.scale(Scale(capacity=4))


def _leave_a_record(world: World, vm_id: VmId) -> None:
    world.registry.keyspace.set(world.registry.keys.instance(VmId("gone")), "{}")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (_reserve, "registered as Reserved"),
        (_lose_the_record, "not offered"),
        (_take_out_of_the_index, "not offered"),
        (_index_twice, "in the index of"),
        (_start, "offered, but running"),
        (_grow, "4 machines in vmss-pixels instead of 3"),
        (_leave_a_record, "left over: vmss:instance:gone"),
    ],
)
def test_whatever_is_amiss_is_named(idle: Callable[[], World], harm: Harm, words: str) -> None:
    world = idle()
    assert world.unsettled() == []
    harm(world, VmId(world.vms[0].vm_id))
    assert any(words in each for each in world.unsettled())
