"""What befalls Redis in a campaign: of the kinds that the weather has, and far enough apart."""

from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

import pytest

from emulator.behaviour import Behaviour
from simulator.chaos.redis_faults import RedisFaults
from simulator.chaos.redis_server import MAY_LOSE
from simulator.chaos.weather import Weather
from simulator.chaos.world import World
from simulator.happenings import Forgotten, Happening, Look

_LENGTH = timedelta(hours=5)


def _accidents(**weather: object) -> tuple[World, list[datetime]]:
    """A world after hours of them, and when each of them was."""
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


def test_redis_is_flushed_once() -> None:
    world, at = _accidents(flush=True)
    assert world.counts["flushes"] == len(at) == 1


def test_in_fair_weather_there_are_none() -> None:
    world, at = _accidents()
    assert not world.counts
    assert not at


def test_it_is_away_for_some_and_not_for_others() -> None:
    world, _ = _accidents(away=0.05)
    assert world.counts["times Redis was away"] > 50
    assert any(line.away_until is not None for line in world.lines)


def test_the_observer_is_told_at_once_what_was_forgotten() -> None:
    world, heard = World(seed=1, behaviour=Behaviour()), list[Happening]()
    world.hearers.append(heard.append)
    world.flush()
    assert [type(each) for each in heard] == [Forgotten, Look]
    assert isinstance(heard[1], Look)
    assert heard[1].forgot


def test_a_lost_key_tells_of_its_machine() -> None:
    world, heard = World(seed=1, behaviour=Behaviour()), list[Happening]()
    world.run(600)
    world.hearers.append(heard.append)
    vm_id = world.vms[0].vm_id
    world.lose(f"vmss:notes:{vm_id}".encode())
    world.lose(b"vmss:status:available")
    assert [each.vm_id for each in heard if isinstance(each, Forgotten)] == [vm_id, None]


def test_a_replica_that_takes_over_has_a_clock_of_its_own() -> None:
    world = World(seed=1, behaviour=Behaviour())
    assert world.registry.clock.now() == world.clock.now()
    world.skews = type(world.skews)(replica=timedelta(seconds=20))
    world.fail_over(0)
    assert world.registry.clock.now() == world.clock.now() + timedelta(seconds=20)
