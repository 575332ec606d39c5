"""The Azure of a campaign and the errors of all clocks: drawn anew for every seed."""

from dataclasses import dataclass, fields, replace
from datetime import timedelta
from random import Random

from emulator.behaviour import Behaviour, Faults, Latencies
from emulator.switches import Switches, values_of
from simulator.chaos.weather import Weather

_MOST = 30.0  # seconds ahead or behind


@dataclass(frozen=True, slots=True, kw_only=True)
class Skews:
    """The error of each clock. `replica`: of the Redis that takes over in a failover."""

    azure: timedelta = timedelta(0)
    front_end: timedelta = timedelta(0)  # how far the Dates of Azure's second front end are behind those of the first
    redis: timedelta = timedelta(0)
    replica: timedelta = timedelta(0)
    hosts: tuple[timedelta, ...] = (timedelta(0),)

    @classmethod
    def drawn(cls, dice: Random, hosts: int) -> "Skews":
        """Random errors within the bounds."""
        azure, redis, replica, *rest = (timedelta(seconds=dice.uniform(-_MOST, _MOST)) for _ in range(3 + hosts))
        return cls(azure=azure, redis=redis, replica=replica, hosts=tuple(rest))


NO_SKEWS = Skews()
"""One host, and all clocks right."""


_GIVEN = {
    "mark_on_deallocated",  # not drawn: an Azure that refuses the mark there lets nothing settle
    "renewal_at_rest",  # not drawn: nobody reimages or redeploys in a campaign
}
_QUOTA_AT_ONCE = {"quota_refused_at_once": True, "deallocated_hold_quota": True}  # else machines are made that fail
_DELETIONS_HANG = {"deleting_rows_lose_id": False}
_QUICK = Latencies(create=(20, 40), start_deallocated=(15, 40), deallocate=(5, 20), power_off=(2, 8))
_WARM = replace(
    _QUICK,
    create=(3, 8),
    power_off=(1, 2),
    start_stopped=(1, 2),
    protect=(0.5, 1),
    deallocate=(1, 3),
    start_deallocated=(2, 4),
)
_REUSE = 0.8  # reused instance ids are what goes wrong


def azure_of(weather: Weather, dice: Random) -> Behaviour:
    """The behaviour of Azure in a campaign."""
    names = [each.name for each in fields(Switches) if each.name not in _GIVEN]
    drawn = {name: dice.choice(sorted(set(values_of(name).values()), key=str)) for name in names}
    given = {**(_QUOTA_AT_ONCE if weather.room_for_some else {}), **(_DELETIONS_HANG if weather.hung_deletes else {})}
    switches = Switches(**{**drawn, "reuse_ids": dice.random() < _REUSE, **given})  # type: ignore[arg-type]
    latencies = _QUICK if dice.random() < 0.5 else Latencies()
    if weather.answers:
        latencies = replace(latencies, accept=(0.8 * weather.answers, weather.answers))
    return Behaviour(
        switches=switches,
        faults=faults_of(weather),
        latencies=_WARM if weather.all_warm else latencies,
        page_size=weather.page_size,
    )


def faults_of(weather: Weather) -> Faults:
    """The faults of Azure in a weather."""
    return Faults(rates=weather.rates, listing_lag=(0.0, weather.listing_lag))
