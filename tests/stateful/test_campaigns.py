"""Half an hour of bad weather at a time: eager visitors, and one kind of trouble that does not stop.

Hypothesis finds short traces; these walks find the long ones. SEEDS=500 makes it a night's campaign.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

import pytest
from stateful.naive import NaiveQueueManager
from stateful.world import MINUTE, POLICY, SCALE_SET, SECOND, World

from emulator.behaviour import Behaviour
from emulator.faults import Fault, Faults
from emulator.founding import MANAGED
from emulator.latencies import Latencies
from emulator.switches import Eviction, Overlap, Switches
from scaler.model.instance import SessionId
from scaler.model.plan import Plan
from scaler.model.policy import Capacity
from scaler.model.sighting import Pause
from scaler.tick import Name

SEEDS = int(os.environ.get("SEEDS", "3"))
LENGTH = 40 * MINUTE


@dataclass(frozen=True, kw_only=True)
class Weather:
    """What goes wrong, and how eagerly visitors come."""

    rates: Mapping[Fault, float] = field(default_factory=dict)
    crashes: float = 0.02  # per tick
    interrupted: float = 0.03  # per tick: it goes on up to ten minutes later
    overlap: float = 0.1  # per tick: another process ticks at the same moment
    naive: float = 0.3  # share of visitors
    stay: float = 90.0  # seconds, on average
    fickle: float = 0.01  # chance per step that a waiting visitor gives up
    all_warm: bool = False  # and quick: from the order to stop a new machine to a session on it in seconds
    failover: bool = False  # every few minutes; two in a row are outside of what can be promised
    flush: bool = False
    second: bool = False  # another scale set, with the same instance ids, that is away now and then
    halts: float = 0.0  # per step: somebody pauses everything, takes the consent away, or gives it back
    step: float = 4.0  # seconds


_LATE = {Fault.ORDER_LATE: 0.3, Fault.ORDER_DOUBLED: 0.5, Fault.ORDER_QUEUED: 0.2}
_PLATFORM = {Fault.EVICTED: 1.0, Fault.GUEST_SHUT_DOWN: 1.0, Fault.RESTARTED_ITSELF: 1.0, Fault.TURNED_FAILED: 0.7}
_OLD = {Fault.LISTING_OLD: 0.4, Fault.GET_OLD: 0.4, Fault.POWER_VIEW_OLD: 0.3, Fault.LISTING_SHORT: 0.3}
_ARM = {
    Fault.READ_THROTTLED: 0.1,
    Fault.WRITE_THROTTLED: 0.1,
    Fault.READ_FAILED: 0.1,
    Fault.WRITE_FAILED: 0.1,
    Fault.WRITE_CONFLICT: 0.1,
    Fault.ANSWER_LOST: 0.1,
    Fault.ORDER_LOST: 0.1,
    Fault.ORDER_SWALLOWED: 0.05,
    Fault.MARK_CONFLICT: 0.2,
    Fault.MARK_REFUSED: 0.1,
    Fault.MARK_ROLLED_BACK: 0.05,
    Fault.CREATE_ALLOCATION: 0.1,
    Fault.CREATE_LOST: 0.02,
    Fault.START_REFUSED: 0.1,
    Fault.START_ALLOCATION: 0.1,
    Fault.POWER_STATE_MISSING: 0.05,
}
WEATHERS: Mapping[str, Weather] = {
    "fair": Weather(crashes=0, interrupted=0, overlap=0),
    "dying processes": Weather(crashes=0.1, interrupted=0.15),
    "late and doubled orders": Weather(rates=_LATE, stay=200),
    "old news": Weather(rates=_OLD),
    "late orders to quick machines": Weather(rates=_LATE, stay=30, all_warm=True, step=2),
    "a failover of quick machines": Weather(rates=_LATE, stay=30, all_warm=True, step=2, failover=True, naive=0.6),
    "a failover under fickle visitors": Weather(
        rates={Fault.ORDER_LATE: 0.6, Fault.ORDER_DOUBLED: 0.5},
        stay=30,
        all_warm=True,
        step=1,
        failover=True,
        naive=0.9,
        fickle=0.6,
    ),
    "late orders and old news": Weather(rates=_LATE | _OLD, stay=200),
    "a moody platform": Weather(rates=_PLATFORM),
    "a moody ARM": Weather(rates=_ARM),
    "only naive visitors": Weather(naive=1.0),
    "a failover": Weather(failover=True, rates=_LATE, stay=200),
    "a failover, naively": Weather(failover=True, naive=1.0, interrupted=0.1),
    "a flush": Weather(flush=True, stay=200),
    "a flush on a moody platform": Weather(flush=True, stay=200, rates={Fault.GUEST_SHUT_DOWN: 20.0}),
    "two scale sets": Weather(second=True, rates=_LATE | {Fault.LISTING_SHORT: 0.2}, stay=60),
    "halted now and then": Weather(halts=0.03, second=True, stay=60),
    "everything": Weather(
        rates=_LATE | _OLD | _PLATFORM | _ARM, failover=True, crashes=0.05, interrupted=0.05, second=True
    ),
}


class Walk:
    """One walk through one weather."""

    def __init__(self, weather: Weather, seed: int) -> None:
        self.weather = weather
        self.dice = Random(f"{weather}{seed}")
        policy = replace(POLICY, capacity={SCALE_SET: Capacity(desired=4, warm=4)}) if weather.all_warm else POLICY
        if weather.second:
            policy = replace(policy, capacity={**policy.capacity, SECOND: Capacity(desired=2, warm=1)})
        self.world = World(seed=seed, behaviour=self._behaviour(), policy=policy)
        self.naive = NaiveQueueManager(self.world)
        self.due: list[tuple[datetime, Name, Plan]] = []
        self.sessions = 0

    def _behaviour(self) -> Behaviour:
        dice = self.dice
        switches = Switches(
            overlap=dice.choice(list(Overlap)),
            eviction=dice.choice(list(Eviction)),
            reuse_ids=dice.random() < 0.8,
            vm_id_at_once=dice.random() < 0.5,
            stopped_before_running=dice.random() < 0.5,
            delete_lowers_capacity_at_once=dice.random() < 0.5,
            deleting_rows_lose_id=dice.random() < 0.5,
            mark_makes_updating=dice.random() < 0.5,
            ragged_listings=dice.random() < 0.5,
            vm_etags=dice.random() < 0.5,
        )
        quick = Latencies(create=(20, 40), start_deallocated=(15, 40), deallocate=(5, 20), power_off=(2, 8))
        latencies = quick if dice.random() < 0.5 else Latencies()
        if self.weather.all_warm:
            latencies = replace(quick, create=(3, 8), power_off=(1, 2), start_stopped=(1, 2), protect=(0.5, 1))
        return Behaviour(switches=switches, faults=Faults(rates=self.weather.rates), latencies=latencies)

    def go(self) -> None:
        """Until its end; then the weather clears and everything must settle."""
        world = self.world
        ends = world.clock.now() + LENGTH
        accident_at = world.clock.now() + LENGTH * self.dice.uniform(0.1, 0.9)
        while world.clock.now() < ends and not world.wrongs:
            world.pass_time(self.dice.uniform(0.5, 2 * self.weather.step))
            if world.clock.now() >= accident_at:
                accident_at += timedelta(seconds=self.dice.uniform(180, 400)) if self.weather.failover else 2 * LENGTH
                self._accident()
            for name in Name:
                if self.dice.random() < 0.6:
                    self._tick(name)
            self._carry_out_due()
            self._visitors()
            self._somebody_interferes()
        assert not world.wrongs

    def settle(self) -> None:
        """Fair weather, and nobody comes any more."""
        world = self.world
        world.clear_up()
        for visitor in world.inside():
            world.leave(visitor)
        ends = world.clock.now() + timedelta(hours=5)
        while world.unsettled() and world.clock.now() < ends:
            world.run(180, step=30)
        assert not world.wrongs
        assert not world.unsettled(), world.unsettled()

    def _accident(self) -> None:
        if self.weather.failover:
            self.world.fail_over(self.dice.randrange(20))
        if self.weather.flush:
            self.world.flush()

    def _somebody_interferes(self) -> None:
        world, dice = self.world, self.dice
        if self.weather.second and dice.random() < 0.05:
            away = {Fault.READ_FAILED: 1.0} if dice.random() < 0.5 else {}
            world.azures[SECOND].faults = Faults(rates={**self.weather.rates, **away})
        if dice.random() < self.weather.halts:
            world.registry.pause(dice.choice(list(Pause)))
        if dice.random() < self.weather.halts:
            tags = dice.choice([MANAGED, MANAGED, {}, {**MANAGED, "scaler:paused": "true"}, {"scaler:managed": "no"}])
            dice.choice(list(world.azures.values())).tag(**tags)

    def _tick(self, name: Name) -> None:
        world, dice = self.world, self.dice
        if dice.random() < self.weather.interrupted:
            world.plan(name)
            later = world.clock.now() + timedelta(seconds=dice.choice([5, 20, 50, 120, 300, 600]) * dice.random())
            self.due += [(later, *each) for each in world.late if each[1].steps]
            world.late.clear()
        elif dice.random() < self.weather.crashes:
            world.tick(name, dies_after=dice.randrange(4), after_the_last=dice.random() < 0.5)
        elif dice.random() < self.weather.overlap:
            world.plan(name)
            world.tick(name)
            world.carry_out_late()
        else:
            world.tick(name)

    def _carry_out_due(self) -> None:
        now = self.world.clock.now()
        self.world.late += [(name, plan) for when, name, plan in self.due if when <= now]
        self.due = [each for each in self.due if each[0] > now]
        while self.world.late:
            self.world.carry_out_late()

    def _visitors(self) -> None:
        world, dice = self.world, self.dice
        if len(world.waiting()) < 2 and dice.random() < 0.5:
            self.sessions += 1
            session = SessionId(f"session-{self.sessions}")
            if dice.random() < self.weather.naive:
                self.naive.begin(session, dice.randrange(4))
            else:
                world.reserve(session)
        self.naive.go_on(dice)
        if dice.random() < 0.8:
            world.poll()
        for visitor in world.inside():
            if dice.random() < self.weather.step / self.weather.stay:
                world.leave(visitor)
        for visitor in world.waiting():
            if dice.random() < self.weather.fickle:
                world.give_up(visitor)


@pytest.mark.stateful
@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("weather", WEATHERS)
def test_no_wrong_is_done_and_the_weather_clears(weather: str, seed: int) -> None:
    walk = Walk(WEATHERS[weather], seed)
    walk.go()
    walk.settle()


def test_visitors_do_come_and_go() -> None:
    """A campaign that nobody visits would pass as well."""
    walk = Walk(replace(WEATHERS["fair"], stay=60), 0)
    walk.go()
    assert sum(visitor.done == "left" for visitor in walk.world.visitors.values()) >= 5
