"""A process of a run: bound to its parent, in a group of its own so that a Ctrl-C reaches the parent alone."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from simulator.parts import bound_to_parent

_LAUNCHER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="launcher")
"""The thread that starts all processes: on Linux a bound process ends with the thread that started the process."""


def start(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, outputs: int = subprocess.DEVNULL
) -> subprocess.Popen[str]:
    """Start the command; `outputs` as Popen has it."""

    def launch() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", bound_to_parent.__file__, str(os.getpid()), *command],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=outputs,
            stderr=outputs,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    return _LAUNCHER.submit(launch).result()


def end(process: subprocess.Popen[str], *, within: float) -> None:
    """Ask a process to end; kill the process after so many seconds."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(timeout=within)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
