"""`python -m fuzz.scripts SECONDS`: the scripts on a redis-server against the codec, until they disagree."""

import random
import sys
import tempfile
from pathlib import Path
from time import monotonic

from contract.registries import redis_server
from fuzz.differential import Scripts, differences
from fuzz.mutation import mutated
from fuzz.seeds import seeds_of

_BATCH = 200
_POOL = 3_000  # texts that are records, to go on from


def fuzz(scripts: Scripts, seconds: float, choice: random.Random) -> int:
    """How many texts were read alike. Ends with the first that was not."""
    pool, end, read = list(seeds_of("record")), monotonic() + seconds, 0
    while monotonic() < end:
        raws = [mutated(choice.choice(pool), choice) for _ in range(_BATCH)]
        for raw, how in differences(scripts, raws):
            sys.exit(f"after {read} texts: {raw!r} is read as {how}")
        read += len(raws)
        if len(pool) < _POOL:
            pool += [raw for raw, answer in zip(raws, scripts.read(raws), strict=True) if answer][:5]
    return read


if __name__ == "__main__":
    seconds, seed = float(sys.argv[1] if len(sys.argv) > 1 else 60), random.randrange(1 << 32)
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as server:
        print(f"{fuzz(Scripts(server.client()), seconds, random.Random(seed))} texts read alike (seed {seed})")
