"""One run: its parts are started, what happens is told and judged, all is stopped, and a summary remains."""

import sys
from collections.abc import Mapping
from threading import Event

from redis import RedisError

from simulator.crowd import Crowd
from simulator.happenings import Manner, Published, Trouble
from simulator.looking import Looker
from simulator.narrator import Glance, Narrator
from simulator.observer.judges import Observer
from simulator.observer.patience import Patience
from simulator.options import Options
from simulator.parts.assembly import Parts, started
from simulator.queue_managers.atomic import Atomic
from simulator.queue_managers.naive import Naive
from simulator.queue_managers.queue_manager import QueueManager
from simulator.summary import Summary
from simulator.table import Colour, Table
from simulator.visitor import RunEnded, Surroundings
from simulator.visits import Habits, Visit, visits
from simulator.watching import Watching


def run(options: Options, environ: Mapping[str, str], over: Event) -> Summary:
    """Until `over` is set, or FOR has passed. Raises SetupFailed when a part is missing or dies."""
    table = Table(sys.stdout, coloured=sys.stdout.isatty() and not environ.get("NO_COLOR"))
    with started(options, environ) as parts:
        watching = _watching(parts, table)
        parts.host.await_ready(over)
        _greet(table, options, parts)
        parts.clock.begin()
        crowd = _crowd(options, parts, over)
        try:
            watching.until(over, options.seconds, crowd.open_doors)
        finally:
            crowd.send_home()
        watching.settle()
        return Summary(
            figures=watching.figures,
            wrongs=tuple(watching.observer.wrongs),
            calls=parts.azure.calls(),
            redis=parts.redis.name,
            speed=options.speed,
            seconds=parts.clock.seconds,
        )


def _watching(parts: Parts, table: Table) -> Watching:
    policy, scale_set = parts.environment.settings.policy, parts.azure.scale_set
    looker = Looker(scale_set, parts.client, parts.keys)

    def glance(vm_id: str) -> Glance:
        return Glance(state=scale_set.find(vm_id), published=_glance(looker, vm_id))

    return Watching(
        clock=parts.clock,
        happenings=parts.happenings,
        looker=looker,
        observer=Observer(policy, Patience.of(policy, scale_set.behaviour.latencies, parts.environment.pace)),
        narrator=Narrator(table, parts.clock, glance),
        failure=parts.failure,
        arm_calls=parts.arm_calls,
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
        return Naive(parts.client, parts.keys, visit.pauses, pause)

    def crashed(visit: Visit, bug: Exception) -> None:
        what = f"visitor {visit.session} crashed, a bug of the simulator: {type(bug).__name__}: {bug}"
        parts.happenings.put(Trouble(at=parts.clock.now(), what=what, fatal=True))

    habits = Habits(
        per_minute=options.visitors_per_minute,
        speed=options.speed,
        session_limit=parts.environment.settings.policy.session_limit.total_seconds(),
    )
    return Crowd(visits(options.seed, habits), manage, around, crashed, over)


def _greet(table: Table, options: Options, parts: Parts) -> None:
    settings = parts.environment.settings
    fake = "" if parts.redis.process is not None else " (no redis-server on PATH)"
    capacity = settings.policy.capacity[settings.scale_sets[0]]
    table.free(f"Redis   {parts.redis.name}{fake} at {parts.redis.url}")
    table.free(f"Azure   emulated at {parts.azure.server.url}, {options.speed:g} times faster than the real one")
    table.free(
        f"scaler  function_app.py with its four timers; {capacity.desired} machines, {capacity.warm} of them warm"
    )
    table.free(
        "– = not offered yet; used = Unavailable, and never offered again; visit = session id; Ctrl-C ends it all\n",
        Colour.DIM,
    )
    table.heading()
