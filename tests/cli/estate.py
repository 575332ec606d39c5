"""What a command line is pointed at: an emulated Azure on the wire, a real redis-server, and who lives in them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock

import go_scaler
import redis
from cli.console import Console
from contract.registries import Server
from go_scaler import Machine, Placed
from wire.scripted_arm import StaticToken

from emulator.behaviour import Behaviour, Latencies
from emulator.scale_set import EmulatedScaleSet
from emulator.wire.roles import Grant, Role
from emulator.wire.server import RunningServer, serve
from emulator.wire.site import SYSTEM_ASSIGNED, Site
from scaler.model.edges import CONTROLLERS, Actor
from scaler.registry.keys import Keys
from scaler.report import Report
from scaler.runtime import open_doors
from scaler.settings import load

SPEED = 20  # of the policy: Redis' clock is the real one
SECRET = "the-identity's"
KEYS = Keys()
PATIENCE_SECONDS = 150.0


class LeapingClock:
    """The wall clock, which a test may turn forward: Azure's, for machines that take minutes."""

    def __init__(self) -> None:
        self._ahead = timedelta()
        self._lock = Lock()

    def now(self) -> datetime:
        """The time of day."""
        with self._lock:
            return datetime.now(UTC) + self._ahead

    def leap(self, **duration: float) -> None:
        """It is later now."""
        with self._lock:
            self._ahead += timedelta(**duration)


@dataclass(kw_only=True)
class Estate:
    """One scale set (more where a test wants them), one Redis, and the shell of their operator."""

    redis: redis.Redis
    redis_url: str
    names: tuple[str, ...] = ("vmss-pixels",)
    clock: LeapingClock = field(default_factory=LeapingClock)

    def __post_init__(self) -> None:
        behaviour = Behaviour(latencies=Latencies().exact()).at_speed(SPEED)
        self.azures = [
            EmulatedScaleSet(self.clock.now, name=name, seed=number, behaviour=behaviour)
            for number, name in enumerate(self.names)
        ]
        self.azure = self.azures[0]
        self.server: RunningServer = serve(self.azures, site=Site(identity_secret=SECRET))

    @classmethod
    def beside(cls, server: Server, *names: str) -> "Estate":
        """With that redis-server, emptied."""
        client = server.client()
        client.flushall()
        return cls(redis=client, redis_url=f"redis://127.0.0.1:{server.port}/0", names=names or ("vmss-pixels",))

    @property
    def environment(self) -> dict[str, str]:
        """The app settings, as an operator inside Azure has them."""
        return {
            "AZURE_SUBSCRIPTION_ID": self.server.site.place.subscription,
            "AZURE_RESOURCE_GROUP": self.server.site.place.resource_group,
            "AZURE_VMSS_NAME": ",".join(self.names),
            "AZURE_RESOURCE_MANAGER_URL": self.server.url,
            "IDENTITY_ENDPOINT": f"{self.server.url}/msi/token",
            "IDENTITY_HEADER": SECRET,
            "REDIS_URL": self.redis_url,
            "SCALER_SPEED": str(SPEED),
            "SCALER_POOL_CAPACITY": "3",
        }

    @property
    def console(self) -> Console:
        """A shell with them."""
        return Console(environment=self.environment)

    def settle(self, *machines: Machine) -> list[Placed]:
        """An installation of the Go scaler with these machines."""
        return go_scaler.install(self.azure, self.redis, KEYS, machines, lambda: self.clock.leap(minutes=10))

    def tick_until(self, done: Callable[[], bool]) -> None:
        """All four controllers, as their timers would, until it is so."""
        ends = time.monotonic() + PATIENCE_SECONDS
        while not done():
            assert time.monotonic() < ends, self.console.run("status").out
            self.clock.leap(minutes=1)
            for name in CONTROLLERS:
                self.console.run("tick", name, "--yes")

    def serve_until(self, done: Callable[[], bool]) -> None:
        """Tick the controllers until `done`, in one process, whose listings are remembered."""
        ends = time.monotonic() + PATIENCE_SECONDS
        with self.process() as tick:
            while not done():
                assert time.monotonic() < ends, self.console.run("status").out
                self.clock.leap(seconds=10)
                for name in CONTROLLERS:
                    tick(name)

    def allow(self) -> None:
        """The operator sets the tag."""
        self.azure.tag(**{"scaler:managed": "true"})

    def may(self, actions: list[str]) -> None:
        """The operator has a role with these actions on the resource group."""
        site = self.server.site
        site.grants[SYSTEM_ASSIGNED.object_id] = Grant(role=Role(actions=tuple(actions)), scope=site.group_id)

    @contextmanager
    def process(self, **settings: str) -> Iterator[Callable[[Actor], Report]]:
        """A functions host: ticks that share one memory, and leave signs of life."""
        doors = open_doors(load(self.environment | settings), StaticToken())
        ticks = {name: doors.signs.signed(name, doors.tick(name).run) for name in CONTROLLERS}
        try:
            yield lambda name: ticks[name]()
        finally:
            doors.close()

    def is_gone(self, placed: Placed) -> bool:
        """Whether Azure has deleted it."""
        return self.azure.find(placed.vm_id) is None

    def close(self) -> None:
        """Nothing is left of it."""
        self.server.close()
        self.redis.close()
