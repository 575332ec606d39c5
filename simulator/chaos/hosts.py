"""Hosts that run the four controllers: they die at any effect, tick at the same moment, and are held up anywhere."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from scaler.actuate import Ports, actuate
from scaler.controllers import cleaner, reconciler
from scaler.errors import ScalerError
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.instance import ScaleSetName
from scaler.model.policy import Policy
from scaler.model.scarcity import Ceiling
from scaler.observe import Listings
from scaler.report import Report
from scaler.tick import REST, STARTS, Decide, Hints, Tick
from simulator.chaos.azure import Azure
from simulator.chaos.breaks import NOTHING, Planted
from simulator.chaos.doors import Crash, Delay, Door, Effects, Fate, Gate, Overheard
from simulator.chaos.redis_server import Line, RedisServer
from simulator.clock import SkewedClock, VirtualClock

DECIDING: Mapping[Actor, Sequence[Decide]] = {
    Actor.RECONCILER: [reconciler.decide],
    Actor.STARTER: [STARTS, REST],
    Actor.CLEANER: [cleaner.decide],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The world of all hosts."""

    clock: VirtualClock
    azure: Azure
    redis: RedisServer
    planted: Planted = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """A tick that was interrupted after the decision."""

    host: "Host"
    name: Actor
    parts: tuple[Report, ...]  # of the starter two: each is a tick of its own, and may want what the other wants
    ports: Ports
    policy: Policy

    @property
    def report(self) -> Report:
        """The decision."""
        return _joined(self.parts)

    def finish(self) -> Report:
        """Carry out the second half, with the settings and doors of the first."""
        done = [replace(each, outcomes=actuate(each.plan, self.ports, self.policy)) for each in self.parts]
        return _joined(done)


class Host:
    """One functions host with a clock of its own. New settings start the host anew, without memory.

    `fate` and `delay` last for one tick: whether the host dies in it, or is held up while something else happens.
    """

    def __init__(self, name: str, around: Surroundings, policy: Policy, ahead: timedelta = timedelta(0)) -> None:
        self.name = name
        self.line = Line(around.redis, around.clock)
        self.fate = Fate()
        self.delay = Delay(meanwhile=lambda: None)
        self.effects = Effects()
        self.sightings: list[Callable[[str, object], None]] = []
        self.ticks = 0
        self._around = around
        self._planted = around.planted
        self._clock = SkewedClock(around.clock, ahead)
        self._running: dict[Actor, list[Tick]] = {}
        self._ceilings: dict[ScaleSetName, Ceiling] = {}
        self.configure(policy)

    def configure(self, policy: Policy) -> None:
        """Start anew with these settings."""
        self.policy = self._planted.policy(policy)
        self._forget()

    def _forget(self) -> None:
        """Forget the memory of a process: listings, ceilings, and what the gates have counted and heard."""
        self._running.clear()
        self._ceilings = {}
        self._listings = Listings()
        azure, gates_of = self._around.azure, self._planted.gates
        self._faces = {each: azure.face(each, self._clock, gates_of(self._clock)) for each in self.policy.capacity}
        self._ports = {name: self._ports_of(name) for name in CONTROLLERS}

    def run(self, name: Actor) -> Report | None:
        """Run one tick. Raises Crash when the process dies; then all of the host starts again without memory."""
        self.ticks += 1
        try:
            return _joined([tick.run() for tick in self._ticks_of(name)])
        except ScalerError:
            return None  # Redis or Azure away: the next tick is the retry
        except Crash:
            self._forget()
            raise
        finally:
            self.fate.left = self.delay.left = None

    def begin(self, name: Actor) -> Late | None:
        """The first half of a tick."""
        self.ticks += 1
        try:
            parts = tuple(tick.plan() for tick in self._ticks_of(name))
        except ScalerError:
            return None
        return Late(host=self, name=name, parts=parts, ports=self._ports[name], policy=self.policy)

    def _ticks_of(self, name: Actor) -> list[Tick]:
        """The ticks of a controller: one, or one for each part of the starter, as in a worker."""
        if name not in self._running:
            hints, ports = Hints(), self._ports[name]
            deciding = DECIDING.get(name)
            parts = [name] if deciding is None else [self._planted.decide(name, each) for each in deciding]
            listings = self._planted.listings(self._listings)
            self._running[name] = [Tick(each, ports, self.policy, self._ceilings, hints, listings) for each in parts]
        return self._running[name]

    def _ports_of(self, name: Actor) -> Ports:
        registry = self._planted.registry(self._door(self._around.redis, self.line))
        scale_sets = {each: self._scale_set(each, name) for each in self.policy.capacity}
        return Ports(registry=None if name is Actor.PROVISIONER else registry, scale_sets=scale_sets, clock=self._clock)

    def _scale_set(self, scale_set: ScaleSetName, caller: Actor) -> Any:
        overheard = Overheard(f"{caller} of {self.name}", self.sightings)
        face = self._around.azure.fronted(self._faces[scale_set].for_controller(caller))
        return self._planted.scale_set(self._door(face, overheard))

    def _door(self, behind: object, *gates: Gate) -> Door:
        return Door(behind, (self.delay, self.fate, self.effects, *gates))


def _joined(reports: Sequence[Report]) -> Report:
    """Of the parts of one controller."""
    if len(reports) == 1:
        return reports[0]
    plans, first = [each.plan for each in reports], reports[0]
    plan = replace(
        plans[0],
        steps=tuple(step for each in plans for step in each.steps),
        refusals=tuple(refusal for each in plans for refusal in each.refusals),
    )
    return replace(first, plan=plan, outcomes=tuple(outcome for each in reports for outcome in each.outcomes))
