"""The Azure of a world and the errors of all clocks, drawn anew for every seed; its history goes to listeners."""

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from random import Random

from emulator.behaviour import Behaviour, Faults, Latencies
from emulator.health.record import HealthRecord
from emulator.history import Event, What
from emulator.in_process import InProcessScaleSet
from emulator.orders import Scale
from emulator.scale_set import EmulatedScaleSet
from emulator.switches import Switches, values_of
from emulator.vm import VmState
from emulator.world import MANAGED
from scaler.model.instance import ScaleSetName, VmId
from scaler.model.sighting import Answer, Pages, ScaleSetView
from scaler.ports import ScaleSet
from scaler.vmss.gates import Gates
from simulator.chaos.breaks.planted import answered
from simulator.chaos.weather import Weather
from simulator.clock import SkewedClock, VirtualClock
from simulator.happenings import Did, Entry, Happening

_STRANGE = 10**9  # seeds from here on are other scale sets'; with ours they would have our machines' vmIds


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
    "protection_holds_named",  # not drawn: the scaler protects nothing from actions
    "renewal_at_rest",  # not drawn: nobody reimages or redeploys in a campaign
}
_OF_HEALTH = frozenset(
    {
        "health_outlives_start",
        "stopped_health",
        "health_time",
        "initializing_reads_healthy",
        "unknown_reads_unhealthy",
    }
)
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
    apart = copy(dice)  # what health shows moves no other dice: campaigns are as they would be without it
    drawn = {name: dice.choice(_ways(name)) for name in names if name not in _OF_HEALTH}
    drawn |= {name: apart.choice(_ways(name)) for name in names if name in _OF_HEALTH}
    given = {**(_QUOTA_AT_ONCE if weather.room_for_some else {}), **(_DELETIONS_HANG if weather.hung_deletes else {})}
    switches = Switches(**{**drawn, "reuse_ids": dice.random() < _REUSE, **given})  # type: ignore[arg-type]
    latencies = _QUICK if dice.random() < 0.5 else Latencies()
    if weather.answers:
        latencies = replace(latencies, accept=(0.8 * weather.answers, weather.answers))
    latencies = _WARM if weather.all_warm else latencies
    if weather.health_lag:
        latencies = replace(latencies, health=(0.0, weather.health_lag))
    if weather.deletes:
        latencies = replace(latencies, delete=(0.5 * weather.deletes, weather.deletes))
    return Behaviour(
        switches=switches,
        faults=faults_of(weather),
        latencies=latencies,
        page_size=weather.page_size,
    )


def _ways(name: str) -> list[object]:
    """The values of a switch."""
    return sorted(set(values_of(name).values()), key=str)


def faults_of(weather: Weather) -> Faults:
    """The faults of Azure in a weather."""
    return Faults(rates=weather.rates, listing_lag=(0.0, weather.listing_lag))


class Azure:
    """Several scale sets on the clock of Azure, with the same instance ids in each."""

    def __init__(
        self, clock: VirtualClock, names: Iterable[ScaleSetName], *, seed: int, behaviour: Behaviour, skews: Skews
    ) -> None:
        self.clock = SkewedClock(clock, skews.azure)
        self._behind = skews.front_end
        self._dice = Random(f"front ends {seed}")
        self.scale_sets = {
            name: EmulatedScaleSet(self.clock.now, name=name, seed=seed + number, behaviour=behaviour)
            for number, name in enumerate(names)
        }

        self._strangers: dict[ScaleSetName, EmulatedScaleSet] = {}
        self._met: list[EmulatedScaleSet] = []  # every one that there ever was
        self._hearers: list[Callable[[Happening], None]] = []

    def health_of(self, vm_id: VmId) -> HealthRecord | None:
        """The health of a machine of any scale set, for who judges its runs."""
        found = (each.health_of(vm_id) for each in self.scale_sets.values())
        return next((health for health in found if health is not None), None)

    def face(self, name: ScaleSetName, clock: SkewedClock, gates: Gates) -> InProcessScaleSet:
        """The door of one process to a scale set; `clock` and `gates` belong to the process."""
        behind = self._strangers.get(name, self.scale_sets[name])
        return InProcessScaleSet(behind, clock, page_size=behind.behaviour.page_size, gates=gates)

    def fronted(self, door: ScaleSet) -> ScaleSet:
        """The same door, behind two front ends of ARM: each answer comes from either, dated by that one's clock."""
        fronted: ScaleSet = answered(view=self._dated, list_instances=self._dated, get=self._dated)(door)
        return fronted if self._behind else door

    def _dated[Dated: (ScaleSetView, Pages, Answer)](self, answer: Dated) -> Dated:
        return replace(answer, at=answer.at - self._behind) if self._dice.random() < 0.5 else answer

    def confuse(self, name: ScaleSetName, tags: Mapping[str, str], machines: int) -> None:
        """Lead that name to a scale set of the wrong resource group, for each process that starts from now on."""
        stranger = EmulatedScaleSet(self.clock.now, name=name, seed=_STRANGE + len(self._met), tags=tags)
        self._met.append(stranger)
        stranger.history.listeners.append(self._somebody_is_on)
        if machines:
            stranger.scale(Scale(capacity=machines))
        self._strangers[name] = stranger

    def correct(self) -> None:
        """Lead all names to the right scale sets."""
        self._strangers.clear()

    def listen(self, hear: Callable[[Happening], None]) -> None:
        """Tell the listener of every event, at its true time."""
        self._hearers.append(hear)
        for each in self.scale_sets.values():
            each.history.listeners.append(self._tell)

    def _tell(self, event: Event) -> None:
        for hear in self._hearers:
            hear(replace(event, at=self.clock.truly(event.at)))

    def _somebody_is_on(self, event: Event) -> None:
        """A running machine of another scale set has a visitor: to stop the machine cuts a session short."""
        if event.what is What.RUNNING and event.vm_id is not None:
            name, at = f"a stranger on {event.vm_id}", self.clock.truly(event.at)
            for hear in self._hearers:
                hear(Entry(at=at, session=name, did=Did.OPENED, vm_id=event.vm_id))
        self._tell(event)

    @property
    def vms(self) -> list[VmState]:
        """All machines."""
        return [vm for each in self.scale_sets.values() for vm in each.vms]

    def find(self, vm_id: str) -> VmState | None:
        """The machine; None once the machine is gone."""
        return next((vm for vm in self.vms if vm.vm_id == vm_id), None)

    def choose(self, dice: Random) -> EmulatedScaleSet:
        """A scale set at random."""
        return dice.choice(list(self.scale_sets.values()))

    def clear_up(self) -> None:
        """End all faults and shortages, and restore the operator's consent."""
        self.correct()
        for each in self.scale_sets.values():
            each.faults = Faults()
            each.clear_script()
            each.limit()
            if each.set_state.tags != tuple(sorted(MANAGED.items())):
                each.tag(**MANAGED)
