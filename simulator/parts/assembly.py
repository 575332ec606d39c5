"""Every part of a run in real time, started one after the other and stopped in the reverse order."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from random import Random
from typing import TextIO

from redis import Redis

from scaler.registry.keys import Keys
from simulator.clock import WallClock
from simulator.happenings import Happening, Trouble
from simulator.options import Options
from simulator.parts.azure import Azure, azure
from simulator.parts.environment import Environment, SetupFailed, assemble
from simulator.parts.functions_host import Hosts
from simulator.parts.redis_server import RedisPair, RedisServer, plain
from simulator.presence import Presence
from simulator.workload.crowd import Crowd
from simulator.workload.real_time import RealTime, access_to, habits_at

_TIMEOUT = 3.0  # seconds until a silent Redis is given up: a Ctrl-C must be obeyed all the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """All parts of a run; every part puts happenings into `happenings`."""

    options: Options
    environment: Environment
    variables: Mapping[str, str]  # of the functions hosts
    clock: WallClock
    redis: RedisServer | RedisPair
    client: Redis  # the queue managers'
    keys: Keys
    azure: Azure
    hosts: Hosts
    happenings: SimpleQueue[Happening]

    def failure(self) -> str | None:
        """Why the run cannot go on."""
        return self.redis.failure or self.hosts.failure

    def arm_calls(self) -> int:
        """So far."""
        return sum(self.azure.calls().values())

    def workload(self, *, deaths: float = 0.0) -> RealTime:
        """The visitors, who have not come yet; `deaths` of their queue managers in a pause between two steps."""
        options, policy = self.options, self.environment.settings.policy
        presence = Presence(self.azure.scale_sets)

        def tell(happening: Happening) -> None:
            presence.see(happening)
            self.happenings.put(happening)
            nothing = presence.sees_nothing(happening)
            if nothing is not None:
                self.happenings.put(nothing)

        habits = habits_at(options.speed, options.visitors_per_minute, policy, deaths=deaths)

        def crowd() -> Crowd:
            access = access_to(self.client, self.keys, now=self.clock.now, reachable=self.azure.reachable, tell=tell)
            return Crowd(access, Random(options.seed), habits)

        def failed(bug: Exception) -> None:
            what = f"the visitors crashed, a bug of the simulator: {type(bug).__name__}: {bug}"
            tell(Trouble(at=self.clock.now(), what=what, fatal=True))

        return RealTime(crowd, failed)


def environment_of(options: Options, environ: Mapping[str, str]) -> Environment:
    """The variables of the run: SCALER_… of the environment goes before an option. Raises SetupFailed."""
    return assemble({**options.settings, **environ}, speed=options.speed, scale_sets=options.scale_sets)


@contextmanager
def started(
    options: Options, environ: Mapping[str, str], redis: RedisServer | RedisPair, arm: Callable[[str], str] = str
) -> Iterator[Parts]:
    """Until the end of the block; no functions host runs yet. `arm`: Azure's address -> the one for the scaler."""
    environment = environment_of(options, environ)
    settings, clock = environment.settings, WallClock()
    happenings: SimpleQueue[Happening] = SimpleQueue()
    patience = min(_TIMEOUT, settings.policy.repair_after.total_seconds() / 3)  # else a next step comes too late
    with ExitStack() as ending:
        cloud = ending.enter_context(azure(settings, environment.variables["IDENTITY_HEADER"], clock.now, options.seed))
        for scale_set in cloud.scale_sets:
            scale_set.history.listeners.append(happenings.put)
        variables = environment.at(redis_url=redis.url, azure_url=arm(cloud.server.url))
        hosts = Hosts(variables, happenings.put, ending.enter_context(_log(options.log)))
        ending.callback(hosts.close)
        yield Parts(
            options=options,
            environment=environment,
            variables=variables,
            clock=clock,
            redis=redis,
            client=ending.enter_context(plain(redis.port, timeout=patience)),
            keys=Keys(prefix=settings.prefix),
            azure=cloud,
            hosts=hosts,
            happenings=happenings,
        )


@contextmanager
def _log(path: Path | None) -> Iterator[TextIO | None]:
    """The file for the hosts' lines, if there shall be one; each line is there at once."""
    if path is None:
        yield None
        return
    try:
        file = path.open("w", encoding="utf-8", buffering=1)
    except OSError as error:
        raise SetupFailed(f"LOG: {path} cannot be written ({error.strerror})") from None
    with file:
        yield file
