"""`scaler web` in a process of its own, and a browser's request to it."""

import http.client
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from cli.console import PATIENCE_SECONDS, ROOT, Console


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to a request."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The page's server."""

    port: int

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/"

    def ask(self, path: str = "/", method: str = "GET", **headers: str) -> Answer:
        """One request, by its own name unless a Host is given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return Answer(status=answer.status, headers=dict(answer.getheaders()), text=answer.read().decode())
        finally:
            connection.close()


@contextmanager
def served(console: Console, **more: str) -> Iterator[Served]:
    """Until the end of the block; ended as by a Ctrl-C of a service manager."""
    command = [sys.executable, "-u", "-m", "scaler", "web", "--port", "0"]
    environment = console.alone(more)
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            assert line.startswith("http://127.0.0.1:"), line + process.stdout.read()
            yield Served(port=int(line.split("/")[2].partition(":")[2]))
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)
