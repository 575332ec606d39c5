"""`python -m fuzz TARGET SECONDS`: coverage-guided fuzzing of one property, by Atheris (requirements-fuzz.txt).

What it finds is written to fuzz-findings/, and belongs into tests/fuzz/seeds.py.
"""

import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

try:
    import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]
except ModuleNotFoundError:
    sys.exit("Atheris is not installed: pip install -r requirements-fuzz.txt (there are wheels for Linux only)")

with atheris.instrument_imports(include=["scaler"]):  # which must not have been imported before
    from fuzz.reading import TARGETS
    from fuzz.seeds import mutated, seeds_of

_FINDINGS = Path("fuzz-findings")
_LONGEST = 6_000


def mutate(raw: bytes, longest: int, seed: int) -> bytes:
    """Half of the time by words and brackets, which no mutation of bits would ever find."""
    choice = random.Random(seed)
    changed = mutated(raw, choice) if choice.random() < 0.5 else atheris.Mutate(raw, longest)
    return bytes(changed[:longest])


def fuzz(target: str, prove: Callable[[bytes], None], seconds: int) -> None:
    """Until the time is over, or something is found. Ends the process."""
    _FINDINGS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for number, raw in enumerate(seeds_of(target)):
            (Path(corpus) / str(number)).write_bytes(raw)
        limits = [f"-max_total_time={seconds}", f"-max_len={_LONGEST}", f"-artifact_prefix={_FINDINGS}/{target}-"]
        atheris.Setup([sys.argv[0], *limits, corpus], prove, custom_mutator=mutate)
        atheris.Fuzz()


if __name__ == "__main__":
    chosen, spent = (*sys.argv[1:], "", "60")[:2] if len(sys.argv) == 2 else (*sys.argv[1:], "", "")[:2]
    if chosen not in TARGETS or not spent.isdecimal():
        sys.exit(f"usage: python -m fuzz TARGET [SECONDS]; targets: {', '.join(TARGETS)}")
    fuzz(chosen, TARGETS[chosen], int(spent))
