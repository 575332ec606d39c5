"""Faults of Redis in a campaign, far enough apart for the promises to hold."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from emulator.behaviour import Fault
from scaler.actuate import Outcome
from scaler.model.edges import Actor, Edge
from scaler.model.instance import VmId
from scaler.model.plan import Deallocate, Delete
from scaler.model.row import Notes, Status
from scaler.report import Report
from simulator.chaos.hosts import Host
from simulator.chaos.redis_server import Lines
from simulator.chaos.weather import Weather
from simulator.chaos.world import World

_APART = (180, 400)  # seconds: well beyond what one of them may lose
_AHEAD = timedelta(hours=2)
_AWAY = 60.0  # seconds, at most
_LONGEST_DELETE = 600  # seconds
_SOON = 3.0  # seconds after what provokes one
_YOUNG = 15.0  # seconds: a failover may lose that much, and what was done before


class RedisFaults:
    """Bring about faults of Redis, in turn, of the kinds in the weather."""

    def __init__(self, world: World, weather: Weather, dice: Random, length: timedelta) -> None:
        self._world = world
        self._dice = dice
        self._weather = weather
        self._next: datetime = world.clock.now() + length * dice.uniform(0.1, 0.9)
        self._quiet_until = world.clock.now()
        self._ahead_until: datetime | None = None
        self._spiteful = weather.spiteful or weather.spiteful_of_deletes
        if self._spiteful:
            world.readers.append(self._provoked)
        self._promoted_at: datetime | None = None  # when the replica that is away takes over
        self._copied_at: datetime | None = None  # when the new primary has a replica again
        self._lines = Lines(silent=weather.silent, slow=(0.0, weather.slow), lagging=weather.lagging)
        world.registry.lines = self._lines

    def turn(self) -> None:
        """Bring about the faults that are due."""
        dice, world = self._dice, self._world
        if self._weather.away and dice.random() < self._weather.away:
            world.counts["times Redis was away"] += 1
            dice.choice(world.lines).cut(_AWAY * dice.random())
        if self._weather.forsaken and dice.random() < self._weather.forsaken:
            self._forsake()
        if self._weather.foreign_keys:
            self._write_foreign_keys()
        self._run_redis_clock()
        if self._promoted_at is not None and world.clock.now() >= self._promoted_at:
            self._promote(-1)
        if self._copied_at is not None and world.clock.now() >= self._copied_at:
            self._copied_at = None
            world.registry.lines = self._lines
        if world.clock.now() < self._next:
            return
        self._next = world.clock.now() + timedelta(seconds=dice.uniform(*_APART))
        self._quiet_until = world.clock.now() + timedelta(seconds=_APART[0])
        kinds = self._kinds()
        if kinds:
            dice.choice(kinds)()

    def _write_foreign_keys(self) -> None:
        """Another program takes the index for its own; no machine of that name ever was, and none has a record."""
        redis = self._world.registry
        for number in range(self._weather.foreign_keys):
            key = redis.keys.instance(VmId(f"foreign-{number}"))
            redis.keyspace.sadd(redis.keys.index(Status.UNAVAILABLE), key)

    def _run_redis_clock(self) -> None:
        """Two hours ahead for a minute, now and then."""
        world = self._world
        if self._ahead_until is not None and world.clock.now() >= self._ahead_until:
            self._ahead_until = None
            world.set_redis_clock_right()
        elif self._ahead_until is None and self._weather.ahead and self._dice.random() < self._weather.ahead:
            world.counts["times Redis' clock ran ahead"] += 1
            self._ahead_until = world.clock.now() + timedelta(minutes=1)
            world.registry.clock.ahead += _AHEAD

    def fail_over_at_once(self, back: int) -> None:
        """To the state of so many ago; nothing happens if there was an accident not long ago."""
        now = self._world.clock.now()
        if self._promoted_at is not None:
            self._promote(-1 - back)
        elif now >= self._quiet_until and not self._weather.replica_away:
            self._world.fail_over(-1 - back)
            self._next = max(self._next, now + timedelta(seconds=_APART[0]))
            self._quiet_until = now + timedelta(seconds=_APART[0])

    def _forsake(self) -> None:
        """While no host runs, a reserved machine is deleted by hand and its set is lost; no process remembers it."""
        world, redis = self._world, self._world.registry
        reserved = sorted(vm_id for vm_id in redis.reserved() if world.find(vm_id) is not None)
        if not reserved:
            return
        world.counts["sets lost beside a vanished machine"] += 1
        vm_id = self._dice.choice(reserved)
        for azure in world.azures.values():
            if any(vm.vm_id == vm_id for vm in azure.vms):
                azure.happen(Fault.DELETED_BY_SOMEBODY, vm_id)
        for _ in range(_LONGEST_DELETE):
            if world.find(vm_id) is None:
                break
            world.pass_time(1)
        redis.lose(redis.keys.index(Status.RESERVED).encode())
        for host in world.hosts:
            host.configure(host.policy)

    def _provoked(self, _host: Host, _name: Actor, report: Report) -> None:
        """Bring the next fault forward when a decision must not be forgotten."""
        now, weighs = self._world.clock.now(), _is_weighty if self._weather.spiteful else _is_young_delete
        if now >= self._quiet_until and any(map(weighs, report.outcomes)):
            self._next = min(self._next, now + timedelta(seconds=self._dice.uniform(0, _SOON)))

    def _kinds(self) -> list[Callable[[], None]]:
        weather, kinds = self._weather, list[Callable[[], None]]()
        if weather.failover:
            kinds.append(lambda: self._world.fail_over(self._back()))
        if weather.replica_away:
            kinds.append(self._lose_sight_of_the_replica)
        if weather.flush and not self._world.counts["flushes"]:
            kinds.append(self._world.flush)
        if weather.restart:
            kinds.append(self._restart)
        if weather.lost_keys:
            kinds.append(self._lose)
        return kinds

    def _lose_sight_of_the_replica(self) -> None:
        """Let the replica confirm nothing for a while, unless promoted before."""
        self._copied_at = None
        self._world.registry.lines = replace(self._lines, lagging=1.0)
        self._promoted_at = self._world.clock.now() + timedelta(seconds=self._weather.replica_lags)

    def _promote(self, back: int) -> None:
        """Let the replica take over, without a replica until the next fault or for the weather's time."""
        self._promoted_at = None
        if self._weather.replica_back:
            seconds = self._weather.replica_back * self._dice.random()
            self._copied_at = self._world.clock.now() + timedelta(seconds=seconds)
        self._world.registry.lines = replace(self._lines, alone=True)
        self._world.fail_over(back)

    def _back(self) -> int:
        """How many states to fall back; counted from the oldest state in spiteful weather."""
        return -1 - self._dice.randrange(5) if self._spiteful else self._dice.randrange(20)

    def _restart(self) -> None:
        self._world.restart()
        seconds = self._dice.uniform(1, 20)
        for line in self._world.lines:
            line.cut(seconds)

    def _lose(self) -> None:
        held = self._world.registry.held
        if held:
            self._world.lose(self._dice.choice(held))


def _is_weighty(outcome: Outcome) -> bool:
    """Whether a failover now could lose both a harmful order, or an opened session, and its reason."""
    change, order = outcome.step.change, outcome.step.order
    if change is not None and change.edge is Edge.OPEN:
        waited = float(outcome.step.facts.get("waited_s") or 0)
        return waited < _YOUNG or (isinstance(change.notes, Notes) and change.notes.opening is not None)
    return isinstance(order, Deallocate) or _is_young_delete(outcome)


def _is_young_delete(outcome: Outcome) -> bool:
    """Whether a failover now could lose the reason for a delete that was ordered."""
    change = outcome.step.change
    notes = change.notes if change is not None else None
    if not isinstance(outcome.step.order, Delete) or not isinstance(notes, Notes):
        return False
    if notes.spent is None or notes.delete is None:
        return False
    return (notes.delete.at - notes.spent.at).total_seconds() < _YOUNG
