"""Somebody at the portal, and what operators and Azure do to a campaign from outside."""

from dataclasses import replace
from random import Random

import pytest

from emulator.behaviour import Behaviour, Fault, Latencies
from emulator.history import What
from scaler.model.edges import Actor
from scaler.model.instance import PowerState, SessionId
from scaler.model.policy import Capacity
from simulator.chaos.operators import ACTIONS, Operators, Portal
from simulator.chaos.weather import Weather
from simulator.chaos.world import POLICY, SCALE_SET, SECOND, World

_TWO = replace(POLICY, capacity={SCALE_SET: Capacity(desired=3, warm=1), SECOND: Capacity(desired=2, warm=1)})
_WRITTEN = {
    "evicted": What.EVICTED,
    "stopped from inside": What.SHUT_DOWN,
    "started by hand": What.START_ORDERED,
    "stopped by hand": What.STOP_ORDERED,
    "deallocated by hand": What.DEALLOCATE_ORDERED,
    "restarted by hand": What.RESTART_ORDERED,
    "unprotected by hand": What.UNPROTECT_ORDERED,
    "deleted by hand": What.DELETE_ORDERED,
}


def _world() -> World:
    world = World(seed=1, behaviour=Behaviour(latencies=Latencies().exact()), policy=_TWO)
    world.run(600)
    return world


def _let_one_in(world: World) -> str:
    got = world.reservations.reserve(SessionId("ann"))
    assert got is not None
    world.run(200)
    return got.vm_id


@pytest.mark.parametrize("action", sorted(_WRITTEN))
def test_an_action_is_somebodys_and_not_the_scalers(action: str) -> None:
    world = _world()
    runs = _let_one_in(world)
    rests = action in {"started by hand", "unprotected by hand"}
    vm = next(each for each in world.azure.vms if (each.vm_id == runs) is not rests)
    ACTIONS[action](world.azure, vm)
    world.pass_time(120)
    doers = {event.by for event in world.azure.history.of(vm.vm_id) if event.what is _WRITTEN[action]}
    assert doers & {"somebody", "guest", "platform"}


def test_nobody_unprotects_a_machine_that_runs() -> None:
    world = _world()
    vm_id = _let_one_in(world)
    state = world.azure.find(vm_id)
    assert state is not None
    assert state.power is PowerState.RUNNING
    ACTIONS["unprotected by hand"](world.azure, state)
    assert world.azure.find(vm_id) == state


def test_what_azure_refuses_somebody_is_only_counted() -> None:
    world = _world()
    world.azure.script(Fault.WRITE_FAILED, times=None)
    portal = Portal(world, Random(1))
    for _ in range(50):
        portal.turn()
    assert sum(world.counts[name] for name in ACTIONS) == 50


def _operators(world: World, **weather: object) -> Operators:
    return Operators(world, Weather(**weather), Random(5))  # type: ignore[arg-type]


def _until(world: World, operators: Operators, what: str) -> None:
    for _ in range(5000):
        operators.turn()
        world.clock.advance(POLICY.look_every)
        if world.counts[what]:
            return
    raise AssertionError(f"{what} never happened")


def test_a_scale_set_that_is_taken_out_of_the_settings_comes_back() -> None:
    world = _world()
    operators = _operators(world, settings=True)
    _until(world, operators, "scale sets taken out of the settings")
    assert all(len(host.policy.capacity) == 1 for host in world.hosts)
    operators.leave_off()
    assert all(host.policy == world.policy for host in world.hosts)


def test_processes_whose_settings_were_right_go_on_with_what_they_remember() -> None:
    world = _world()
    operators = _operators(world, tides=1.0)
    remembered = [host.policy for host in world.hosts]
    operators.leave_off()
    assert all(host.policy is before for host, before in zip(world.hosts, remembered, strict=True))
    operators.turn()
    assert all(host.policy != world.policy for host in world.hosts)
    operators.leave_off()
    assert all(host.policy == world.policy for host in world.hosts)


def test_the_name_may_lead_to_another_scale_set_and_costs_nobody_anything() -> None:
    world = _world()
    operators = _operators(world, elsewhere=True)
    vm_id = _let_one_in(world)
    _until(world, operators, "settings of another scale set")
    before = len(world.azure.history)
    world.run(300)
    assert len(world.azure.history) == before, "nobody ordered anything where it is not looked at"
    operators.leave_off()
    world.run(60)
    assert world.azure.find(vm_id) is not None
    assert world.wrongs == []


@pytest.mark.parametrize("what", ["region sold out", "quota reached", "size not to be had"])
def test_want_ends_after_an_hour(what: str) -> None:
    world = _world()
    operators = _operators(world, shortage=True)
    _until(world, operators, what)
    world.azure_region.clear_up()
    for vm in world.azure.vms:
        world.azure.happen(Fault.DELETED_BY_SOMEBODY, vm.vm_id)
    world.run(1800, step=30)
    assert len(world.azure.vms) == 3


def test_controllers_are_named_as_the_observer_knows_them() -> None:
    world = _world()
    ordered = {event.by for event in world.azure.history if event.what is What.PROTECT_ORDERED}
    assert ordered == {Actor.RECONCILER}
