"""Function apps that a test writes, and the stand-in for `func start` that runs them, in a process of its own.

In a process of its own because the runtime's registry of functions is global: one app per interpreter.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
HOST = (sys.executable, "-m", "emulator.functions_host")
PATIENCE_SECONDS = 60.0

_HEADER = """\
import logging
from pathlib import Path

import azure.functions as func

app = func.FunctionApp()
log = logging.getLogger("app")
"""


def write_app(folder: Path, functions: str, **settings: str) -> Path:
    """A function app with its settings; returns its folder."""
    (folder / "function_app.py").write_text(_HEADER + functions)
    (folder / "host.json").write_text('{"version": "2.0"}')
    (folder / "local.settings.json").write_text(json.dumps({"IsEncrypted": False, "Values": settings}))
    return folder


def run_host(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The host, run to its end."""
    process = _start(HOST, arguments, environment)
    output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


class HostProcess:
    """A host that keeps running; its log lines are read as they come."""

    def __init__(self, *arguments: str | Path, command: Sequence[str] = HOST, **environment: str) -> None:
        self._process = _start(command, arguments, environment)
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def lines_until(self, message: str, **fields: object) -> list[dict[str, Any]]:
        """All lines up to the next one of that message and those fields, which comes last."""
        lines = []
        while (line := self._lines.get(timeout=PATIENCE_SECONDS)) is not None:
            lines.append(line)
            if line["message"] == message and fields.items() <= line.items():
                return lines
        raise AssertionError(f"the host ended before it said {message!r}")

    def line_with(self, **fields: object) -> dict[str, Any]:
        """The facts of the next line whose message has these among its own."""
        while (line := self._lines.get(timeout=PATIENCE_SECONDS)) is not None:
            found = _facts_in(line["message"])
            if fields.items() <= found.items():
                return found
        raise AssertionError(f"the host ended before it said {fields}")

    def line(self, message: str, **fields: object) -> dict[str, Any]:
        """The next line of that message and those fields; what comes before it is skipped."""
        return self.lines_until(message, **fields)[-1]

    def stop(self, number: signal.Signals = signal.SIGTERM, *, within: float = PATIENCE_SECONDS) -> int:
        """The exit code of a host that is sent a signal."""
        self._process.send_signal(number)
        return self._process.wait(timeout=within)

    def end(self) -> None:
        """Leave nothing behind, whatever the test did."""
        self._process.kill()
        self._reader.join()
        self._process.communicate()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(json.loads(line))
        self._lines.put(None)


def _facts_in(message: str) -> dict[str, Any]:
    """What the scaler's line says in JSON behind its sentence; nothing where it is somebody else's."""
    _, brace, rest = message.partition(" {")
    try:
        found: dict[str, Any] = json.loads("{" + rest) if brace else {}
    except ValueError:
        return {}
    return found


def _start(
    command: Sequence[str], arguments: tuple[str | Path, ...], environment: dict[str, str]
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*command, *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
