"""Breaks the parts of a run by a schedule, and mends them: hosts and Redis by signals, both wires by their proxies."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from queue import SimpleQueue
from threading import Event, Lock, Thread

from redis import RedisError

from simulator.chaos_real.faults import Fault, Injection, Target
from simulator.clock import WallClock
from simulator.parts.environment import SetupFailed
from simulator.parts.functions_host import Hosts
from simulator.parts.network import Condition, Proxy
from simulator.parts.redis_server import RedisPair

_CUT_EVERY = 0.25  # seconds
_NAMES = {Target.REDIS: "Redis", Target.ARM: "ARM"}

type Breaking = Callable[[Injection], bool | None]
"""Break, wait and mend. False: there was nothing to break."""


class Injector:
    """A thread for each target. `over` ends all at once, after mending."""

    def __init__(self, clock: WallClock, over: Event) -> None:
        self.remarks: SimpleQueue[tuple[float, str]] = SimpleQueue()  # seconds of the run, and what is to be printed
        self.survived: Counter[Fault] = Counter()
        self.restarts = 0  # of processes
        self.failure: str | None = None  # why it cannot go on
        self.broken: set[Target] = set()  # right now
        self._clock = clock
        self._over = over
        self._began = 0.0
        self._lock = Lock()
        self._threads: list[Thread] = []

    def begin(self, injections: Mapping[Target, Sequence[Injection]], ways: Mapping[Fault, Breaking]) -> None:
        """From now on things break."""
        self._began = self._clock.seconds
        self._threads = [
            Thread(target=self._carry_out, args=(target, each, ways), name=f"faults of {target}", daemon=True)
            for target, each in injections.items()
        ]
        for each in self._threads:
            each.start()

    @property
    def seconds(self) -> float:
        """For how long things have been breaking."""
        return self._clock.seconds - self._began

    @property
    def done(self) -> bool:
        """Whether all faults are over and mended."""
        return not any(each.is_alive() for each in self._threads)

    def join(self) -> None:
        """Wait until all is mended."""
        for each in self._threads:
            each.join()

    def pause(self, seconds: float) -> bool:
        """Let so many pass; False when all is over before."""
        return not self._over.wait(max(seconds, 0.0))

    def say(self, text: str) -> None:
        """A line for the reader."""
        self.remarks.put((self._clock.seconds, text))

    def start_host(self, hosts: Hosts, then: str) -> None:
        """One more functions host."""
        hosts.start(self._over)
        self.count_restart()
        self.say(then)

    def count_restart(self) -> None:
        """A process came back."""
        with self._lock:
            self.restarts += 1

    def _carry_out(self, target: Target, injections: Sequence[Injection], ways: Mapping[Fault, Breaking]) -> None:
        for each in injections:
            if not self.pause(each.at - self.seconds):
                return
            self.broken.add(target)
            try:
                done = ways[each.what](each)
            except (SetupFailed, RedisError, OSError) as error:
                self.failure = f"{each.what}, and then it could not be mended: {error}"
                return
            finally:
                self.broken.discard(target)
            if done is not False:
                with self._lock:
                    self.survived[each.what] += 1


class Breaker:
    """How each fault is brought about, over the parts of one run."""

    def __init__(self, injector: Injector, hosts: Hosts, pair: RedisPair, arm: Proxy) -> None:
        self._injector = injector
        self._hosts = hosts
        self._pair = pair
        self._proxies = {Target.REDIS: pair.clients, Target.ARM: arm}

    @property
    def ways(self) -> Mapping[Fault, Breaking]:
        """The ways by fault."""
        return {
            Fault.HOST_KILLED: self._kill_host,
            Fault.HOST_STOPPED: self._stop_host,
            Fault.HOSTS_DOUBLED: self._double_hosts,
            Fault.REDIS_KILLED: self._kill_redis,
            Fault.REDIS_PAUSED: self._pause_redis,
            Fault.REDIS_FAILED_OVER: self._fail_over,
            Fault.REDIS_CUT: partial(self._cut, Target.REDIS),
            Fault.ARM_CUT: partial(self._cut, Target.ARM),
            Fault.REDIS_REFUSED: partial(self._spoil, Target.REDIS, Condition.REFUSING),
            Fault.ARM_REFUSED: partial(self._spoil, Target.ARM, Condition.REFUSING),
            Fault.ARM_SILENT: partial(self._spoil, Target.ARM, Condition.SILENT),
            Fault.ARM_SWALLOWING: partial(self._spoil, Target.ARM, Condition.SWALLOWING),
        }

    def _kill_host(self, injection: Injection) -> None:
        self._hosts.kill_oldest()
        self._injector.say(f"functions host killed (SIGKILL); the next one starts in {injection.lasts:.1f} s")
        self._injector.pause(injection.lasts)
        self._injector.start_host(self._hosts, "a new functions host is up")

    def _stop_host(self, injection: Injection) -> None:
        with self._hosts.oldest_stopped():
            self._injector.say(f"functions host stopped (SIGSTOP), for {injection.lasts:.1f} s")
            self._injector.pause(injection.lasts)
        self._injector.say("it goes on (SIGCONT), with whatever it was doing")

    def _double_hosts(self, injection: Injection) -> None:
        lasts = injection.lasts
        self._injector.start_host(self._hosts, f"a second functions host runs beside the first, for {lasts:.1f} s")
        self._injector.pause(lasts)
        self._hosts.kill_oldest()
        self._injector.say("the older functions host killed (SIGKILL), the younger goes on")

    def _kill_redis(self, injection: Injection) -> None:
        self._pair.primary.kill()
        self._injector.say(f"the primary, {self._pair.primary.name}, killed (SIGKILL), for {injection.lasts:.1f} s")
        self._injector.pause(injection.lasts)
        self._pair.restart_primary()
        self._injector.count_restart()
        self._injector.say("it is back, with its append-only file")

    def _pause_redis(self, injection: Injection) -> None:
        self._pair.primary.pause()
        self._injector.say(f"the primary, {self._pair.primary.name}, stopped (SIGSTOP), for {injection.lasts:.1f} s")
        try:
            self._injector.pause(injection.lasts)
        finally:
            self._pair.primary.resume()

    def _fail_over(self, injection: Injection) -> bool:
        if not self._pair.in_step():  # a failover to a replica without data is a flush, and another story
            self._injector.say("no failover: the replica did not get in step")
            return False
        if injection.lag:
            self._pair.lag()
            self._injector.pause(injection.lag)
        self._pair.clients.be(Condition.REFUSING)
        self._pair.primary.kill()
        lost = f"its last {injection.lag:.1f} s were not copied" if injection.lag else "all was copied"
        name, lasts = self._pair.primary.name, injection.lasts
        self._injector.say(f"the primary, {name}, killed; failing over in {lasts:.1f} s; {lost}")
        self._injector.pause(lasts)
        self._pair.swap()
        self._pair.clients.be(Condition.PASSING)
        self._injector.say(f"failed over to {self._pair.primary.name}; {self._pair.replica.name} will follow it")
        self._pair.bring_back()
        self._injector.count_restart()
        return True

    def _cut(self, target: Target, injection: Injection) -> None:
        self._injector.say(f"connections to {_NAMES[target]} are cut, again and again for {injection.lasts:.1f} s")
        until = self._injector.seconds + injection.lasts
        self._proxies[target].cut()
        while self._injector.seconds < until and self._injector.pause(_CUT_EVERY):
            self._proxies[target].cut()

    def _spoil(self, target: Target, condition: Condition, injection: Injection) -> None:
        self._injector.say(f"{injection.what}, for {injection.lasts:.1f} s")
        self._proxies[target].be(condition)
        try:
            self._injector.pause(injection.lasts)
        finally:
            self._proxies[target].be(Condition.PASSING)
