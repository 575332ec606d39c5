"""Allowed app settings with harmful effects: of the Functions host, and of the scaler."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from scaler.cli.checks.catalogue import Known
from scaler.cli.checks.findings import Finding
from scaler.cli.screen import age
from scaler.clouds import LOOPBACK
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.sighting import Pause
from scaler.settings import InvalidSettings, Settings

SCHEDULES: Mapping[Actor, str] = {
    Actor.PROVISIONER: "2 * * * * *",
    Actor.RECONCILER: "5,35 * * * * *",
    Actor.STARTER: "*/10 * * * * *",
    Actor.CLEANER: "8,23,38,53 * * * * *",
}
"""The schedules of infra/parameters.example.json."""
_SLEEP = timedelta(seconds=5)  # of the starter between two watches: a visitor does not notice
_REFERENCE = "@Microsoft.KeyVault("

type Environment = Mapping[str, str]


def mistakes(invalid: InvalidSettings) -> Iterator[Finding]:
    """Every mistake in refused settings."""
    for mistake in invalid.mistakes:
        yield Known.SETTING.found(mistake=mistake, setting=mistake.partition(":")[0])


def of_host(environment: Environment) -> Iterator[Finding]:
    """Settings for the Functions host and the Python worker."""
    threads = environment.get("PYTHON_THREADPOOL_THREAD_COUNT", "").strip()
    if threads.isdecimal() and int(threads) < len(CONTROLLERS):
        yield Known.THREADS.found(value=threads)
    processes = environment.get("FUNCTIONS_WORKER_PROCESS_COUNT", "").strip()
    if processes.isdecimal() and int(processes) > 1:
        yield Known.PROCESSES.found(value=processes)
    runtime = environment.get("FUNCTIONS_WORKER_RUNTIME", "").strip()
    if runtime and runtime.lower() != "python":
        yield Known.RUNTIME.found(value=runtime)
    for name in CONTROLLERS:
        setting = f"AzureWebJobs.{name}.Disabled"
        if environment.get(setting, "").strip().lower() in {"true", "1"}:
            yield Known.DISABLED.found(setting=setting, controller=name)
    for setting in ("REDIS_PASSWORD", "REDIS_URL"):
        if environment.get(setting, "").strip().startswith(_REFERENCE):
            yield Known.SECRET.found(setting=setting)
    yield from _schedules(environment)


def _schedules(environment: Environment) -> Iterator[Finding]:
    missing = [name for name in CONTROLLERS if not environment.get(f"{name.upper()}_SCHEDULE", "").strip()]
    if len(missing) == len(CONTROLLERS):
        yield Known.SCHEDULES.found()
        return
    for name in missing:
        yield Known.SCHEDULE.found(setting=f"{name.upper()}_SCHEDULE", controller=name, example=SCHEDULES[name])


def of_scaler(settings: Settings) -> Iterator[Finding]:
    """Settings for the scaler."""
    if settings.speed != 1:
        yield Known.SPEED.found(value=f"{settings.speed:g}")
    every = settings.every.get(Actor.STARTER)
    gap = every - settings.watches[Actor.STARTER] if every is not None else timedelta(0)
    if gap > _SLEEP:
        yield Known.GAP.found(gap=age(gap))
    if settings.policy.pause is not Pause.NONE:
        yield Known.PAUSED.found(value=settings.policy.pause.word)
    if not settings.policy.session_limit:
        yield Known.ENDLESS.found()
    place = settings.redis
    if not place.tls and place.host not in LOOPBACK:
        yield Known.PLAIN.found(host=place.host)
