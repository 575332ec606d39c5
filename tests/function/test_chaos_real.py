"""Real parts, broken on purpose for a while: what `make chaos-real` does, short enough for every day."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from contract.registries import find_redis_server

from simulator.chaos_real.faults import Fault

ROOT = Path(__file__).parents[2]
WRONGS = ("reservations_lost", "used_machines_handed_out", "sessions_cut_short", "machines_leaked")
PATIENCE = 240.0  # seconds: setting up, breaking, and the longest settling that is allowed


@pytest.fixture
def redis_there() -> None:
    """Skip a test where no redis-server is installed; in CI fail."""
    find_redis_server()


def chaos_real(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """A run that has begun."""
    return subprocess.Popen(
        [sys.executable, "-m", "simulator", "chaos-real", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.usefixtures("redis_there")
@pytest.mark.long
def test_whatever_breaks_nothing_is_wrong_and_all_settles() -> None:
    with chaos_real("--for", "15s", "--seed", "1", "--json") as run:
        output, errors = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, output + errors
    found = json.loads(output.splitlines()[-1])
    assert {name: found[name] for name in WRONGS} == dict.fromkeys(WRONGS, 0)
    survived = {Fault[name.upper()]: number for name, number in found["survived"].items()}
    assert survived[Fault.HOST_KILLED] >= 1
    assert survived[Fault.REDIS_FAILED_OVER] + survived[Fault.REDIS_KILLED] >= 1
    assert sum(survived.values()) >= 8
    assert found["restarts"] >= 2
    assert found["opened"] > 0
    assert 0 < found["settled_in_s"] <= found["settling_bound_s"]
    assert errors == ""


@pytest.mark.usefixtures("redis_there")
@pytest.mark.long
def test_who_ends_it_early_gets_a_report_and_leaves_nothing_behind() -> None:
    with chaos_real("--for", "1h", "--seed", "3", "--speed", "40") as run:
        assert run.stdout is not None
        output = ""
        while "SIG" not in output:  # something is broken right now
            line = run.stdout.readline()
            assert line, output
            output += line
        ours = children(run.pid)
        run.send_signal(signal.SIGINT)
        rest, errors = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "ended before it had settled:" in rest
    assert errors == ""
    assert not [pid for pid in ours if Path(f"/proc/{pid}").exists()]


def children(pid: int) -> list[int]:
    """The child processes of all threads of a process, by /proc."""
    found = [each.read_text().split() for each in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(each) for some in found for each in some]


def test_without_a_redis_server_it_says_how_to_get_one(tmp_path: Path) -> None:
    with chaos_real(PATH=str(tmp_path)) as run:
        output, errors = run.communicate(timeout=60)
    assert (run.returncode, output) == (2, "")
    assert "apt-get install redis-server" in errors


def test_what_cannot_be_used_is_named() -> None:
    with chaos_real("--for", "soon", SPEED="fast") as run:
        output, errors = run.communicate(timeout=60)
    assert (run.returncode, output) == (2, "")
    assert [line.partition(":")[0] for line in errors.splitlines()] == ["SPEED", "FOR"]
