"""The composition root: settings -> doors -> ticks. Timers, the command line and the local run begin here.

The heavy imports (azure, redis) are made when this module is imported: an always-ready worker pays once, at the start
of the process, and not in the first tick. Connections are made when a tick needs a connection.
"""

import logging
import os
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache, partial
from operator import call
from threading import Lock

from azure.core.credentials import TokenCredential

from scaler.actuate import Ports
from scaler.errors import ScalerError
from scaler.history import History
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.history import SAMPLE_EVERY
from scaler.model.instance import Orchestration, ScaleSetName
from scaler.model.scarcity import Ceiling
from scaler.observe import Listings
from scaler.ports import TagStore
from scaler.registry.auth import connect as connect_redis
from scaler.registry.keys import Keys
from scaler.registry.redis import RedisRegistry
from scaler.settings import InvalidSettings, Settings, load
from scaler.signs import Signs
from scaler.telemetry import Telemetry, written
from scaler.tick import REST, STARTS, Decide, Hints, Tick
from scaler.vmss.client import ArmClient, Bounds
from scaler.vmss.client import connect as connect_arm
from scaler.vmss.credential import Guarded, managed_identity
from scaler.vmss.flexible import EXPERIMENTAL, FlexibleScaleSet
from scaler.vmss.gates import Budget, Gates
from scaler.vmss.scale_set import ArmScaleSet
from scaler.watch import Lane, Run, StartersWatch, watch

_LOG = logging.getLogger("scaler")
_MOST_RENEWALS = 10  # each is an outage; a tick says it within seconds
_STARTING = 3  # ticks at the same time: who comes while others are being started does not wait for them
_GETS_OF_STARTS = 25  # at the same time: a burst of 50 is looked at in two rounds, half a second

_JUMP = 0.5  # seconds of the wall clock between two questions; a clock that is merely adjusted moves by less

_ASSEMBLING = Lock()  # four timers begin at once

_KINDS: Mapping[Orchestration, type[ArmScaleSet]] = {
    Orchestration.UNIFORM: ArmScaleSet,
    Orchestration.FLEXIBLE: FlexibleScaleSet,
}


class SystemClock:
    """Implements scaler.ports.Clock by this process's own time: by two clocks, so that either may call an order old.

    The monotonic clock stands still while the host is suspended, and the wall clock goes on. A jump of the wall clock
    that is not the host's suspension makes looks older than they are, and costs an order, which is given again.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._slept = 0.0
        self._apart = _wall_ahead()

    def monotonic(self) -> float:
        """Seconds since some moment, those of a suspended host among them."""
        with self._lock:
            apart = _wall_ahead()
            if apart - self._apart > _JUMP:
                self._slept += apart - self._apart
            self._apart = apart
            return time.monotonic() + self._slept

    def sleep(self, duration: timedelta) -> None:
        """Let that much time pass."""
        time.sleep(duration.total_seconds())


def _wall_ahead() -> float:
    """How far the wall clock is ahead of the monotonic clock."""
    return time.time() - time.monotonic()


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """The doors of one process: Redis, the scale sets, the clock. A door connects at the first call."""

    settings: Settings
    registry: RedisRegistry
    scale_sets: Mapping[ScaleSetName, ArmScaleSet]
    clock: SystemClock
    closing: ExitStack
    ceilings: dict[ScaleSetName, Ceiling] = field(default_factory=dict)  # what Azure lately refused to this process
    renewals: deque[Exception] = field(default_factory=deque)  # tokens for Redis not renewed, and not told yet
    listings: Listings = field(default_factory=Listings)
    signs: Signs

    def close(self) -> None:
        """Close all connections. A worker never calls this: the doors stay open as long as the process lives."""
        self.closing.close()

    def ports(self, name: str) -> Ports:
        """Ports of a controller or a command, whose requests carry that name. The provisioner has no registry."""
        named = {each: scale_set.for_controller(name) for each, scale_set in self.scale_sets.items()}
        registry = None if name == Actor.PROVISIONER else self.registry
        return Ports(registry=registry, scale_sets=named, clock=self.clock)

    def starters_lanes(self) -> tuple[Lane, Lane]:
        """The starter's lanes: several ticks for new reservations, and a tick for the rest; GETs are not shared."""
        hints, submit = Hints(), self._threads(Actor.STARTER, _STARTING + 1).submit
        for scale_set in self.scale_sets.values():
            submit(scale_set.prepare)

        def lane(decide: Decide, ticks: int, gets: int) -> Lane:
            ports = self._asking(Actor.STARTER, gets)
            runs = [self._tick(decide, ports, hints).run for _ in range(ticks)]
            return Lane([self.signs.signed(Actor.STARTER, run) for run in runs], submit)

        return lane(STARTS, _STARTING, _GETS_OF_STARTS), lane(REST, 1, self.settings.policy.max_gets)

    def _asking(self, name: Actor, gets: int) -> Ports:
        """Ports of a controller that makes so many GETs at the same time."""
        return replace(self.ports(name), together=partial(self._threads(name, gets).map, call))

    def _threads(self, name: Actor, most: int) -> ThreadPoolExecutor:
        """A pool of at most so many threads, made when needed."""
        pool = ThreadPoolExecutor(most, thread_name_prefix=name)
        self.closing.callback(pool.shutdown, wait=False, cancel_futures=True)
        return pool

    def tick(self, name: Actor) -> Tick:
        """One controller before these doors."""
        return self._tick(name, self._asking(name, self.settings.policy.max_gets))

    def _tick(self, what: Actor | Decide, ports: Ports, hints: Hints | None = None) -> Tick:
        return Tick(what, ports, self.settings.policy, self.ceilings, hints, self.listings)

    def recall(self) -> None:
        """Learn from the registry what another process knows: refusals of Azure, and warm and hot machines."""
        with suppress(ScalerError):
            self.ceilings.update(self.registry.ceilings())
            self.listings.read(self.registry.read().rows.values())


def open_doors(settings: Settings, credential: TokenCredential | None = None) -> Doors:
    """The doors named by the settings. `credential`: an operator's, instead of the managed identity."""
    clock, place, horizon = SystemClock(), settings.redis, settings.policy.order_horizon
    credential = credential or managed_identity(settings.client_id)
    arm = connect_arm(
        settings.subscription,
        credential,
        endpoint=settings.arm_url,
        audience=settings.arm_audience,
        # no call outlives the order horizon, at whatever speed
        bounds=Bounds(read=min(Bounds().read, horizon / 2), listing=min(Bounds().listing, horizon * 0.9)),
    )
    renewals = deque[Exception](maxlen=_MOST_RENEWALS)
    identity = Guarded(credential) if place.entra else None
    client = connect_redis(url=place.url, ca_file=place.ca_file, identity=identity, report=renewals.append)
    closing = ExitStack()
    for close in (getattr(credential, "close", None), arm.close, client.close):
        if close is not None:
            closing.callback(close)
    registry = RedisRegistry(client, Keys(prefix=settings.prefix))
    store = _store_at(settings.store, credential, closing) if settings.store else None
    history = History(settings.policy, SAMPLE_EVERY / settings.speed)
    return Doors(
        settings=settings,
        registry=registry,
        scale_sets=_scale_sets_of(settings, arm, clock),
        clock=clock,
        closing=closing,
        renewals=renewals,
        signs=Signs(registry, clock, history, settings.policy, settings.every),
        listings=Listings(store),
    )


def _store_at(url: str, credential: TokenCredential, closing: ExitStack) -> TagStore:
    """The store of the operator's numbers. The SDK is an extra, and not imported without a store."""
    from scaler.vmss.app_configuration import AppConfiguration  # noqa: PLC0415

    store = AppConfiguration(url, credential)
    closing.callback(store.close)
    return store


def _scale_sets_of(settings: Settings, arm: ArmClient, clock: SystemClock) -> Mapping[ScaleSetName, ArmScaleSet]:
    budget, group = Budget().at_speed(settings.speed), settings.resource_group
    return {
        name: _KINDS[orchestration](arm, group, name, clock=clock, gates=Gates(clock, budget))
        for name, orchestration in settings.orchestration.items()
    }


class Scaler:
    """One process: four controllers with shared doors."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._ticks: Mapping[Actor, Run] = {
            name: doors.signs.signed(name, doors.tick(name).run) for name in CONTROLLERS if name is not Actor.STARTER
        }
        self._starters = doors.starters_lanes()
        self._telemetry = {name: Telemetry(name, doors.settings.policy) for name in CONTROLLERS}
        self._checked = False
        for name, orchestration in doors.settings.orchestration.items():
            if orchestration is Orchestration.FLEXIBLE:
                _warn(f"{name}: {EXPERIMENTAL}", event="complaint", key=name, why=EXPERIMENTAL)

    def watch(self, name: Actor) -> None:
        """One timer invocation of one controller. Raises ScalerError when its last tick could not be done."""
        self._say_what_was_not_renewed(name)
        if name is not Actor.PROVISIONER:
            self._check(name)
        doors, telemetry, duration = self._doors, self._telemetry[name], self._doors.settings.watches[name]
        if name is Actor.STARTER:
            StartersWatch(*self._starters, telemetry, doors.clock, doors.registry.reserved).run(duration)
        else:
            watch(self._ticks[name], duration, telemetry, doors.clock)

    def _check(self, name: Actor) -> None:
        """Check once that Redis can be used, and every time that no other scaler uses the same prefix."""
        settings, registry = self._doors.settings, self._doors.registry
        try:
            complaints = registry.check() if not self._checked else ()
            registry.occupy(settings.place)
        except ScalerError as error:
            self._telemetry[name].failed_tick(error)
            raise
        self._checked = True
        for complaint in complaints:
            said = f"{complaint.key}: {complaint.why}"
            _warn(said, event="complaint", controller=name, key=complaint.key, why=complaint.why)

    def _say_what_was_not_renewed(self, name: Actor) -> None:
        """Log failed renewals of Redis tokens. A record logged outside an invocation would not reach Azure's log."""
        renewals = self._doors.renewals
        with suppress(IndexError):  # another controller's thread may take the last one
            while True:
                why = str(renewals.popleft())
                said = f"the Entra ID token for Redis could not be renewed: {why}"
                _warn(said, event="renewal", controller=name, why=why)


def _warn(sentence: str, **facts: object) -> None:
    _LOG.warning(written(sentence, facts))


def run(name: str) -> None:
    """Run one timer invocation of a controller. Raises the error of the last tick, so that the invocation fails."""
    with _ASSEMBLING:
        scaler = _scaler()
    scaler.watch(Actor(name))


@cache
def _scaler() -> Scaler:
    """The scaler of this process, assembled by the first timer. Mistakes in the settings fail every run."""
    try:
        return Scaler(open_doors(load(os.environ)))
    except InvalidSettings as invalid:
        for mistake in invalid.mistakes:  # a line each: a message of several lines is torn on its way
            facts = {"event": "settings", "setting": mistake.partition(":")[0], "why": mistake}
            _LOG.error(written(f"the settings cannot be used: {mistake}", facts))
        raise
