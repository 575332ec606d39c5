"""One run that breaks things: set up, broken for a while, mended, settled, and reckoned up."""

from collections.abc import Callable, Iterator, Mapping
from threading import Event

from simulator.chaos_real.assembly import Parts, started
from simulator.chaos_real.bench import Bench
from simulator.chaos_real.books import Books
from simulator.chaos_real.bound import bound
from simulator.chaos_real.deeds import Deeds
from simulator.chaos_real.diary import Diary
from simulator.chaos_real.lanes import Lanes
from simulator.chaos_real.outages import Outages
from simulator.chaos_real.reckoning import Reckoning
from simulator.chaos_real.schedule import schedule
from simulator.chaos_real.settling import Settling
from simulator.chaos_real.sight import Sights
from simulator.chaos_real.stage import Stage
from simulator.chaos_real.visitors import Visitors
from simulator.chaos_real.web_site import Asked
from simulator.figures import Figures
from simulator.observer.patience import Patience
from simulator.options import Options
from simulator.parts.setup_failed import SetupFailed
from simulator.table import Table
from simulator.watching import Watching

_FIRST_MACHINE = 120.0  # seconds until one must be on offer, whatever the speed


class When(Event):
    """Set as soon as any of these is so."""

    def __init__(self, *conditions: Callable[[], bool]) -> None:
        super().__init__()
        self._conditions = conditions

    def is_set(self) -> bool:
        """Asked again each time."""
        return any(each() for each in self._conditions)


def campaign(options: Options, environ: Mapping[str, str], over: Event, table: Table) -> Reckoning:
    """Until all has settled, or `over` is set. Raises SetupFailed when a part is missing or dies by itself."""
    with started(options, environ) as parts:
        return Campaign(options, parts, over, table).run()


class Campaign:
    """Over parts that have just been started."""

    def __init__(self, options: Options, parts: Parts, over: Event, table: Table) -> None:
        policy, latencies = parts.environment.settings.policy, parts.azure.scale_sets[0].behaviour.latencies
        self._options = options
        self._parts = parts
        self._over = over
        self._outages = Outages(parts.clock.now)
        self._stage = Stage(parts.clock, self._outages, over)
        self._asked = Asked(parts.clock.now)
        self._figures = Figures()
        self._bench = Bench(policy, Patience.of(policy, latencies, parts.environment.pace), self._outages, self._asked)
        self._diary = Diary(table, self._stage, parts.clock, self._figures, parts.arm_calls)
        self._visitors = Visitors(options, parts, self._asked)

    def run(self) -> Reckoning:
        """All of it."""
        parts, diary = self._parts, self._diary
        diary.greet(tuple(self._greeting()))
        parts.hosts.start(self._over)
        parts.clock.begin()
        watching = self._watching()
        try:
            self._set_up(watching)
            self._visitors.come()
            self._break_things(watching)
            settling = self._settle(watching)
            watching.settle()
        finally:
            self._visitors.leave()
        return self._reckoning(settling)

    def _set_up(self, watching: Watching) -> None:
        offered = Event()
        until = self._parts.clock.seconds + _FIRST_MACHINE
        watching.until(When(self._over.is_set, offered.is_set), until, offered.set)
        if not offered.is_set() and not self._over.is_set():
            raise SetupFailed(f"no machine was on offer within {_FIRST_MACHINE:g} s")

    def _break_things(self, watching: Watching) -> None:
        seconds, stage = self._options.seconds or 0.0, self._stage
        pranks = schedule(self._options.seed, seconds, self._options.speed)
        lanes = Lanes(pranks, Deeds(self._parts, stage).of(), stage)
        self._diary.note(f"from now on {sum(map(len, pranks.values()))} things break, for {seconds:g} s")
        lanes.begin()
        try:
            over = When(self._over.is_set, lambda: stage.seconds >= seconds and lanes.done)
            watching.until(over, None, lambda: None)
        finally:
            lanes.join()

    def _settle(self, watching: Watching) -> Settling:
        parts, policy = self._parts, self._parts.environment.settings.policy
        self._visitors.no_more.set()
        books = Books(
            scale_sets=parts.azure.scale_sets,
            client=parts.aside,
            keys=parts.keys,
            policy=policy,
            unanswered=self._asked.unanswered,
        )
        latencies = parts.azure.scale_sets[0].behaviour.latencies
        within = bound(policy, latencies, parts.environment.pace, books.attempts())
        settling = Settling(books, self._figures, parts.clock, within)
        self._diary.note(
            f"the mischief is over, nobody comes any more; it must settle within {within.total_seconds():.0f} s"
        )
        until = parts.clock.seconds + within.total_seconds()
        watching.until(When(self._over.is_set, settling.done), until, lambda: None)
        if settling.seconds is None and not self._over.is_set():
            self._diary.explain({each.partition(" ")[0] for each in settling.open_items})
        return settling

    def _watching(self) -> Watching:
        parts = self._parts
        return Watching(
            clock=parts.clock,
            happenings=parts.happenings,
            looker=Sights(parts.azure.scale_sets, parts.aside, parts.keys),
            observer=self._bench,
            view=self._diary,
            failure=lambda: self._stage.failure or parts.failure(),
            figures=self._figures,
        )

    def _greeting(self) -> Iterator[str]:
        parts, seed = self._parts, self._options.seed
        yield f"Redis   {parts.pair.version} and its replica, behind {parts.pair.url}"
        yield f"Azure   emulated behind {parts.arm.address}, {self._options.speed:g} times faster than the real one"
        yield f"scaler  function_app.py with its four timers; queue managers are atomic or naive; seed {seed}"

    def _reckoning(self, settling: Settling) -> Reckoning:
        parts = self._parts
        return Reckoning(
            seed=self._options.seed,
            speed=self._options.speed,
            seconds=parts.clock.seconds,
            redis=parts.pair.version,
            figures=self._figures,
            wrongs=tuple(self._bench.wrongs),
            survived=self._stage.survived,
            restarts=self._stage.restarts,
            forgettings=self._bench.forgettings,
            crashes=self._asked.crashes,
            failed_ticks=self._diary.failed_ticks,
            arm_calls=parts.arm_calls(),
            settled_in=settling.seconds,
            bound=settling.within.total_seconds(),
            left=settling.open_items,
            strays=settling.strays,
            interrupted=self._over.is_set(),
        )
