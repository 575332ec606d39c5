"""What befalls a world: accidents of Redis far enough apart, somebody at the portal, operators, want."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from simulator_builders import idle_world

from emulator.behaviour import Behaviour, Fault
from emulator.history import What
from scaler.model.edges import Actor
from scaler.model.instance import PowerState, SessionId
from scaler.model.policy import Capacity
from simulator.chaos.operators import ACTIONS, Operators
from simulator.chaos.redis_faults import RedisFaults
from simulator.chaos.redis_server import MAY_LOSE
from simulator.chaos.weather import Weather
from simulator.chaos.world import POLICY, SCALE_SET, SECOND, World
from simulator.happenings import Forgotten, Happening, Look

_LENGTH = timedelta(hours=5)


def _accidents(**weather: object) -> tuple[World, list[datetime]]:
    """A world after hours of accidents of Redis, and the time of each accident."""
    world, at = World(seed=1, behaviour=Behaviour()), list[datetime]()
    world.hearers.append(lambda happening: at.append(world.clock.now()) if isinstance(happening, Forgotten) else None)
    accidents = RedisFaults(world, Weather(**weather), Random(2), _LENGTH / 50)  # type: ignore[arg-type]
    while world.clock.now() - datetime(2026, 1, 1, tzinfo=world.clock.now().tzinfo) < _LENGTH:
        world.registry.keyspace.set("a key", "a value")
        world.pass_time(5)
        accidents.turn()
    return world, at


def test_two_of_them_are_never_so_close_that_one_could_lose_what_the_other_confirmed() -> None:
    _, at = _accidents(failover=True, flush=True, restart=True, lost_keys=True)
    assert len(at) > 20
    assert min(later - sooner for sooner, later in pairwise(at)) > 2 * MAY_LOSE


@pytest.mark.parametrize(
    ("kind", "counted"), [("failover", "failovers"), ("restart", "restarts"), ("lost_keys", "lost keys")]
)
def test_only_those_happen_that_the_weather_has(kind: str, counted: str) -> None:
    world, _ = _accidents(**{kind: True})
    assert {counted} == set(world.counts)
    assert world.counts[counted] > 20


def test_a_replica_that_was_away_takes_over_and_gets_a_replica_of_its_own_where_the_weather_says_so() -> None:
    for back, alone in ((60.0, False), (0.0, True)):
        world, seen = World(seed=1, behaviour=Behaviour()), list[tuple[bool, bool]]()
        weather = Weather(replica_away=True, replica_lags=20, replica_back=back)
        faults = RedisFaults(world, weather, Random(2), _LENGTH / 50)
        for _ in range(3000):
            world.registry.keyspace.set("a key", "a value")
            world.pass_time(2)
            faults.turn()
            seen.append((world.registry.connected, world.registry.catch_up()))
        assert world.counts["failovers"] > 10
        first = seen.index((False, True))  # the failover
        assert (True, False) in seen[:first]
        assert ((True, True) in seen[first:]) is not alone


def test_redis_is_flushed_once_and_in_fair_weather_never() -> None:
    world, at = _accidents(flush=True)
    assert world.counts["flushes"] == len(at) == 1
    world, at = _accidents()
    assert (set(world.counts), at) == (set(), [])


def test_it_is_away_for_some_and_not_for_others() -> None:
    world, _ = _accidents(away=0.05)
    assert world.counts["times Redis was away"] > 50
    assert any(line.away_until is not None for line in world.lines)


def test_the_observer_is_told_at_once_what_was_forgotten_and_of_which_machine() -> None:
    world, heard = idle_world(), list[Happening]()
    vm_id = world.vms[0].vm_id
    world.hearers.append(heard.append)
    world.lose(f"vmss:notes:{vm_id}".encode())
    world.lose(b"vmss:status:available")
    world.flush()
    assert [each.vm_id for each in heard if isinstance(each, Forgotten)] == [vm_id, None, None]
    assert isinstance(heard[-1], Look)
    assert heard[-1].forgot


def test_a_replica_that_takes_over_has_a_clock_of_its_own() -> None:
    world = World(seed=1, behaviour=Behaviour())
    assert world.registry.clock.now() == world.clock.now()
    world.skews = type(world.skews)(replica=timedelta(seconds=20))
    world.fail_over(0)
    assert world.registry.clock.now() == world.clock.now() + timedelta(seconds=20)


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


def _let_one_in(world: World) -> str:
    got = world.reservations.reserve(SessionId("ann"))
    assert got is not None
    world.run(200)
    return got.vm_id


@pytest.mark.long
@pytest.mark.parametrize("action", sorted(_WRITTEN))
def test_an_action_is_somebodys_and_not_the_scalers(action: str) -> None:
    world = idle_world(_TWO)
    runs = _let_one_in(world)
    rests = action in {"started by hand", "unprotected by hand"}
    resting = [each for each in world.azure.vms if each.power is PowerState.DEALLOCATED]  # another one is being warmed
    vm = resting[0] if rests else next(each for each in world.azure.vms if each.vm_id == runs)
    ACTIONS[action](world.azure, vm)
    world.pass_time(120)
    doers = {event.by for event in world.azure.history.of(vm.vm_id) if event.what is _WRITTEN[action]}
    assert doers & {"somebody", "guest", "platform"}


def test_nobody_unprotects_a_machine_that_runs() -> None:
    world = idle_world(_TWO)
    vm_id = _let_one_in(world)
    state = world.azure.find(vm_id)
    assert state is not None
    assert state.power is PowerState.RUNNING
    ACTIONS["unprotected by hand"](world.azure, state)
    assert world.azure.find(vm_id) == state


def test_what_azure_refuses_somebody_is_only_counted() -> None:
    world = idle_world(_TWO)
    world.azure.script(Fault.WRITE_FAILED, times=None)
    operators = _operators(world, hands=1.0)
    for _ in range(50):
        operators.turn()
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
    world = idle_world(_TWO)
    operators = _operators(world, settings=True)
    _until(world, operators, "scale sets taken out of the settings")
    assert all(len(host.policy.capacity) == 1 for host in world.hosts)
    operators.leave_off()
    assert all(host.policy == world.policy for host in world.hosts)


def test_processes_whose_settings_were_right_go_on_with_what_they_remember() -> None:
    world = idle_world(_TWO)
    operators = _operators(world, tides=1.0)
    remembered = [host.policy for host in world.hosts]
    operators.leave_off()
    assert all(host.policy is before for host, before in zip(world.hosts, remembered, strict=True))
    operators.turn()
    assert all(host.policy != world.policy for host in world.hosts)
    operators.leave_off()
    assert all(host.policy == world.policy for host in world.hosts)


def test_the_name_may_lead_to_another_scale_set_and_costs_nobody_anything() -> None:
    world = idle_world(_TWO)
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
    world = idle_world(_TWO)
    operators = _operators(world, shortage=True)
    _until(world, operators, what)
    world.azure_region.clear_up()
    for vm in world.azure.vms:
        world.azure.happen(Fault.DELETED_BY_SOMEBODY, vm.vm_id)
    world.run(1800, step=30)
    assert len(world.azure.vms) == 3


def test_controllers_are_named_as_the_observer_knows_them() -> None:
    world = idle_world(_TWO)
    ordered = {event.by for event in world.azure.history if event.what is What.PROTECT_ORDERED}
    assert ordered == {Actor.RECONCILER}
