"""A worker imports at its start the modules of the first look, and no module that all functions leave unused."""

import gc
import json
import subprocess
import sys

import pytest
from function.host_process import ROOT

from scaler import collector_paused

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
