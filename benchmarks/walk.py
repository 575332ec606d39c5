"""Functions and files of scaler/ that one reservation passes, from the visitor's call to the end of the record.

python -m benchmarks.walk [--names]: the composition root of the functions, a redis-server, and the emulated Azure over
HTTP at 20 times real speed; one machine and one visitor. A profiler notes every function that is entered. --names
prints the functions in order.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from types import FrameType

import redis

from scaler import runtime
from scaler.errors import ScalerError
from scaler.model.edges import Actor
from scaler.model.instance import SessionId
from scaler.registry.keys import Keys
from scaler.registry.reservations import Reservations
from simulator.parts.azure import azure
from simulator.parts.environment import assemble
from simulator.parts.redis_server import redis_server

ROOT = Path(runtime.__file__).parent
SPEED = 20.0
PATIENCE = 60.0  # seconds for each stage: the slowest, a new machine, takes about ten
VISITOR = SessionId("s-1")
OURS = {"SCALER_POOL_CAPACITY": "1", "SCALER_WARMPOOL_SIZE": "0"}
ONE_TICK = {f"SCALER_{name}_WATCH": "0s" for name in ("PROVISIONER", "RECONCILER", "STARTER", "CLEANER")}


@dataclass(slots=True)
class Walk:
    """Functions of scaler/ in the order in which they were entered first."""

    entered: dict[tuple[str, str], None] = field(default_factory=dict)

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Note one event of the profiler."""
        code, path = frame.f_code, Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(ROOT) and "<" not in code.co_qualname.rpartition(".")[2]:
            self.entered[str(path.relative_to(ROOT)), code.co_qualname] = None

    @property
    def files(self) -> list[str]:
        """The files, in order."""
        return list(dict.fromkeys(path for path, _ in self.entered))

    def __str__(self) -> str:
        return f"{len(self.entered)} functions in {len(self.files)} files"


@contextmanager
def walked() -> Iterator[Walk]:
    """Profile every thread until the end of the block."""
    walk = Walk()
    threading.setprofile_all_threads(walk)
    sys.setprofile(walk)
    try:
        yield walk
    finally:
        sys.setprofile(None)
        threading.setprofile_all_threads(None)


def until(done: Callable[[], object], *controllers: Actor) -> None:
    """Run the controllers in turn until something is so."""
    begun = monotonic()
    while not done():
        assert monotonic() - begun < PATIENCE, f"{controllers} did not get there in {PATIENCE:.0f} s"
        for name in controllers:
            with suppress(ScalerError):
                runtime.run(name)
        sleep(0.1)


def stages(client: redis.Redis) -> Iterator[tuple[str, Callable[[], object]]]:
    """The parts of a visit, each to be run once, in this order."""
    visits, keys = Reservations(client, Keys()), Keys()

    def is_noted(word: bytes) -> bool:
        return any(word in (client.get(key) or b"") for key in client.keys("vmss:notes:*"))

    until(lambda: client.scard("vmss:status:available"), Actor.PROVISIONER, Actor.RECONCILER)
    until(lambda: True, Actor.STARTER, Actor.CLEANER)
    yield "reserve", lambda: visits.reserve(VISITOR, "203.0.113.9")
    yield "start", lambda: until(lambda: is_noted(b'"start"'), Actor.STARTER)
    yield "open", lambda: until(lambda: is_noted(b'"opened"'), Actor.STARTER)
    yield "release", lambda: visits.release(VISITOR)
    yield "delete", lambda: until(lambda: is_noted(b'"delete"'), Actor.CLEANER)
    yield "retire", lambda: until(lambda: not client.keys(keys.prefix + ":instance:*"), Actor.CLEANER)


def main() -> None:
    """Print a line for each stage, and the sum."""
    whole = Walk()
    with redis_server() as store:
        environment = assemble({**os.environ, **OURS, **ONE_TICK}, speed=SPEED)
        secret = environment.variables["IDENTITY_HEADER"]
        with azure(environment.settings, secret, lambda: datetime.now(UTC), 1) as cloud:
            os.environ.update(environment.at(redis_url=store.url, azure_url=cloud.server.url))
            for name, stage in stages(redis.Redis.from_url(store.url)):
                with walked() as walk:
                    stage()
                whole.entered |= walk.entered
                print(f"{name:<8} {walk}")
                if "--names" in sys.argv:
                    print("   ", " → ".join(f"{path}:{function}" for path, function in walk.entered))
    print(f"together {whole}, of {len(list(ROOT.rglob('*.py')))} files")


if __name__ == "__main__":
    main()
