"""A functions host under the production schedules, in virtual time: real controllers, real gates, ARM's budgets."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count

from emulator.behaviour import Behaviour
from emulator.functions_host import ncrontab
from emulator.in_process import InProcessScaleSet
from emulator.redis.memory import MemoryRegistry, PromptReplica
from emulator.scale_set import EmulatedScaleSet
from scaler.actuate import Ports
from scaler.cli.checks.settings import SCHEDULES
from scaler.errors import ScalerError, Throttled
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.policy import Policy
from scaler.observe import Listings
from scaler.registry.reservations import Reservations
from scaler.report import Report
from scaler.tick import Hints, Tick
from scaler.vmss.gates import Gates, Kind
from scaler.watch import AFTER_FAILURE, PROBE_EVERY
from simulator.chaos.hosts import DECIDING
from simulator.clock import BEGINNING, ConcurrentClock

_MEMORY = 2_000_000  # bytes of a Redis with a few hundred machines: the scaler reads so little by MGET
_PROBED = PROBE_EVERY / 2  # the starter's watch sees a reservation after half its interval, on average
_SHORTEST = timedelta(seconds=0.05)  # between two ticks


class VirtualHost:
    """One process, one scale set and one Redis. Nothing happens before `begin`, and then only in `run`."""

    def __init__(
        self,
        policy: Policy,
        *,
        watches: Mapping[str, timedelta],
        behaviour: Behaviour,
        page_size: int,
        seed: int = 0,
        start: datetime = BEGINNING,
    ) -> None:
        """`watches`: how long an invocation of each controller goes on ticking; `start`: the time of day."""
        ((self._name, capacity),) = policy.capacity.items()
        self.policy = policy
        self.clock = ConcurrentClock(start)
        self.azure = EmulatedScaleSet(self.clock.now, name=self._name, behaviour=behaviour, seed=seed)
        replica = PromptReplica() if capacity.hot else None  # hot machines need one
        self.registry = MemoryRegistry(self.clock.now, replica=replica)
        self.registry.server.memory = _MEMORY
        self.reservations = Reservations(self.registry.client, self.registry.keys)
        self.readers: list[Callable[[Actor, Report], None]] = []
        self._watches = watches
        self._gates = Gates(self.clock)
        self._ticks = self._controllers(page_size)
        self._schedules = {name: ncrontab.parse(text, setting=name) for name, text in SCHEDULES.items()}
        self._agenda: list[tuple[datetime, int, Callable[[], object]]] = []
        self._numbers = count()
        self._ends = dict.fromkeys(CONTROLLERS, self.clock.now())  # of each one's latest invocation
        self._due: dict[Actor, datetime] = {}  # its next tick

    @property
    def asked(self) -> Counter[Kind]:
        """All requests to ARM so far."""
        return Counter(self._gates.asked)

    def begin(self) -> None:
        """The timers fire from now on."""
        for name in CONTROLLERS:
            self.at(self._schedules[name].next_after(self.clock.now()), self._invoke(name))

    def run(self, duration: timedelta) -> None:
        """Let so much time pass."""
        ends = self.clock.now() + duration
        while self._agenda and self._agenda[0][0] <= ends:
            due, _, act = heappop(self._agenda)
            if due > self.clock.now():
                self.clock.advance(due - self.clock.now())
            act()
        if self.clock.now() < ends:
            self.clock.advance(ends - self.clock.now())

    def at(self, moment: datetime, act: Callable[[], object]) -> None:
        """Do something at that moment."""
        heappush(self._agenda, (moment, next(self._numbers), act))

    def after(self, pause: timedelta, act: Callable[[], object]) -> None:
        """Do something so much later."""
        self.at(self.clock.now() + pause, act)

    def reserved(self) -> None:
        """Somebody has reserved a machine: the starter's watch sees that soon."""
        moment = self.clock.now() + _PROBED
        if moment <= self._ends[Actor.STARTER]:
            self.at(moment, lambda: self._run(Actor.STARTER, self._ticks[Actor.STARTER][0]))

    def _controllers(self, page_size: int) -> Mapping[Actor, list[Tick]]:
        listings, together = Listings(), self.clock.together
        door = InProcessScaleSet(self.azure, self.clock, page_size=page_size, gates=self._gates)
        ticks = {}
        for name in CONTROLLERS:
            registry = None if name is Actor.PROVISIONER else self.registry
            scale_sets = {self._name: door.for_controller(name)}
            ports = Ports(registry=registry, scale_sets=scale_sets, clock=self.clock, together=together)
            hints = Hints()
            parts = DECIDING.get(name, (name,))
            ticks[name] = [Tick(each, ports, self.policy, None, hints, listings) for each in parts]
        return ticks

    def _invoke(self, name: Actor) -> Callable[[], None]:
        def fire() -> None:
            began = self.clock.now()
            self._ends[name] = began + self._watches[name]
            self._tick(name)
            self.at(self._schedules[name].next_after(began), fire)

        return fire

    def _tick(self, name: Actor) -> None:
        """One tick of the whole controller, and the next one of the same invocation when it is due."""
        self._due.pop(name, None)
        if name is Actor.STARTER and not self.registry.reserved():
            return  # nobody waits: it would ask nothing of Azure
        for tick in self._ticks[name]:
            self._run(name, tick)

    def _run(self, name: Actor, tick: Tick) -> None:
        again = self._look_of(name, tick)
        if again is not None:
            self._tick_at(name, self.clock.now() + max(again, _SHORTEST))

    def _tick_at(self, name: Actor, moment: datetime) -> None:
        if moment > self._ends[name] or self._due.get(name, moment) < moment:
            return
        self._due[name] = moment

        def due() -> None:
            if self._due.get(name) == moment:
                del self._due[name]
                self._run(name, self._ticks[name][-1])  # the starter's other part starts what is new, at once

        self.at(moment, due)

    def _look_of(self, name: Actor, tick: Tick) -> timedelta | None:
        try:
            report = tick.run()
        except ScalerError as error:
            return error.retry_after if isinstance(error, Throttled) else AFTER_FAILURE
        for read in self.readers:
            read(name, report)
        return report.look_again
