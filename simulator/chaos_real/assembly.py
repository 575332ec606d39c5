"""Every part of a run that breaks things, started one after the other and stopped in the reverse order."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from redis import Redis

from scaler.registry.keys import Keys
from simulator.chaos_real.front import LOOPBACK
from simulator.chaos_real.hosts import Hosts
from simulator.chaos_real.nursery import Nursery
from simulator.chaos_real.redis_node import binary, plain
from simulator.chaos_real.redis_pair import RedisPair, redis_pair
from simulator.chaos_real.switchboard import Gate, Switchboard
from simulator.clock import RunClock
from simulator.happenings import Happening
from simulator.options import Options
from simulator.parts.azure import Azure, azure
from simulator.parts.environment import Environment, assemble

_ASIDE = 0.5  # seconds until the observer gives up a look: it has visitors to listen to
_PATIENT = 3.0  # until a web site gives up an answer, and never so long that its next step comes too late

_SHORT = {"SCALER_VM_RUNTIME": "3m", "CLEANER_SCHEDULE": "* * * * * *"}
"""Sessions whose visitors never come are over within a short run, and so is the deleting, of one machine per tick."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that runs; all of it puts what happens into `happenings`."""

    environment: Environment
    clock: RunClock
    pair: RedisPair
    clients: Redis  # the visitors'
    aside: Redis  # the observer's
    keys: Keys
    azure: Azure
    arm: Gate
    hosts: Hosts
    happenings: SimpleQueue[Happening]

    def failure(self) -> str | None:
        """Who is dead although nobody killed them, and why."""
        return self.pair.failure or self.hosts.failure

    def arm_calls(self) -> int:
        """So far."""
        return sum(self.azure.calls().values())


@contextmanager
def started(options: Options, environ: Mapping[str, str]) -> Iterator[Parts]:
    """Until the end of the block; no functions host runs yet. Raises SetupFailed when a part is missing."""
    binary()
    environment = assemble({**_SHORT, **environ}, speed=options.speed, scale_sets=options.scale_sets)
    settings, clock = environment.settings, RunClock()
    happenings: SimpleQueue[Happening] = SimpleQueue()
    patience = min(_PATIENT, settings.policy.repair_after.total_seconds() / 3)
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="simulator-redis-")))
        nursery = ending.enter_context(Nursery())
        board = ending.enter_context(Switchboard())
        pair = ending.enter_context(redis_pair(folder, nursery, board))
        cloud = ending.enter_context(azure(settings, environment.variables["IDENTITY_HEADER"], clock.now, options.seed))
        for each in cloud.scale_sets:
            each.history.listeners.append(happenings.put)
        arm = board.gate(int(cloud.server.url.rpartition(":")[2]))
        variables = environment.at(redis_url=pair.url, azure_url=f"http://{LOOPBACK}:{arm.port}")
        hosts = Hosts(variables, nursery, happenings.put)
        ending.callback(hosts.close)
        yield Parts(
            environment=environment,
            clock=clock,
            pair=pair,
            clients=ending.enter_context(plain(pair.clients.port, timeout=patience)),
            aside=ending.enter_context(plain(pair.aside.port, timeout=_ASIDE)),
            keys=Keys(prefix=settings.prefix),
            azure=cloud,
            arm=arm,
            hosts=hosts,
            happenings=happenings,
        )
