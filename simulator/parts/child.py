"""A process of ours: tethered, in a group of its own so that a Ctrl-C reaches us alone, and ended when we say so."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from simulator.parts import tether

_PATIENCE = 5.0  # seconds from SIGTERM to SIGKILL; redis-server and the functions host need less than one


def start(command: Sequence[str], *, environment: Mapping[str, str], folder: Path) -> subprocess.Popen[str]:
    """Start it with both outputs piped. Call this on the main thread: the tether is to the thread, on Linux."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), *command],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def end(process: subprocess.Popen[str]) -> None:
    """Ask it to end, and see to it that it has ended."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
