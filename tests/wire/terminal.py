"""A terminal in which the emulator runs and the real `az` is typed, and the page that is made of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
AZ = ROOT / ".venv-az" / "bin" / "az"


class Terminal:
    """Runs lines as a shell does, keeping what they export. It inherits no settings from whoever runs the tests."""

    def __init__(self, scratch: Path) -> None:
        path = f"{AZ.parent}:{os.environ['PATH']}"
        self._environment = {"PATH": path, "HOME": str(scratch), "TMPDIR": str(scratch), "LC_ALL": "C.UTF-8"}
        self._same: dict[str, str] = {}
        self._page: list[str] = []

    def say(self, text: str) -> None:
        """Prose between the commands."""
        self._close()
        self._page.append(f"{text}\n")

    def run(self, line: str, *, status: int = 0) -> str:
        """What the line printed. Fails unless it ended with this status."""
        done = subprocess.run(
            ["bash", "-c", f"{line}\nended=$?; env -0 > $TMPDIR/.exported; exit $ended"],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == status, f"{line}: {done.returncode}\n{done.stdout}"
        self._remember(Path(self._environment["TMPDIR"], ".exported"))
        self.show(line, done.stdout)
        return done.stdout

    def show(self, line: str, printed: str) -> None:
        """One command and its output on the page."""
        self._open()
        self._page.append(self._plain(f"$ {line}\n{printed.rstrip()}").rstrip())

    def write_instead(self, words: Mapping[str, str]) -> None:
        """On the page, these words are written as those."""
        self._same.update(words)

    @property
    def page(self) -> str:
        """All of it."""
        self._close()
        return "\n".join(self._page)

    def _plain(self, text: str) -> str:
        for found, shown in self._same.items():
            text = text.replace(found, shown)
        return text

    def _open(self) -> None:
        if not self._page or not self._page[-1].startswith(("$ ", "```console")):
            self._page.append("```console")

    def _close(self) -> None:
        if self._page and self._page[-1].startswith("$ "):
            self._page.append("```\n")

    def _remember(self, exported: Path) -> None:
        pairs = (each.partition("=") for each in exported.read_text().split("\0") if each)
        self._environment = {name: value for name, _, value in pairs if name not in {"_", "SHLVL", "PWD"}}


@dataclass(frozen=True, slots=True)
class Emulator:
    """What `python -m emulator`, as a process of its own, has printed."""

    greeting: str

    @property
    def lines(self) -> list[str]:
        """Those of its greeting that are meant for a shell."""
        found = (each.strip() for each in self.greeting.splitlines())
        return [each for each in found if each.startswith(("export ", "az "))]


@contextmanager
def emulator(arguments: str) -> Iterator[Emulator]:
    """One that listens on free ports, until the end of the block."""
    words = [sys.executable, "-m", "emulator", "--port", "0", "--https-port", "0", *arguments.split()]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or "az vmss list-instances" not in lines[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1], "the emulator ended before it had said all"
        try:
            yield Emulator("".join(lines))
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
