"""The whole house on this machine, as `make run` starts it. The slowest test of all, and the only one of its kind."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
WRONGS = ("reservations_lost", "used_machines_handed_out", "sessions_cut_short", "machines_leaked")


def simulator(**options: str) -> subprocess.CompletedProcess[str]:
    """A run, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "simulator"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **options},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def figures(run: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The JSON line it ends with."""
    found = json.loads(run.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def test_visitors_are_served_from_end_to_end_and_nothing_is_wrong() -> None:
    run = simulator(FOR="35s", JSON="1")
    assert run.returncode == 0, run.stdout + run.stderr
    found = figures(run)
    assert {name: found[name] for name in WRONGS} == dict.fromkeys(WRONGS, 0)
    assert found["opened"] > 0
    assert found["visitors"] == sum(found[each] for each in ("opened", "refused", "abandoned", "waiting"))
    assert all(found["arm_calls_per_controller"].values()), "a controller never spoke to Azure"
    assert found["redis"].startswith(("redis-server ", "fakeredis "))
    assert "page    http://127.0.0.1:" in run.stdout
    assert {"ADMIT", "RESERVE", "Start", "OPEN", "RELEASE", "Delete"} <= set(run.stdout.split()), run.stdout


def test_what_cannot_be_used_ends_the_run_before_it_begins() -> None:
    for variable, value in (("SPEED", "fast"), ("SCALER_POOL_CAPACITY", "ten"), ("STARTER_SCHEDULE", "often")):
        run = simulator(**{variable: value})
        assert (run.returncode, run.stdout) == (2, "")
        assert run.stderr.strip().partition(variable)[1] == variable


def test_a_log_that_cannot_be_written_ends_it_too(tmp_path: Path) -> None:
    run = simulator(LOG=str(tmp_path / "nowhere" / "run.jsonl"), FOR="5s")
    assert run.returncode == 2
    assert "run.jsonl cannot be written (No such file or directory)" in run.stderr
