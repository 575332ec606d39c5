"""What is told of one machine, and what must not be amiss with any once all has settled."""

from collections.abc import Callable
from functools import partial

import pytest
from simulator_builders import idle_world

from emulator.behaviour import Behaviour, Latencies
from emulator.orders import OrderKind, Scale
from scaler.model.edges import Actor
from scaler.model.instance import SessionId, VmId
from scaler.model.row import Status
from simulator.chaos.story import story_of
from simulator.chaos.world import World
from simulator.happenings import Did, Entry
from simulator.story import Story

type Harm = Callable[[World, VmId], object]


def _index(world: World, vm_id: VmId, *, call: str, status: Status) -> None:
    getattr(world.registry.keyspace, call)(world.registry.keys.index(status), world.registry.keys.instance(vm_id))


def _start(world: World, vm_id: VmId) -> None:
    state = world.find(vm_id)
    assert state is not None
    world.azure.order(OrderKind.START, [state.instance_id])
    world.pass_time(300)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda world, _: world.reservations.reserve(SessionId("ann")), "registered as Reserved"),
        (lambda world, vm: world.registry.keyspace.delete(world.registry.keys.instance(vm)), "not offered"),
        (partial(_index, call="srem", status=Status.AVAILABLE), "not offered"),
        (partial(_index, call="sadd", status=Status.RESERVED), "in the index of"),
        (_start, "offered, but running"),
        (lambda world, _: world.azure.scale(Scale(capacity=4)), "4 machines in vmss-pixels instead of 3"),
        (lambda world, _: world.registry.keyspace.set("vmss:instance:gone", "{}"), "left over: vmss:instance:gone"),
    ],
)
def test_whatever_is_amiss_is_named(harm: Harm, words: str) -> None:
    world = idle_world()
    assert world.unsettled() == []
    harm(world, VmId(world.vms[0].vm_id))
    assert any(words in each for each in world.unsettled())


def _world() -> tuple[World, Story]:
    world = World(seed=1, behaviour=Behaviour(latencies=Latencies().exact()))
    story = story_of(world)
    world.run(400)
    return world, story


def test_it_tells_a_machines_life_in_order() -> None:
    world, story = _world()
    vm_id = world.vms[0].vm_id
    told = list(story.of(vm_id, None))
    expected = [
        "Azure                    created, by the provisioner",
        "lists, and sees it unknown, Creating, unmarked",
        "Azure                    running, by the provisioner",
        "new machine runs",
        "Azure                    protect-ordered, by the reconciler",
        "ADMIT, since marked, at rest",
        "Redis                    Available, on offer",
    ]
    found = [next(number for number, line in enumerate(told) if words in line) for words in expected]
    assert found == sorted(found)
    assert told == sorted(told, key=lambda line: line[:12]), "by time"
    assert not [line for line in told if world.vms[1].vm_id[:8] in line], "other machines are left out"


def test_what_a_visitor_says_is_told_of_their_session_and_of_their_machine() -> None:
    world, story = _world()
    vm_id = world.vms[0].vm_id
    world.tell(Entry(at=world.clock.now(), session="ann", did=Did.PROMISED, vm_id=vm_id, why="they asked"))
    line = f"visitor ann              promised {vm_id[:8]}: they asked [atomic]"
    assert any(line in each for each in story.of(vm_id, None))
    assert any(line in each for each in story.of(None, "ann"))
    assert not any(line in each for each in story.of(None, "bob"))


def test_an_order_is_told_when_it_is_given_and_when_it_arrives() -> None:
    world, story = _world()
    got = world.reservations.reserve(SessionId("ann"))
    assert got is not None
    world.tick(Actor.STARTER)
    told = "\n".join(story.of(got.vm_id, None))
    assert "starter of host 1        notes and Start ordered, since reserved: done, by a look of" in told
    assert "start-ordered, by the starter, given at" in told


def test_accidents_of_redis_are_told_with_every_machine() -> None:
    world, story = _world()
    world.flush()
    for vm in world.vms:
        assert any("FORGOT" in line for line in story.of(vm.vm_id, None))


def test_what_is_said_twice_in_a_row_is_said_once() -> None:
    world, story = _world()
    vm_id = world.vms[0].vm_id
    for _ in range(3):
        world.tell(Entry(at=world.clock.now(), session="ann", did=Did.QUEUED, vm_id=vm_id))
    (line,) = (each for each in story.of(vm_id, "ann") if "queued" in each)
    assert line.endswith("(3 times)")
