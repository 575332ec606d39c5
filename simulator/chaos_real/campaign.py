"""One run under faults: set up, broken for a while, mended, settled, and reported."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from threading import Event

from redis import Redis, RedisError

from emulator.behaviour import Latencies
from scaler.model.edges import Actor
from scaler.model.instance import VmId
from scaler.model.policy import Policy
from simulator.chaos_real.faults import schedule
from simulator.chaos_real.injector import Breaker, Injector
from simulator.chaos_real.report import Report
from simulator.chaos_real.view import FaultLines
from simulator.figures import Counts, Figures
from simulator.looking import Looker, RealStore, unsettled
from simulator.observer.judges import Observer
from simulator.observer.patience import Pace, Patience
from simulator.options import Options
from simulator.parts.assembly import Parts, started
from simulator.parts.environment import SetupFailed
from simulator.parts.network import LOOPBACK, Network, Proxy
from simulator.parts.redis_server import RedisPair, plain, redis_pair
from simulator.run import Watching
from simulator.view import Table
from simulator.workload.fields import parsed

_FIRST_MACHINE = 120.0  # seconds until one must be on offer, whatever the speed
_ASIDE = 0.5  # seconds until the observer gives up a look: it has visitors to listen to
_DEATHS = 0.05  # of queue managers, in each pause between two steps
_IN_VAIN = timedelta(seconds=10)
"""A visitor may ask in vain for so long while Redis refuses connections, though the observer sees free machines."""
_ASK_EVERY = 0.3  # seconds: whether all has settled; that reads all of Redis
_SHORT = {"SCALER_VM_RUNTIME": "3m", "CLEANER_SCHEDULE": "* * * * * *"}
"""Sessions whose visitors never come are over within a short run, and so is the deleting, of one machine per tick."""


def campaign(options: Options, environ: Mapping[str, str], over: Event, table: Table) -> Report:
    """Until all has settled, or `over` is set. Raises SetupFailed when a part is missing or dies by itself."""
    with ExitStack() as ending:
        network = ending.enter_context(Network())
        pair = ending.enter_context(redis_pair(network))
        arm: list[Proxy] = []

        def proxied(url: str) -> str:
            arm.append(network.proxy(int(url.rpartition(":")[2])))
            return f"http://{arm[0].address}"

        parts = ending.enter_context(started(options, {**_SHORT, **environ}, pair, proxied))
        aside = ending.enter_context(plain(pair.aside.port, timeout=_ASIDE))
        return Campaign(parts, pair, aside, over, table).run(arm[0])


@dataclass(slots=True, kw_only=True)
class _Settling:
    """`after`: how long settling took; None: not yet, because of what is `left`."""

    left: list[str]
    after: float | None = None
    asked: float = 0.0
    settled: bool = False


class Campaign:
    """A campaign over parts that have just started. `aside` leads to the primary past all faults of the network."""

    def __init__(self, parts: Parts, pair: RedisPair, aside: Redis, over: Event, table: Table) -> None:
        policy = parts.environment.settings.policy
        self._parts = parts
        self._pair = pair
        self._over = over
        self._injector = Injector(parts.clock, over)
        self._figures = Figures()
        # what leaks while parts are broken shows at the end, as it does in virtual time
        self._observer = Observer(policy, Patience(idle=timedelta(days=365), policy=policy), in_vain=_IN_VAIN)
        self._looker = Looker(parts.azure.scale_sets, aside, parts.keys)
        self._store = RealStore(aside, parts.keys)
        counts = Counts(clock=parts.clock, figures=self._figures, arm_calls=parts.arm_calls, speed=parts.options.speed)
        self._view = FaultLines(table, counts, tuple(self._greeting()), self._injector)
        self._workload = parts.workload(deaths=_DEATHS)

    def run(self, arm: Proxy) -> Report:
        """Run the whole campaign."""
        watching = self._watching()
        try:
            with self._view:
                self._parts.hosts.start(self._over)
                self._parts.clock.begin()
                self._set_up(watching)
                self._workload.open_doors()
                self._break_things(watching, arm)
                self._workload.close_doors()
                settling, bound = self._settle(watching)
                watching.settle()
        finally:
            self._workload.send_home()
        return self._report(settling, bound)

    def _greeting(self) -> Iterator[str]:
        parts, seed, speed = self._parts, self._parts.options.seed, self._parts.options.speed
        yield f"Redis   {parts.redis.name} and its replica, behind {parts.redis.url}"
        yield f"Azure   emulated, behind a proxy on {LOOPBACK}, {speed:g} times faster than the real one"
        yield f"scaler  function_app.py with its four timers; queue managers are atomic or naive; seed {seed}"

    def _set_up(self, watching: Watching) -> None:
        offered = Event()
        self._view.note("everything is up; until a machine is on offer nothing breaks")
        watching.until(lambda: self._over.is_set() or offered.is_set(), _FIRST_MACHINE, offered.set)
        if not offered.is_set() and not self._over.is_set():
            raise SetupFailed(f"no machine was on offer within {_FIRST_MACHINE:g} s")

    def _break_things(self, watching: Watching, arm: Proxy) -> None:
        options, injector = self._parts.options, self._injector
        seconds = options.seconds or 0.0
        injections = schedule(options.seed, seconds, options.speed)
        self._view.note(f"from now on {sum(map(len, injections.values()))} things break, for {seconds:g} s")
        injector.begin(injections, Breaker(injector, self._parts.hosts, self._pair, arm).ways)
        try:
            watching.until(lambda: self._over.is_set() or (injector.seconds >= seconds and injector.done))
        finally:
            injector.join()

    def _settle(self, watching: Watching) -> tuple[_Settling, float]:
        parts, policy = self._parts, self._parts.environment.settings.policy
        latencies = parts.azure.scale_sets[0].behaviour.latencies
        within = settling_bound(policy, latencies, parts.environment.pace, self._delete_attempts())
        seconds = within.total_seconds()
        self._view.note(f"nothing breaks any more, nobody comes any more; it must settle within {seconds:.0f} s")
        settling = _Settling(left=["nobody has looked yet"])
        began = parts.clock.seconds
        watching.until(lambda: self._over.is_set() or self._has_settled(settling, began), began + seconds)
        if not settling.settled and not self._over.is_set():
            self._view.explain(settling.left)
        return settling, seconds

    def _has_settled(self, settling: _Settling, began: float) -> bool:
        """Whether no visitor waits and nothing is amiss, twice in a row."""
        now = self._parts.clock.seconds
        if settling.settled or now - settling.asked < _ASK_EVERY:
            return settling.settled
        settling.asked, before = now, settling.after
        settling.left = self._amiss()
        settling.after = None if settling.left else before if before is not None else now - began
        settling.settled = before is not None and settling.after is not None
        return settling.settled

    def _amiss(self) -> list[str]:
        waiting = [f"{self._figures.waiting} visitors wait"] if self._figures.waiting else []
        policy = self._parts.environment.settings.policy
        try:
            return [*unsettled(self._store, self._parts.azure.scale_sets, policy), *waiting]
        except RedisError as error:
            return [f"Redis does not answer: {error}", *waiting]

    def _delete_attempts(self) -> int:
        """How often the most stubborn machine's delete was ordered."""
        head = self._parts.keys.notes(VmId("")).encode()
        notes = [parsed(text) or {} for key, text in self._store.strings().items() if key.startswith(head)]
        return max((int((each.get("delete") or {}).get("attempts", 0)) for each in notes), default=0)

    def _watching(self) -> Watching:
        return Watching(
            clock=self._parts.clock,
            happenings=self._parts.happenings,
            looker=self._looker,
            observer=self._observer,
            view=self._view,
            failure=lambda: self._injector.failure or self._parts.failure(),
            figures=self._figures,
        )

    def _report(self, settling: _Settling, bound: float) -> Report:
        parts, crowd = self._parts, self._workload.crowd
        return Report(
            figures=self._figures,
            wrongs=tuple(self._observer.wrongs),
            calls=parts.azure.calls(),
            redis=parts.redis.name,
            speed=parts.options.speed,
            seconds=parts.clock.seconds,
            seed=parts.options.seed,
            survived=self._injector.survived,
            restarts=self._injector.restarts,
            forgettings=self._looker.forgettings,
            crashes=crowd.deaths if crowd is not None else 0,
            failed_ticks=self._view.failed_ticks,
            settled_in=settling.after if settling.settled else None,
            bound=bound,
            left=settling.left,
            interrupted=self._over.is_set(),
        )


def settling_bound(policy: Policy, latencies: Latencies, pace: Pace, delete_attempts: int) -> timedelta:
    """One machine's longest way, step by step, each taking its turn behind the whole fleet.

    A visitor waits until the timeout, is let in, stays until the limit; the delete was ordered in vain so often
    already; a new machine is made, stopped, marked and admitted.
    """
    fleet = max(1, sum(each.desired for each in policy.capacity.values()))
    waited = policy.reservation_timeout + policy.start_timeout
    stayed = policy.limit_of_presumed + policy.expiry_grace
    retried = min(policy.delete_retry * (1 << min(delete_attempts, 16)), policy.delete_retry_most)
    deleted = pace.rounds(Actor.CLEANER, fleet, policy.share(policy.max_deletes, fleet)) + policy.ripening
    made = pace.rounds(Actor.PROVISIONER, fleet, policy.max_surge)
    stopped = pace.rounds(Actor.PROVISIONER, fleet, policy.max_gets)
    admitted = pace.rounds(Actor.RECONCILER, fleet, policy.max_marks) + policy.look_after_mark + policy.admit_after
    seconds = (latencies.delete, latencies.create, latencies.deallocate, latencies.protect)
    worked = timedelta(seconds=sum(span[1] for span in seconds))
    return waited + stayed + retried + deleted + made + stopped + admitted + worked + policy.order_horizon
