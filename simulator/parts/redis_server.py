"""A Redis for one run: redis-server without persistence; where there is none, fakeredis served over TCP."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

import redis
from fakeredis import TcpFakeServer

from simulator.parts import child
from simulator.parts.setup_failed import SetupFailed

_LOG = "redis.log"
_LOOPBACK = "127.0.0.1"
_PATIENCE = 10.0  # seconds until it must answer
_LAST_WORDS = 3.0  # and from SIGTERM to SIGKILL: without persistence there is nothing to wait for
_REMEDY = "install redis-server (apt-get install redis-server, brew install redis), or take it off PATH for fakeredis"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """One that answers. `process` is None where it lives in this one."""

    name: str  # with its version
    url: str
    process: subprocess.Popen[str] | None = None

    @property
    def failure(self) -> str | None:
        """Why it is dead, None while it lives."""
        code = self.process.poll() if self.process is not None else None
        return None if code is None else f"redis-server ended by itself (exit code {code})"


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """Whichever there is, until the end of the block."""
    binary = shutil.which("redis-server")
    with _real(binary) if binary is not None else _fake() as server:
        yield server


@contextmanager
def _real(binary: str) -> Iterator[RedisServer]:
    with tempfile.TemporaryDirectory(prefix="simulator-redis-") as folder:
        port = free_port()
        place = ("--bind", _LOOPBACK, "--port", str(port), "--dir", folder, "--logfile", _LOG)
        command = [binary, *place, "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"]
        process = child.start(command, environment={"PATH": os.environ["PATH"]}, folder=Path(folder))
        try:
            version = _await(process, port, Path(folder) / _LOG)
            yield RedisServer(name=f"redis-server {version}", url=f"redis://{_LOOPBACK}:{port}/0", process=process)
        finally:
            child.end(process, within=_LAST_WORDS)


def _await(process: subprocess.Popen[str], port: int, log: Path) -> str:
    """Its version, once it answers."""
    until = monotonic() + _PATIENCE
    with redis.Redis(host=_LOOPBACK, port=port) as client:
        while process.poll() is None and monotonic() < until:
            try:
                return str(client.info("server")["redis_version"])
            except redis.ConnectionError:
                sleep(0.02)
    said = "\n".join(log.read_text(errors="replace").splitlines()[-3:]) if log.exists() else ""
    raise SetupFailed(f"redis-server does not answer on port {port}; {_REMEDY}\n{said}")


def free_port() -> int:
    """One that nobody has right now."""
    with socket.create_server((_LOOPBACK, 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def _fake() -> Iterator[RedisServer]:
    server = TcpFakeServer((_LOOPBACK, 0))
    server.daemon_threads = True
    server.block_on_close = False
    Thread(target=server.serve_forever, name="fakeredis", daemon=True).start()
    try:
        name = f"fakeredis {metadata.version('fakeredis')}"
        yield RedisServer(name=name, url=f"redis://{_LOOPBACK}:{server.server_address[1]}/0")
    finally:
        server.shutdown()
        server.server_close()
