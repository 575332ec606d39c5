"""What importing the app up to its first order costs a cold worker, beside importing four SDKs it could stand on.

Each figure is a fresh process in the state that the Functions worker is in when it imports an app, with bytecode.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from benchmarks.rows import Row, in_turn
from benchmarks.slow import Slow
from simulator.clock import WallClock
from simulator.parts.azure import azure
from simulator.parts.environment import ROOT, assemble
from simulator.parts.redis_server import redis_server

ROUNDS = 7
REFERENCE = "import azure.mgmt.compute, azure.mgmt.network, azure.identity, redis"
APP = "import function_app"
# What the Functions worker has imported by the time it imports an app, whichever app that is.
WORKER = "import azure_functions_runtime, azure.functions"
MEASURED = """
import sys
sys.path.insert(0, {root!r})
{before}
import time
_began = time.perf_counter()
{measured}
print((time.perf_counter() - _began) * 1000)
"""
# Which modules the four functions import in their first run, beyond those of the app itself.
FIRST_RUN = """
import sys
sys.path.insert(0, {root!r})
import function_app
from scaler import runtime
_before = set(sys.modules)
for _name in ("provisioner", "reconciler", "starter", "cleaner"):
    runtime.run(_name)
print(*(name for name in sys.modules if name not in _before))
"""


def run(program: str, environ: Mapping[str, str]) -> str:
    """A fresh Python's output."""
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environ, check=True, stdout=subprocess.PIPE, text=True).stdout


def milliseconds(measured: str, environ: Mapping[str, str]) -> float:
    """Of the imports, in a fresh process."""
    return float(run(MEASURED.format(root=str(ROOT), before=WORKER, measured=measured), environ))


def first_order(environ: Mapping[str, str]) -> str:
    """The imports of the app and of its first run, in which a machine is missing and ordered."""
    chosen = {"SCALER_POOL_CAPACITY": "1", "SCALER_WARMPOOL_SIZE": "0"}
    quick = {f"SCALER_{name}_WATCH": "0s" for name in ("PROVISIONER", "RECONCILER", "STARTER", "CLEANER")}
    environment = assemble({**environ, **chosen, **quick}, speed=1)
    secret = environment.variables["IDENTITY_HEADER"]
    with redis_server() as redis, azure(environment.settings, secret, WallClock().now, 1) as cloud:
        variables = environment.at(redis_url=redis.url, azure_url=cloud.server.url)
        names = run(FIRST_RUN.format(root=str(ROOT)), {**environ, **variables}).split()
    return "\n".join([APP, "import importlib", *(f"importlib.import_module({name!r})" for name in names)])


@contextmanager
def bytecode() -> Iterator[Mapping[str, str]]:
    """An environment whose processes keep all bytecode in one place, whatever has been compiled before."""
    with tempfile.TemporaryDirectory(prefix="cold-start-") as folder:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        yield {**environ, "PYTHONPYCACHEPREFIX": folder}


def figures(_: Slow) -> Iterator[Row]:
    """The app alone, and up to its first order."""
    with bytecode() as environ:
        kinds = [partial(milliseconds, each, environ) for each in (APP, first_order(environ), REFERENCE)]
        for each in kinds:
            each()  # writes the bytecode
        app, order, floor = in_turn(ROUNDS, *kinds)
    yield Row(name="import of the app", unit="ms", ours=app, floor=floor, goal=0.6)
    yield Row(name="import of the app up to its first order", unit="ms", ours=order, floor=floor, goal=0.5)
