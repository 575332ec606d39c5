"""One seed in one weather: faults and eager visitors for a while; then fair weather, in which all must settle."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from random import Random

from scaler.actuate import Result
from scaler.model.edges import CONTROLLERS, Actor, Edge
from scaler.model.plan import Deallocate, PowerOff, Why
from scaler.model.policy import Capacity, EndWhen, Moves, Policy, ReadyWhen
from scaler.report import Report
from simulator.chaos.azure import NO_SKEWS, Skews, azure_of
from simulator.chaos.breaks import NOTHING, Planted
from simulator.chaos.hosts import Host, Late
from simulator.chaos.operators import Operators
from simulator.chaos.redis_faults import RedisFaults
from simulator.chaos.weather import UNREADY_BOUND, Weather
from simulator.chaos.world import MINUTE, POLICY, SCALE_SET, SECOND, World
from simulator.happenings import Manner
from simulator.observer.judges import AtOnce, TakenBack
from simulator.observer.lost import Unstarted
from simulator.workload.crowd import Crowd
from simulator.workload.habits import MIXED, UNNAMED, Habits

LENGTH = 40 * MINUTE
_HOSTS = 2
_HELD = 9  # seconds: a plan is kept for ten
_AFTERMATH = 60 * MINUTE  # sessions that are still on, deletes of one a tick, new machines, their marks
_FEWEST = 6  # visitors who come at once, where many do
_BUSY = (0.1, 0.25, 0.5, 1.0)  # of the weather's visitors: where there are few, machines are free and sessions move
_READY_TIMEOUT = timedelta(seconds=90)  # a guest boots in 40 s, and Azure tells within another 45
_LATER = (5, 20, 50, 120, 300, 600)  # seconds until an interrupted tick goes on, at most


class Campaign:
    """A run in virtual time, drawn from the seed alone."""

    def __init__(self, weather: Weather, seed: int, *, planted: Planted = NOTHING, length: timedelta = LENGTH) -> None:
        self.weather = weather
        self.length = length
        self.dice = Random(f"campaign {seed}")
        skews = Skews.drawn(self.dice, _HOSTS) if weather.skewed else replace(NO_SKEWS, hosts=(timedelta(0),) * _HOSTS)
        skews = replace(skews, front_end=timedelta(seconds=weather.front_ends))
        behaviour = azure_of(weather, self.dice)
        self.world = World(
            seed=seed,
            behaviour=behaviour,
            policy=_policy_for(weather, self.dice),
            skews=skews,
            planted=planted,
            waits=timedelta(seconds=weather.waits) or None,
        )
        if weather.starts:
            self.world.observer.judges.append(Unstarted(timedelta(seconds=weather.starts)))
        self.missed: list[str] = []  # what is promised in this weather beside the four wrongs
        if weather.looks:
            self.world.readers.append(self._note_alarms)
        if weather.one_by_one:
            at_once = AtOnce(self.world.policy)
            self.world.hearers.append(lambda happening: self.missed.extend(at_once.see(happening)))
        if weather.taken_stay:
            taken_back = TakenBack(self.world.policy)
            self.world.hearers.append(taken_back.see)
            self.world.readers.append(partial(self._note_taken_back, taken_back))
        if weather.healthy:
            self.world.readers.append(self._note_unready)
        self.redis_faults = RedisFaults(self.world, weather, self.dice, length)
        self.operators = Operators(self.world, weather, self.dice)
        dice = Random(f"crowd {seed}")
        self.crowd = Crowd(self.world.access, dice, _habits_for(weather, dice))
        self.world.turns.append(self.crowd.go_on)
        if weather.ill_timed:
            self.world.readers.append(self._come_to_a_stop)
        self._calm = not weather.noting
        for host in self.world.hosts:
            host.sightings.append(self._while_azure_answers)
        self._due: list[tuple[datetime, Late]] = []

    def go(self) -> None:
        """Run until the end, the first wrong, or the first promise of this weather that is missed."""
        world = self.world
        ends = world.clock.now() + self.length
        while world.clock.now() < ends and not world.wrongs and not self.missed:
            world.pass_time(self.dice.uniform(0.5, 2 * self.weather.step))
            self.redis_faults.turn()
            for name in CONTROLLERS:
                if self.dice.random() < 0.6:
                    self._tick(name)
            self._carry_out_due()
            self.crowd.go_on()
            self.operators.turn()

    def settle(self) -> tuple[timedelta, tuple[str, ...]]:
        """Let the weather clear and no visitor come any more; how long settling took, and what is amiss at the bound.

        Where the weather says so, controllers without a look for minutes and too many deletes at once are amiss too.
        """
        world = self.world
        world.clear_up()
        self._calm = True
        self.operators.leave_off()
        self.crowd.leave_off()
        began = world.clock.now()
        bound = settle_bound(world.policy)
        while not self.missed and self._amiss() and world.clock.now() < began + bound and not world.wrongs:
            world.run(60, step=20)
        return world.clock.now() - began, self._amiss()

    def _amiss(self) -> tuple[str, ...]:
        """What is amiss with the world, the controllers and the visitors: a queue manager may still write."""
        left = ["somebody is still there, or a queue manager has not come to its end"] if self.crowd.at_work else []
        return (*self.missed, *self.world.unsettled(), *left)

    def _come_to_a_stop(self, _host: Host, _name: Actor, report: Report) -> None:
        """A machine has just been ordered to stop under a claim, and the order may still be on its way."""
        orders = (each.step.order for each in report.outcomes if each.step.change is not None)
        if any(isinstance(order, Deallocate | PowerOff) for order in orders):
            self.crowd.come_now()

    def _note_alarms(self, host: Host, name: Actor, report: Report) -> None:
        """Note each controller that wanted a look for minutes and had none."""
        for each in report.plan.refusals:
            if each.why is Why.UNSEEN:
                seconds, where = each.facts["unseen_s"], each.facts["scale_set"]
                self.missed.append(f"the {name} of {host.name} had no look at {where} for {seconds} s")

    def _note_taken_back(self, taken_back: TakenBack, _host: Host, _name: Actor, report: Report) -> None:
        """Note each machine that was taken back from the offer when it was a visitor's already."""
        for each in report.outcomes:
            if each.step.edge == Edge.SPEND.name and each.result is Result.DONE and each.step.vm_id is not None:
                self.missed.extend(taken_back.spent(each.step.vm_id, self.world.clock.now()))

    def _note_unready(self, _host: Host, _name: Actor, report: Report) -> None:
        """Note each machine that was let in to, or offered, before its application was ready; liars are believed."""
        for each in report.outcomes:
            vm_id, health = each.step.vm_id, None
            if each.result is Result.DONE and vm_id is not None:
                health = self.world.azure_region.health_of(vm_id)
            if health is None or health.lied:
                continue
            now = self.world.azure_region.clock.now()
            if each.step.edge == Edge.OPEN.name and not health.streams(now):
                self.missed.append(f"{vm_id} was opened before its application was ready")
            if each.step.edge == Edge.ADMIT.name and not health.has_streamed(now):
                self.missed.append(f"{vm_id} was offered, and its application was never ready")

    def _tick(self, name: Actor) -> None:
        world, dice, weather = self.world, self.dice, self.weather
        host = dice.randrange(_HOSTS)
        if dice.random() < weather.interrupted:
            self._interrupt(name, host)
            return
        if weather.ill_timed and dice.random() < weather.ill_timed:
            self._visited(name, host)
            return
        dies = dice.random() < weather.crashes
        if dice.random() < weather.held_up:
            fails_over = dice.random() < weather.failover_held if weather.failover_held else False
            meanwhile = self._meanwhile_redis_fails_over if fails_over else self._meanwhile
            delay = world.hosts[host].delay
            delay.left, delay.meanwhile = dice.randrange(8), lambda: meanwhile(name, 1 - host)
        if dies:
            world.tick(name, host=host, dies_after=dice.randrange(4), after_the_last=dice.random() < 0.5)
        elif dice.random() < weather.overlap:
            begun = world.hosts[host].begin(name)
            world.tick(name, host=1 - host)
            if begun is not None:
                world.carry_out(begun)
        else:
            world.tick(name, host=host)

    def _interrupt(self, name: Actor, host: int) -> None:
        begun = self.world.hosts[host].begin(name)
        if begun is not None and begun.report.plan.steps:
            later = timedelta(seconds=self.dice.choice(_LATER) * self.dice.random())
            self._due.append((self.world.clock.now() + later, begun))

    def _visited(self, name: Actor, host: int) -> None:
        """Somebody comes between a decision to take a key and its write."""
        begun = self.world.hosts[host].begin(name)
        if begun is None:
            return
        if _takes_a_key(begun.report):
            self.crowd.come_now()
            self.crowd.go_on()  # SPOP
            self.crowd.go_on()  # GET, by those who read at once
        self.world.carry_out(begun)

    def _meanwhile(self, name: Actor, other: int) -> None:
        """A tick is held up in the middle of it."""
        self.world.counts["ticks held up"] += 1
        self.world.pass_time(self.dice.choice([0.1, 1, 10, 40]) * self.dice.random())
        self.crowd.go_on()
        if self.dice.random() < 0.5:
            self.world.tick(name, host=other)

    def _meanwhile_redis_fails_over(self, name: Actor, other: int) -> None:
        """Hold a tick up while Redis falls back to what the tick had read, and forgets a session let in since."""
        self.world.counts["ticks held up"] += 1
        opened = self.world.edges[Edge.OPEN.name]
        for second in range(_HELD):
            self.world.pass_time(1)
            self.crowd.go_on()
            if second >= _HELD / 3:  # until then, visitors change their minds
                self.world.tick(Actor.STARTER, host=other)
        if self.world.edges[Edge.OPEN.name] > opened:
            self.redis_faults.fail_over_at_once(_HELD)

    def _while_azure_answers(self, _who: str, _answer: object) -> None:
        """An answer of Azure takes a second, in which a heartbeat is written."""
        if not self._calm:
            self.world.pass_time(1)
            self.crowd.go_on()

    def _carry_out_due(self) -> None:
        now = self.world.clock.now()
        due = [late for when, late in self._due if when <= now]
        self._due = [each for each in self._due if each[0] > now]
        for late in due:
            self.world.carry_out(late)


def _takes_a_key(report: Report) -> bool:
    """Whether a machine that is free is about to be claimed, or a session to be moved to one."""
    changes = [each.change for each in report.plan.steps if each.change is not None]
    return any(half.takes for change in changes for half in change.together)


def settle_bound(policy: Policy) -> timedelta:
    """The time by which all must have settled: the longest of all waits, and the steps that follow."""
    longest = max(policy.delete_retry_most, *policy.failed_hold.values(), policy.limit_of_presumed)
    return (
        longest + policy.creating_timeout + policy.capacity_stuck + policy.flush_hold + policy.surplus_kept + _AFTERMATH
    )


def _policy_for(weather: Weather, dice: Random) -> Policy:
    """A small fleet of random size and warmth: in a large fleet nothing is ever scarce."""
    desired = weather.machines or dice.randrange(2, 7)
    warm = desired if weather.all_warm else dice.randrange(desired + 1)
    capacity = {SCALE_SET: Capacity(desired=desired, warm=0 if weather.cold else warm, hot=weather.hot)}
    if weather.second:
        capacity[SECOND] = capacity[SCALE_SET] if weather.shared else Capacity(desired=2, warm=1)
    weights = {SCALE_SET: 2, SECOND: 1} if weather.shared else {}
    return replace(
        POLICY,
        capacity=capacity,
        weights=weights,
        moves=Moves.ALWAYS if weather.following else Moves.ATOMIC,
        end_when=dict.fromkeys(capacity, EndWhen.UNHEALTHY) if weather.by_health else {},
        ready_when=dict.fromkeys(capacity, ReadyWhen.HEALTHY) if weather.healthy else {},
        unready_bound=UNREADY_BOUND,
        ready_timeout=_READY_TIMEOUT,
    )


def _habits_for(weather: Weather, dice: Random) -> Habits:
    """As many visitors, and such queue managers, as the weather brings."""
    quick = weather.step / 4
    many = dice.randint(_FEWEST, weather.at_once) if weather.at_once else 0
    connects = (0.85 * POLICY.connect_timeout.total_seconds(), 0.98 * POLICY.connect_timeout.total_seconds())
    usual = Habits(
        per_minute=weather.per_minute * dice.choice(_BUSY),
        shares=_shares(weather),
        stay=weather.stay,
        fickleness=weather.fickle,
        poll=(quick, 4 * quick),
        closing_tabs=0.5 if weather.by_health else 0.0,
        connects=connects if weather.by_health else None,
    )
    return replace(usual, rush=1.0, party=many - 1, most=many + usual.most) if many else usual


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
