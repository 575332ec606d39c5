"""The one composition root: settings -> doors -> ticks. Whoever runs a controller comes through here.

The heavy imports (azure, redis) are made when this module is imported: an always-ready worker pays for them once,
at its start, and not in its first tick. Connections are made by the first tick that needs them.
"""

import logging
import os
import time
from datetime import timedelta
from threading import Lock

from scaler.actuate import Ports
from scaler.errors import ScalerError
from scaler.model.instance import ScaleSetName
from scaler.registry.auth import connect as connect_redis
from scaler.registry.keys import Keys
from scaler.registry.redis import RedisRegistry
from scaler.settings import InvalidSettings, Settings, load
from scaler.telemetry import Telemetry
from scaler.tick import Name, Tick
from scaler.vmss.client import Bounds
from scaler.vmss.client import connect as connect_arm
from scaler.vmss.credential import managed_identity
from scaler.vmss.gates import Budget, Gates
from scaler.vmss.scale_set import ArmScaleSet
from scaler.watch import Watch

_LOG = logging.getLogger("scaler")


class SystemClock:
    """Implements scaler.ports.Clock by this process's own time."""

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def sleep(self, duration: timedelta) -> None:
        """Let that much time pass."""
        time.sleep(duration.total_seconds())


class Scaler:
    """One process: four controllers that share their doors. Nothing is connected before the first tick."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clock = SystemClock()
        self._registry = _registry_of(settings)
        self._scale_sets = _scale_sets_of(settings, self._clock)
        self._ticks = {name: self._tick_of(name) for name in Name}
        self._telemetry = {name: Telemetry(name) for name in Name}
        self._checked = False

    def _tick_of(self, name: Name) -> Tick:
        named = {each: scale_set.for_controller(name) for each, scale_set in self._scale_sets.items()}
        registry = None if name is Name.PROVISIONER else self._registry
        ports = Ports(registry=registry, scale_sets=named, clock=self._clock)
        return Tick(name, ports, self._settings.policy)

    def watch(self, name: Name) -> None:
        """One timer invocation of one controller. Raises ScalerError when its last tick could not be done."""
        if name is not Name.PROVISIONER:
            self._check_once(name)
        probe = self._registry.reserved if name is Name.STARTER else None
        watch = Watch(self._ticks[name], self._telemetry[name], self._clock, probe)
        watch.run(self._settings.watches[name])

    def _check_once(self, name: Name) -> None:
        """Whether this Redis can be used at all, asked once by whichever controller comes first."""
        if self._checked:
            return
        try:
            complaints = self._registry.check()
        except ScalerError as error:
            self._telemetry[name].failed(error)
            raise
        self._checked = True
        for complaint in complaints:
            _LOG.warning("%s: %s", complaint.key, complaint.why, extra={"event": "complaint"})


def _registry_of(settings: Settings) -> RedisRegistry:
    redis = settings.redis
    client = connect_redis(url=redis.url, host=redis.host, port=redis.port, ssl=redis.tls, password=redis.password)
    return RedisRegistry(client, Keys(prefix=settings.prefix))


def _scale_sets_of(settings: Settings, clock: SystemClock) -> dict[ScaleSetName, ArmScaleSet]:
    client = connect_arm(
        settings.subscription,
        managed_identity(settings.client_id),
        endpoint=settings.arm_url,
        bounds=_bounds(settings),
    )
    budget = Budget().at_speed(settings.speed)
    return {
        name: ArmScaleSet(client, settings.resource_group, name, clock=clock, gates=Gates(clock, budget))
        for name in settings.scale_sets
    }


def _bounds(settings: Settings) -> Bounds:
    """No call outlives the order horizon, at whatever speed."""
    horizon = settings.policy.order_horizon
    return Bounds(read=min(Bounds().read, horizon / 2), listing=min(Bounds().listing, horizon * 0.9))


def run(name: str) -> None:
    """What a timer calls. Logs what it does; raises what its last tick failed with, so that the invocation fails."""
    _scaler().watch(Name(name))


_assembled: Scaler | None = None
_assembling = Lock()


def _scaler() -> Scaler:
    """This process's scaler, assembled by the first timer. A mistake in the settings fails every run, and says so."""
    global _assembled  # noqa: PLW0603  (module globals live as long as the worker: that is what they are for)
    with _assembling:
        if _assembled is None:
            try:
                _assembled = Scaler(load(os.environ))
            except InvalidSettings as invalid:
                _LOG.error(str(invalid), extra={"event": "settings", "mistakes": list(invalid.mistakes)})
                raise
    return _assembled
