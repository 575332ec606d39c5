"""What a cold worker pays for importing the app, beside what importing the four SDKs it could be written on costs.

python -m benchmarks.cold_start [repetitions]: prints milliseconds, and the median of the ratios of one run. Each figure
is a fresh process; all kinds take turns, so that a busy machine is busy for all of them.
"""

import os
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from simulator.clock import WallClock
from simulator.parts.azure import azure
from simulator.parts.environment import ROOT, assemble
from simulator.parts.redis_server import redis_server

GOAL = 0.6
REFERENCE = "import azure.mgmt.compute, azure.mgmt.network, azure.identity, redis"
APP = "import function_app"
# What the Functions worker has imported by the time it imports an app, whichever app that is.
WORKER = "import azure_functions_runtime, azure.functions"
# The standard library keeps its bytecode, as it does in Azure's image; a package without any is compiled at each start.
NO_BYTECODE = """
import importlib._bootstrap_external as loaders, sysconfig
_kept, _standard = loaders.cache_from_source, sysconfig.get_paths()["stdlib"]
def _cache_from_source(path, *arguments, **options):
    if not path.startswith(_standard) or "site-packages" in path:
        raise NotImplementedError
    return _kept(path, *arguments, **options)
loaders.cache_from_source = _cache_from_source
"""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One thing to measure in one state of the process."""

    before: str
    measured: str

    def milliseconds(self, environ: Mapping[str, str]) -> float:
        """In a fresh process."""
        return float(run(MEASURED.format(root=str(ROOT), before=self.before, measured=self.measured), environ))


def run(program: str, environ: Mapping[str, str]) -> str:
    """A fresh Python's output."""
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environ, check=True, stdout=subprocess.PIPE, text=True).stdout


def first_run(environ: Mapping[str, str], capacity: int) -> str:
    """The app and what its first run imports: without machines to want, it only looks; with one, it gives an order."""
    chosen = {"SCALER_POOL_CAPACITY": str(capacity), "SCALER_WARMPOOL_SIZE": "0"}
    quick = {f"SCALER_{name}_WATCH": "0s" for name in ("PROVISIONER", "RECONCILER", "STARTER", "CLEANER")}
    environment = assemble({**environ, **chosen, **quick}, speed=20)
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


def kinds(environ: Mapping[str, str]) -> Mapping[tuple[str, str], Kind]:
    """By the state of the process, and by what is imported. The reference is the first of each state."""
    measured = {
        "reference": REFERENCE,
        "app": APP,
        "app, first look": first_run(environ, 0),
        "app, first order": first_run(environ, 1),
    }
    states = {
        "in the worker": WORKER,
        "in the worker, without bytecode": f"{WORKER}\n{NO_BYTECODE}",
        "in a bare Python": "",
        "in a bare Python, without bytecode": NO_BYTECODE,
    }
    return {
        (state, name): Kind(before=before, measured=imports)
        for state, before in states.items()
        for name, imports in measured.items()
    }


def main(repetitions: int) -> int:
    """0 if the app meets its goal where it matters: in the worker, with bytecode."""
    with bytecode() as environ:
        measured = kinds(environ)
        for each in measured.values():
            each.milliseconds(environ)  # writes the bytecode
        rounds = [{key: each.milliseconds(environ) for key, each in measured.items()} for _ in range(repetitions)]
    print(f"median of {repetitions}; ratios to: {REFERENCE}")
    for state, name in measured:
        spent = median(each[state, name] for each in rounds)
        print(f"{state:36}{name:18}{spent:7.0f} ms{ratio(rounds, state, name):7.2f}")
    met = ratio(rounds, "in the worker", "app") <= GOAL
    print(f"goal: app in the worker <= {GOAL}: {'met' if met else 'MISSED'}")
    return 0 if met else 1


def ratio(rounds: list[dict[tuple[str, str], float]], state: str, name: str) -> float:
    """The median over the rounds."""
    return median(each[state, name] / each[state, "reference"] for each in rounds)


if __name__ == "__main__":
    parser = ArgumentParser(prog="python -m benchmarks.cold_start", description=__doc__)
    parser.add_argument("repetitions", type=int, nargs="?", default=11, help="(%(default)s)")
    sys.exit(main(parser.parse_args().repetitions))
