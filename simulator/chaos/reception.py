"""The crowd of a world: as many visitors as its weather brings, and their ways to Redis."""

from collections.abc import Mapping
from random import Random
from typing import Any

from scaler.model.instance import PowerState, VmId
from simulator.chaos.doors import Door
from simulator.chaos.weather import Weather
from simulator.chaos.world import World
from simulator.happenings import Manner
from simulator.workload.crowd import Crowd
from simulator.workload.habits import MIXED, UNNAMED, Habits
from simulator.workload.queue_manager import Access

_FEWEST = 6  # who come at once, where many do
_BUSY = (0.1, 0.25, 0.5, 1.0)  # of the weather's visitors: where there are few, machines are free and sessions move


def crowd_of(world: World, weather: Weather, dice: Random) -> Crowd:
    """As many visitors, and such queue managers, as the weather brings."""
    quick = weather.step / 4
    many = dice.randint(_FEWEST, weather.at_once) if weather.at_once else 0
    parties = {"rush": 1.0, "party": many - 1, "most": many + Habits().most} if many else {}
    habits = Habits(
        per_minute=weather.per_minute * dice.choice(_BUSY),
        shares=_shares(weather),
        stay=weather.stay,
        fickleness=weather.fickle,
        poll=(quick, 4 * quick),
        **parties,  # type: ignore[arg-type]
    )
    return Crowd(access_of(world), dice, habits)


def access_of(world: World) -> Access:
    """The access of queue managers, by a line of their own."""
    line = world.queue_managers_line
    keyspace: Any = Door(world.registry.keyspace, [line])
    reservations: Any = Door(world.reservations, [line])
    return Access(
        keys=world.registry.keys,
        keyspace=keyspace,
        reservations=reservations,
        now=world.clock.now,
        reachable=lambda vm_id: _runs(world, vm_id),
        tell=world.tell,
    )


def _runs(world: World, vm_id: VmId) -> bool:
    state = world.find(vm_id)
    return state is not None and state.power is PowerState.RUNNING


def _shares(weather: Weather) -> Mapping[Manner, float]:
    if weather.unruly:
        return MIXED
    if weather.noting:
        return {Manner.NOTING: 1.0}
    if weather.nameless:
        return UNNAMED
    honest = Manner.LATE if weather.dawdling else Manner.NAIVE
    naive = Manner.FOLLOWING if weather.following else honest
    return {Manner.ATOMIC: 1 - weather.naive, naive: weather.naive}
