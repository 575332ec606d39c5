"""A process of ours: tethered, in a group of its own so that a Ctrl-C reaches us alone, and ended when we say so."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from simulator.parts import tether


def start(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    outputs: int = subprocess.DEVNULL,
    tugged_by: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[str]:
    """Start it; `outputs` as Popen has it. Call this on a thread that outlives it: on Linux the tether is to that.

    `tugged_by`: the signal that ends it when this process dies; whoever may be stopped then hears only SIGKILL.
    """
    return subprocess.Popen(
        [sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), str(int(tugged_by)), *command],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=outputs,
        stderr=outputs,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def end(process: subprocess.Popen[str], *, within: float) -> None:
    """Ask it to end, and after so many seconds see to it that it has ended."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(timeout=within)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
