"""One run: start the parts, tell and judge all happenings, stop the parts, and sum up."""

import sys
from collections.abc import Mapping
from threading import Event

from redis import RedisError

from simulator.figures import Figures
from simulator.happenings import Published
from simulator.looking import Looker
from simulator.narrator import Glance
from simulator.observer.judges import Observer
from simulator.observer.patience import Patience
from simulator.options import Options
from simulator.parts.assembly import Parts, started
from simulator.parts.redis_server import redis_server
from simulator.showing import Scene, Show
from simulator.summary import Summary
from simulator.watching import Watching


def run(options: Options, environ: Mapping[str, str], over: Event, show: Show) -> Summary:
    """Until `over` is set, or FOR has passed. Raises SetupFailed when a part is missing or dies."""
    with redis_server() as redis, started(options, environ, redis) as parts:
        watching = _watching(options, environ, parts, show)
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
