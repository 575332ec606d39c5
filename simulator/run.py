"""One run: start the parts; count, show and judge all happenings in order; stop the parts, and sum up."""

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event
from time import monotonic

from redis import RedisError

from simulator.bill import Bill
from simulator.clock import WallClock
from simulator.figures import Figures, Summary
from simulator.happenings import Happening, Trouble
from simulator.looking import Looker
from simulator.narrator import Glance
from simulator.observer.judges import LOOK_TWICE, Observer
from simulator.observer.patience import Patience
from simulator.options import Options
from simulator.parts.assembly import Parts, environment_of, started
from simulator.parts.environment import SetupFailed
from simulator.parts.page import page
from simulator.parts.redis_server import redis_server
from simulator.showing import Scene, Show
from simulator.view import View

_LOOK_EVERY = 0.25  # seconds: a session, a start, a delete last longer
_TURN = 0.1  # how soon a Ctrl-C is obeyed


def _pass() -> None:
    """Nothing waits for a machine."""


@dataclass(slots=True, kw_only=True)
class Watching:
    """`failure` says why the run cannot go on."""

    clock: WallClock
    happenings: SimpleQueue[Happening]
    looker: Looker
    observer: Observer
    view: View
    failure: Callable[[], str | None]
    figures: Figures

    def until(self, over: Callable[[], bool], seconds: float | None = None, ready: Callable[[], None] = _pass) -> None:
        """Go on until all is over or so many seconds have passed; `ready` is called while a machine is on offer."""
        look_at = monotonic()
        while not over() and (seconds is None or self.clock.seconds < seconds):
            self._hear(_TURN)
            if monotonic() >= look_at:
                look_at = monotonic() + _LOOK_EVERY
                self._look(ready)
            self.view.turn()
            self._check()

    def settle(self) -> None:
        """What was said last, and enough looks to be sure."""
        until = monotonic() + 1.5 * LOOK_TWICE.total_seconds()
        while monotonic() < until:
            self._hear(_TURN)
            self._look(_pass)

    def _hear(self, patience: float) -> None:
        """Take all happenings at hand, or wait for one."""
        until = monotonic() + patience
        try:
            self._take(self.happenings.get(timeout=patience))
            while monotonic() < until:
                self._take(self.happenings.get_nowait())
        except Empty:
            pass

    def _take(self, happening: Happening) -> None:
        self.figures.see(happening)
        self.view.tell(happening)
        for wrong in self.observer.see(happening):
            self.view.accuse(wrong)
        if isinstance(happening, Trouble) and happening.fatal:
            raise SetupFailed(happening.what)

    def _look(self, ready: Callable[[], None]) -> None:
        try:
            look = self.looker.look()
        except RedisError as error:
            self._take(Trouble(at=self.clock.now(), what=f"Redis does not answer the observer: {error}"))
            return
        self._take(look)
        if look.offered:
            ready()

    def _check(self) -> None:
        why = self.failure()
        if why is not None:
            raise SetupFailed(why)


def run(options: Options, environ: Mapping[str, str], over: Event, show: Show) -> Summary:
    """Until `over` is set, or FOR has passed. Raises SetupFailed when a part is missing or dies."""
    with (
        redis_server(copied=environment_of(options, environ).settings.wants_hot) as redis,
        started(options, environ, redis) as parts,
        page(parts.variables, wanted=options.web) as address,
    ):
        watching = _watching(options, environ, parts, show, address)
        parts.hosts.start(over)
        parts.clock.begin()
        with watching.view:
            _watch(watching, options, parts, over)
        return Summary(
            figures=watching.figures,
            wrongs=tuple(watching.observer.wrongs),
            calls=parts.azure.calls(),
            redis=parts.redis.name,
            speed=options.speed,
            seconds=parts.clock.seconds,
        )


def _watch(watching: Watching, options: Options, parts: Parts, over: Event) -> None:
    workload = parts.workload()
    try:
        watching.until(over.is_set, options.seconds, workload.open_doors)
        watching.view.end()
    finally:
        workload.send_home()
    watching.settle()


def _watching(options: Options, environ: Mapping[str, str], parts: Parts, show: Show, page: str) -> Watching:
    policy, scale_sets = parts.environment.settings.policy, parts.azure.scale_sets
    looker = Looker(scale_sets, parts.client, parts.keys)
    prices = {name: capacity.price for name, capacity in policy.capacity.items()}
    figures = Figures(bill=Bill(prices=prices, speed=options.speed, currency=policy.currency))

    def glance(vm_id: str) -> Glance:
        published = None
        with suppress(RedisError):  # the next look tells of it
            published = looker.glance(vm_id)
        return Glance(state=parts.azure.find(vm_id), published=published)

    scene = Scene(
        options=options, parts=parts, figures=figures, glance=glance, page=page, out=sys.stdout, environ=environ
    )
    return Watching(
        clock=parts.clock,
        happenings=parts.happenings,
        looker=looker,
        observer=Observer(policy, Patience.of(policy, scale_sets[0].behaviour.latencies, parts.environment.pace)),
        view=show(scene),
        failure=parts.failure,
        figures=figures,
    )
