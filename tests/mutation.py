"""Mutants of the core: small changes to scaler/model and scaler/controllers, each of which a unit test should notice.

`make mutants` draws MUTANTS of them (200) by SEED (0), runs the unit tests against each, names the survivors
and prints the score: the share of mutants that a test noticed. A sample of 200 is right within six points; all the
mutants would take hours.
"""

import os
import re
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from random import Random

from mutmut import __main__ as mutmut
from mutmut.configuration import config
from mutmut.stats import status_by_exit_code

NOTICED = {"killed", "timeout", "segfault", "suspicious"}
_ELSEWHERE = re.compile(r"\b(subprocess|simulator)\b")
"""In the tests of the simulator, and in those that start a process, which would not see the mutant."""


def quick_tests() -> list[str]:
    """The unit tests that run by themselves."""
    return [
        str(file) for file in sorted(Path("tests/unit").glob("test_*.py")) if not _ELSEWHERE.search(file.read_text())
    ]


def generate() -> list[str]:
    """The names of all mutants, written under mutants/ with what the tests need beside them."""
    Path("mutants").mkdir(exist_ok=True)
    mutmut.copy_src_dir()
    mutmut.copy_also_copy_files()
    mutmut.setup_source_paths()
    mutmut.create_mutants(os.cpu_count() or 1)
    mutants, _ = mutmut.collect_source_file_mutation_data(mutant_names=())
    return sorted(name for _, name, _ in mutants)


def verdicts(sample: Sequence[str]) -> dict[str, str]:
    """What became of each mutant of the sample."""
    mutants, _ = mutmut.collect_source_file_mutation_data(mutant_names=sample)
    return {name: status_by_exit_code[data.exit_code_by_key[name]] for data, name, _ in mutants}


def main() -> None:
    size, seed = (int(os.environ.get(name) or default) for name, default in (("MUTANTS", 200), ("SEED", 0)))
    config().pytest_add_cli_args_test_selection = [*quick_tests(), "-m", "not long"]
    with redirect_stdout(sys.stderr):  # mutmut draws its progress
        names = generate()
        sample = Random(seed).sample(names, min(size, len(names)))
        mutmut._run(sample, None)  # what its command line calls
    found = verdicts(sample)
    for name in sorted(name for name, verdict in found.items() if verdict not in NOTICED):
        print(f"{found[name]}: {name}   (mutmut show {name})")
    noticed = sum(verdict in NOTICED for verdict in found.values())
    print(dict(Counter(found.values())))
    print(
        f"score: {noticed / len(found):.1%}: {noticed} noticed of {len(found)}, drawn from {len(names)} by seed {seed}"
    )


if __name__ == "__main__":
    main()
