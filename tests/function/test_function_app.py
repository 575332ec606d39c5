"""What is deployed as the function app: four timers, schedules in settings, and what a worker imports at its start."""

import gc
import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from typing import Any

import pytest
from function.host_process import ROOT

from emulator.functions_host import local_settings
from emulator.functions_host.ncrontab import parse
from scaler import collector_paused

# The runtime's registry is global, hence a process of its own.
LIST_FUNCTIONS = """
import asyncio, json, pathlib
from emulator.functions_host.worker import Worker
worker = Worker()
asyncio.run(worker.index(pathlib.Path.cwd()))
print(json.dumps({function.name: function.bindings for function in worker.functions.values()}))
"""
SCHEDULES = {
    "provisioner": "PROVISIONER_SCHEDULE",
    "reconciler": "RECONCILER_SCHEDULE",
    "starter": "STARTER_SCHEDULE",
    "cleaner": "CLEANER_SCHEDULE",
}
DEPLOYED = {"function_app.py", "host.json", "requirements.txt", "scaler"}


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / name).read_text())
    return content


def test_the_app_has_four_timers_whose_schedules_are_settings() -> None:
    listing = subprocess.run([sys.executable, "-c", LIST_FUNCTIONS], cwd=ROOT, check=True, capture_output=True)
    assert json.loads(listing.stdout) == {
        name: [
            {
                "direction": "IN",
                "type": "timerTrigger",
                "name": "timer",
                "schedule": f"%{setting}%",
                "runOnStartup": False,
            }
        ]
        for name, setting in SCHEDULES.items()
    }


@pytest.mark.parametrize("setting", SCHEDULES.values())
def test_the_example_settings_have_every_schedule(setting: str) -> None:
    parse(read("local.settings.json.example")["Values"][setting], setting=setting)


def test_the_example_settings_can_be_used_as_they_are() -> None:
    environ: dict[str, str] = {}
    local_settings.load(ROOT, ROOT / "local.settings.json.example", environ)
    assert environ["FUNCTIONS_WORKER_RUNTIME"] == "python"


def test_the_host_file_says_what_the_real_host_needs() -> None:
    local_settings.check_host_json(ROOT)
    host = read("host.json")
    # Timers are part of the host: a bundle of extensions would only be downloaded at each start.
    assert set(host) == {"version", "functionTimeout", "logging", "singleton"}
    # A dead owner's timers are taken over within 30 s; the default would be 2 min.
    assert host["singleton"] == {
        "listenerLockPeriod": "00:00:15",
        "listenerLockRecoveryPollingInterval": "00:00:15",
    }


def test_no_line_of_the_log_is_sampled_away() -> None:
    """An alarm is a trace: Application Insights keeps some of them only, unless their type is excluded."""
    sampling = read("host.json")["logging"]["applicationInsights"]["samplingSettings"]
    assert {"Trace", "Exception"} <= set(sampling["excludedTypes"].split(";"))


@pytest.mark.skipif(shutil.which("git") is None or not (ROOT / ".git").exists(), reason="needs the git checkout")
def test_only_the_app_is_published() -> None:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    tracked = {path.split("/")[0] for path in listing.stdout.splitlines()}
    patterns = [line.rstrip("/") for line in (ROOT / ".funcignore").read_text().splitlines()]
    assert {name for name in tracked if not any(fnmatch(name, pattern) for pattern in patterns)} <= DEPLOYED


def test_the_production_schedules_of_the_readme_can_be_used_and_are_offset_against_each_other() -> None:
    rows = re.findall(r"\| `(\w+_SCHEDULE)` \| `([^`]+)` \|", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert [name for name, _ in rows] == [
        f"{each}_SCHEDULE" for each in ("PROVISIONER", "RECONCILER", "STARTER", "CLEANER")
    ]
    start = datetime(2026, 1, 1, tzinfo=UTC)
    fired: list[datetime] = []
    for name, expression in rows:
        schedule, now = parse(expression, setting=name), start
        while (now := schedule.next_after(now)) <= start + timedelta(minutes=1):
            fired.append(now)
    assert len(fired) == 1 + 2 + 6 + 4
    assert len(set(fired)) == len(fired)


LIST = """
import json, sys, gc
import function_app
collector = [gc.isenabled(), gc.get_freeze_count()]
from scaler import runtime, settings
runtime.open_doors(settings.load(%r))
print(json.dumps([sorted(sys.modules), *collector]))
"""
SETTINGS = {
    "AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-00000005ca1e",
    "AZURE_RESOURCE_GROUP": "rg-pixels",
    "AZURE_VMSS_NAME": "vmss-pixels",
    "REDIS_HOST": "localhost",
}
NOT_AT_START = {
    "azure.mgmt.compute": "5 MB of models; the first order, or the starter beside its first tick, imports them",
    "azure.appconfiguration": "an extra; imported where SCALER_APP_CONFIGURATION names a store",
    "azure.mgmt.network": "addresses are read through the pipeline",
    "scaler.registry.entra": "imported where REDIS_AUTH asks for Entra ID",
    "aiohttp": "nothing here is asynchronous",
    "azure.core.pipeline.transport._aiohttp": "nothing here is asynchronous",
    "azure.identity.aio": "nothing here is asynchronous",
    "opentelemetry": "logging is enough",
    "jwt": "for certificates, which a managed identity has none of",
    "msal_extensions": "for tokens on disk",
    "typer": "for people",
    "click": "for people",
    "rich": "for people",
    "scaler.cli": "for people",
    "fakeredis": "for tests",
    "emulator": "for tests",
    "simulator": "for tests",
}


@pytest.fixture(scope="module")
def started() -> tuple[set[str], bool, int]:
    """The modules of a process that has just imported the app and opened its doors, and its garbage collector."""
    done = subprocess.run([sys.executable, "-c", LIST % SETTINGS], cwd=ROOT, check=True, capture_output=True)
    modules, enabled, frozen = json.loads(done.stdout)
    return set(modules), enabled, frozen


@pytest.mark.parametrize("module", NOT_AT_START)
def test_a_start_does_not_import(module: str, started: tuple[set[str], bool, int]) -> None:
    found = {each for each in started[0] if each == module or each.startswith(f"{module}.")}
    assert not found, NOT_AT_START[module]


def test_a_start_imports_what_the_first_look_needs(started: tuple[set[str], bool, int]) -> None:
    needed = {"scaler.runtime", "azure.identity", "azure.core.pipeline.transport._requests_basic", "redis", "msgspec"}
    assert needed <= started[0]


def test_the_collector_works_after_the_start_and_does_not_look_at_what_was_imported(
    started: tuple[set[str], bool, int],
) -> None:
    _, enabled, frozen = started
    assert enabled
    assert frozen > 10_000


@pytest.mark.parametrize("collecting", [True, False])
def test_a_failed_import_leaves_the_collector_as_it_was(*, collecting: bool) -> None:
    before, frozen = gc.isenabled(), gc.get_freeze_count()
    (gc.enable if collecting else gc.disable)()
    try:
        with pytest.raises(ImportError, match="paused: True"), collector_paused():
            raise ImportError(f"paused: {not gc.isenabled()}")
        assert (gc.isenabled(), gc.get_freeze_count()) == (collecting, frozen)
    finally:
        (gc.enable if before else gc.disable)()
