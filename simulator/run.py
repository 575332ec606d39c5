"""One run: its parts are started, what happens is told and judged, all is stopped, and a summary remains."""

import sys
from collections.abc import Mapping
from threading import Event

from redis import RedisError

from simulator.crowd import Crowd
from simulator.figures import Figures
from simulator.happenings import Manner, Published, Trouble
from simulator.looking import Looker
from simulator.narrator import Glance
from simulator.observer.judges import Observer
from simulator.observer.patience import Patience
from simulator.options import Options
from simulator.parts.assembly import Parts, started
from simulator.queue_managers.atomic import Atomic
from simulator.queue_managers.naive import Naive, Nameless
from simulator.queue_managers.queue_manager import QueueManager
from simulator.showing import Scene, Show
from simulator.summary import Summary
from simulator.visitor import RunEnded, Surroundings
from simulator.visits import Habits, Visit, visits
from simulator.watching import Watching

_NAMELESS = 3
"""The number of the one visitor whose queue manager knows the seed's four fields only."""


def run(options: Options, environ: Mapping[str, str], over: Event, show: Show) -> Summary:
    """Until `over` is set, or FOR has passed. Raises SetupFailed when a part is missing or dies."""
    with started(options, environ) as parts:
        watching = _watching(options, environ, parts, show)
        parts.host.await_ready(over)
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
    crowd = _crowd(options, parts, over)
    try:
        watching.until(over, options.seconds, crowd.open_doors)
        watching.view.end()
    finally:
        crowd.send_home()
    watching.settle()


def _watching(options: Options, environ: Mapping[str, str], parts: Parts, show: Show) -> Watching:
    policy, scale_sets = parts.environment.settings.policy, parts.azure.scale_sets
    looker = Looker(scale_sets, parts.client, parts.keys)
    figures = Figures()

    def glance(vm_id: str) -> Glance:
        return Glance(state=parts.azure.find(vm_id), published=_glance(looker, vm_id))

    scene = Scene(options=options, parts=parts, figures=figures, glance=glance, out=sys.stdout, environ=environ)
    return Watching(
        clock=parts.clock,
        happenings=parts.happenings,
        looker=looker,
        observer=Observer(policy, Patience.of(policy, scale_sets[0].behaviour.latencies, parts.environment.pace)),
        view=show(scene),
        failure=parts.failure,
        figures=figures,
    )


def _glance(looker: Looker, vm_id: str) -> Published | None:
    try:
        return looker.glance(vm_id)
    except RedisError:  # the next look tells of it
        return None


def _crowd(options: Options, parts: Parts, over: Event) -> Crowd:
    def pause(seconds: float) -> None:
        if over.wait(seconds):
            raise RunEnded

    around = Surroundings(
        now=parts.clock.now,
        tell=parts.happenings.put,
        reachable=parts.azure.reachable,
        pause=pause,
    )
    atomic = Atomic(parts.client, parts.keys)

    def manage(visit: Visit) -> QueueManager:
        if visit.manner is Manner.ATOMIC:
            return atomic
        naive = Nameless if visit.manner is Manner.NAMELESS else Naive
        return naive(parts.client, parts.keys, visit.pauses, pause)

    def crashed(visit: Visit, bug: Exception) -> None:
        what = f"visitor {visit.session} crashed, a bug of the simulator: {type(bug).__name__}: {bug}"
        parts.happenings.put(Trouble(at=parts.clock.now(), what=what, fatal=True))

    habits = Habits(
        per_minute=options.visitors_per_minute,
        speed=options.speed,
        session_limit=parts.environment.settings.policy.session_limit.total_seconds(),
        nameless=_NAMELESS,
    )
    return Crowd(visits(options.seed, habits), manage, around, crashed, over)
