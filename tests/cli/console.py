"""The command line as its users meet it: in this process with its streams caught, in a pipe, or on a terminal."""

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from scaler.cli.app import app

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 150.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The stdout, stderr and exit status of a command."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document."""
        return json.loads(self.out)

    @property
    def table(self) -> list[dict[str, str]]:
        """The last table of a pipe: cells by their columns' names, which stand exactly above them."""
        lines = [line for line in self.out.splitlines() if line]
        first = max(number for number, line in enumerate(lines) if "  vm  " in line)
        head = lines[first]
        starts = [at for at in range(len(head)) if head[at] != " " and (at == 0 or head[at - 2 : at] == "  ")]
        ends = [*starts[1:], None]
        names = [head[start:end].strip() for start, end in zip(starts, ends, strict=True)]
        rows = [
            [line[start:end].strip() for start, end in zip(starts, ends, strict=True)] for line in lines[first + 1 :]
        ]
        return [dict(zip(names, row, strict=True)) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """An operator's shell with these variables in it, and no others of ours."""

    environment: Mapping[str, str]

    def run(self, *words: str, typed: str | None = None, **more: str) -> Said:
        """One command in this process."""
        result = CliRunner(env={**self.environment, **more}).invoke(app, list(words), input=typed)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(status=result.exit_code, out=result.stdout, err=result.stderr)

    def pipe(self, *words: str, **more: str) -> Said:
        """One command in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "scaler", *words],
            cwd=ROOT,
            env=self.alone(more),
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return Said(status=done.returncode, out=done.stdout, err=done.stderr)

    def interrupted(self, after: str, *words: str, **more: str) -> Said:
        """Run a command, and send SIGINT to the process once `after` stands in its output."""
        command = [sys.executable, "-u", "-m", "scaler", *words]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, cwd=ROOT, env=self.alone(more), text=True, **streams) as process:  # type: ignore[call-overload]
            assert process.stdout is not None
            out = ""
            while after not in out:
                line = process.stdout.readline()
                assert line, f"it ended before it wrote {after!r}: {out}"
                out += line
            process.send_signal(signal.SIGINT)
            rest, err = process.communicate(timeout=PATIENCE_SECONDS)
        return Said(status=process.returncode, out=out + rest, err=err)

    def terminal(self, columns: int, *words: str, **more: str) -> str:
        """What a terminal of that width shows, control sequences and all."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        command = [sys.executable, "-m", "scaler", *words]
        environment = self.alone({"TERM": "xterm-256color", **more})
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs):
            os.close(theirs)
            shown = b""
            while True:
                try:
                    read = os.read(ours, 65536)
                except OSError:  # Linux' way of saying that nobody writes any more
                    read = b""
                if not read:
                    break
                shown += read
        os.close(ours)
        return shown.decode().replace("\r\n", "\n")

    def alone(self, more: Mapping[str, str]) -> dict[str, str]:
        """The variables of a process: these, and PATH."""
        return {"PATH": os.environ["PATH"], **self.environment, **more}
