"""Every part of a run, started one after the other and stopped in the reverse order."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue

from redis import Redis

from scaler.registry.keys import Keys
from simulator.clock import RunClock
from simulator.happenings import Happening
from simulator.options import Options
from simulator.parts.azure import Azure, azure
from simulator.parts.environment import Environment, assemble
from simulator.parts.functions_host import FunctionsHost, functions_host
from simulator.parts.redis_server import RedisServer, redis_server

_TIMEOUT = 3.0  # seconds until a silent Redis is given up: a Ctrl-C must be obeyed all the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that runs; all of it puts what happens into `happenings`."""

    environment: Environment
    clock: RunClock
    redis: RedisServer
    client: Redis
    keys: Keys
    azure: Azure
    host: FunctionsHost
    happenings: SimpleQueue[Happening]

    def failure(self) -> str | None:
        """Why the run cannot go on."""
        return self.redis.failure or self.host.failure

    def arm_calls(self) -> int:
        """So far."""
        return sum(self.azure.calls().values())


@contextmanager
def started(options: Options, environ: Mapping[str, str]) -> Iterator[Parts]:
    """Until the end of the block. The timers need not fire yet. Raises SetupFailed when a part is missing."""
    environment = assemble(environ, speed=options.speed, scale_sets=options.scale_sets)
    settings = environment.settings
    happenings: SimpleQueue[Happening] = SimpleQueue()
    with redis_server() as redis, Redis.from_url(redis.url, socket_timeout=_TIMEOUT) as client:
        clock = RunClock()
        with azure(settings, environment.variables["IDENTITY_HEADER"], clock.now, options.seed) as cloud:
            for scale_set in cloud.scale_sets:
                scale_set.history.listeners.append(happenings.put)
            variables = environment.at(redis_url=redis.url, azure_url=cloud.server.url)
            with functions_host(variables, happenings.put) as host:
                yield Parts(
                    environment=environment,
                    clock=clock,
                    redis=redis,
                    client=client,
                    keys=Keys(prefix=settings.prefix),
                    azure=cloud,
                    host=host,
                    happenings=happenings,
                )
