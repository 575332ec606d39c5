"""How each thing is broken and mended: hosts and Redis by signals, both wires by what their fronts do."""

from collections.abc import Mapping
from functools import partial

from simulator.chaos_real.assembly import Parts
from simulator.chaos_real.front import Condition
from simulator.chaos_real.mischief import Lane, Mischief
from simulator.chaos_real.portal import Portal
from simulator.chaos_real.stage import Deed, Stage

_CUT_EVERY = 0.25  # seconds
_LOOK_EVERY = 0.1
_ON_THE_WIRES = {
    Mischief.REDIS_SLOW: (Lane.REDIS, Condition.SLOW),
    Mischief.REDIS_REFUSED: (Lane.REDIS, Condition.REFUSING),
    Mischief.ARM_SLOW: (Lane.ARM, Condition.SLOW),
    Mischief.ARM_REFUSED: (Lane.ARM, Condition.REFUSING),
    Mischief.ARM_SILENT: (Lane.ARM, Condition.SILENT),
    Mischief.ARM_SWALLOWING: (Lane.ARM, Condition.SWALLOWING),
    Mischief.ARM_FAILING: (Lane.ARM, Condition.FAILING),
    Mischief.ARM_ONE_WAY: (Lane.ARM, Condition.ONE_WAY),
}


class Deeds:
    """Over the parts of one run. `of` names them all."""

    def __init__(self, parts: Parts, stage: Stage) -> None:
        self._hosts = parts.hosts
        self._pair = parts.pair
        self._portal = Portal(parts.azure.scale_sets, parts.aside, parts.keys)
        self._gates = {Lane.REDIS: parts.pair.clients, Lane.ARM: parts.arm}
        self._stage = stage

    def of(self) -> Mapping[Mischief, Deed]:
        """One for each."""
        return {
            Mischief.HOST_KILLED: self._kill_host,
            Mischief.HOST_STOPPED: self._stop_host,
            Mischief.HOSTS_DOUBLED: self._double_hosts,
            Mischief.REDIS_KILLED: self._kill_redis,
            Mischief.REDIS_PAUSED: self._pause_redis,
            Mischief.REDIS_FAILED_OVER: self._fail_over,
            Mischief.MACHINE_DELETED: self._delete_machine,
            Mischief.REDIS_CUT: partial(self._cut, Lane.REDIS),
            Mischief.ARM_CUT: partial(self._cut, Lane.ARM),
            **{what: partial(self._spoil, what) for what in _ON_THE_WIRES},
        }

    def _kill_host(self, lasts: float, _: float) -> None:
        with self._stage.outages.of(Lane.HOSTS):
            self._hosts.kill_oldest()
            self._stage.say(f"functions host killed (SIGKILL); the next one starts in {lasts:.1f} s")
            self._stage.pause(lasts)
            self._start_host("a new functions host is up")

    def _stop_host(self, lasts: float, _: float) -> None:
        with self._stage.outages.of(Lane.HOSTS), self._hosts.oldest_stopped():
            self._stage.say(f"functions host stopped (SIGSTOP), for {lasts:.1f} s")
            self._stage.pause(lasts)
        self._stage.say("it goes on (SIGCONT), with whatever it was doing")

    def _double_hosts(self, lasts: float, _: float) -> None:
        self._start_host(f"a second functions host runs beside the first, for {lasts:.1f} s")
        self._stage.pause(lasts)
        self._hosts.kill_oldest()
        self._stage.say("the older functions host killed (SIGKILL), the younger goes on")

    def _start_host(self, then: str) -> None:
        self._hosts.start(self._stage.over)
        self._stage.count_restart()
        self._stage.say(then)

    def _kill_redis(self, lasts: float, _: float) -> None:
        with self._stage.outages.of(Lane.REDIS):
            self._pair.primary.kill()
            self._stage.say(f"Redis' primary {self._pair.primary.name} killed (SIGKILL), for {lasts:.1f} s")
            self._stage.pause(lasts)
            self._pair.restart_primary()
        self._stage.count_restart()
        self._stage.say("it is back, with its append-only file")

    def _pause_redis(self, lasts: float, _: float) -> None:
        with self._stage.outages.of(Lane.REDIS):
            self._pair.primary.pause()
            self._stage.say(f"Redis' primary {self._pair.primary.name} stopped (SIGSTOP), for {lasts:.1f} s")
            try:
                self._stage.pause(lasts)
            finally:
                self._pair.primary.resume()

    def _fail_over(self, away: float, lag: float) -> bool:
        if not self._pair.in_step():  # a failover to a replica without data is a flush, and another story
            self._stage.say("no failover: the replica did not get in step")
            return False
        if lag:
            self._pair.lag()
            self._stage.pause(lag)
        with self._stage.outages.of(Lane.REDIS):
            self._pair.clients.be(Condition.REFUSING)
            self._pair.primary.kill()
            lost = f"its last {lag:.1f} s were not copied" if lag else "all was copied"
            self._stage.say(f"Redis' primary {self._pair.primary.name} killed; failing over in {away:.1f} s; {lost}")
            self._stage.pause(away)
            self._pair.swap()
            self._pair.clients.be(Condition.PASSING)
        self._stage.say(f"Redis failed over to {self._pair.primary.name}; {self._pair.replica.name} will follow it")
        self._pair.bring_back()
        self._stage.count_restart()
        return True

    def _delete_machine(self, lasts: float, _: float) -> bool:
        until = self._stage.seconds + lasts
        while self._stage.seconds < until and self._stage.pause(_LOOK_EVERY):
            deleted = self._portal.delete_reserved()
            if deleted is not None:
                self._stage.say(f"somebody deleted machine {deleted[:4]}, which was reserved")
                return True
        return False

    def _cut(self, lane: Lane, lasts: float, _: float) -> None:
        self._stage.say(f"connections to {_NAMES[lane]} are cut, again and again for {lasts:.1f} s")
        until = self._stage.seconds + lasts
        self._gates[lane].cut()
        while self._stage.seconds < until and self._stage.pause(_CUT_EVERY):
            self._gates[lane].cut()

    def _spoil(self, what: Mischief, lasts: float, delay: float) -> None:
        lane, condition = _ON_THE_WIRES[what]
        late = f" ({1000 * delay:.0f} ms each way)" if condition is Condition.SLOW else ""
        self._stage.say(f"{what}{late}, for {lasts:.1f} s")
        if condition is Condition.SLOW:
            self._behave(lane, condition, lasts, delay)
        else:
            with self._stage.outages.of(lane):
                self._behave(lane, condition, lasts, delay)

    def _behave(self, lane: Lane, condition: Condition, lasts: float, delay: float) -> None:
        self._gates[lane].be(condition, delay)
        try:
            self._stage.pause(lasts)
        finally:
            self._gates[lane].be(Condition.PASSING)


_NAMES: Mapping[Lane, str] = {Lane.REDIS: "Redis", Lane.ARM: "ARM"}
