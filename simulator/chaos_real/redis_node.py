"""One redis-server that keeps what it is told in an append-only file, and that is killed, stopped and started again."""

import os
import shutil
import signal
import subprocess
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from simulator.chaos_real.front import LOOPBACK
from simulator.chaos_real.nursery import Nursery
from simulator.parts import child
from simulator.parts.redis_server import free_port
from simulator.parts.setup_failed import SetupFailed

_LOG = "redis.log"
_PATIENCE = 15.0  # seconds until it must answer, and have loaded what it kept
_REMEDY = "install redis-server (apt-get install redis-server, brew install redis)"
_KEEPING = ("--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction")
_COPYING = ("--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")


def binary() -> str:
    """Where redis-server is; raises SetupFailed where it is not: nothing else fails over."""
    found = shutil.which("redis-server")
    if found is None:
        raise SetupFailed(f"chaos-real needs a real redis-server, and none is on PATH: {_REMEDY}")
    return found


def plain(port: int, *, timeout: float) -> redis.Redis:
    """A client that asks once: whoever breaks things wants to know."""
    return redis.Redis(host=LOOPBACK, port=port, socket_timeout=timeout, retry=Retry(NoBackoff(), 0))


class RedisNode:
    """It listens on another port after every start: its clients come through fronts."""

    def __init__(self, name: str, folder: Path, nursery: Nursery) -> None:
        self.name = name
        self.port = 0
        self._folder = folder
        self._nursery = nursery
        self._process: subprocess.Popen[str] | None = None
        self._folder.mkdir()

    def start(self, *, replica_of: int | None = None) -> None:
        """With what its file holds; or as a replica of whoever is behind that port, whose data take its own's place."""
        self.port = free_port()
        place = ("--bind", LOOPBACK, "--port", str(self.port), "--dir", str(self._folder), "--logfile", _LOG)
        follow = () if replica_of is None else ("--replicaof", LOOPBACK, str(replica_of))
        command = [binary(), *place, *_KEEPING, *_COPYING, *follow]

        def launch() -> subprocess.Popen[str]:
            environment = {"PATH": os.environ["PATH"]}
            return child.start(command, environment=environment, folder=self._folder, tugged_by=signal.SIGKILL)

        self._process = self._nursery.start(launch)
        self._await()

    def kill(self) -> None:
        """SIGKILL."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def pause(self) -> None:
        """SIGSTOP: connections stay, and nobody answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """It goes on, with whatever was said to it meanwhile."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    @property
    def failure(self) -> str | None:
        """Why it is dead although nobody killed it."""
        code = self._process.poll() if self._process is not None else None
        return None if code is None else f"redis-server {self.name} ended by itself (exit code {code}): {self._said()}"

    def promote(self) -> None:
        """It follows nobody any more."""
        with plain(self.port, timeout=_PATIENCE) as client:
            client.execute_command("REPLICAOF", "NO", "ONE")

    def info(self) -> dict[str, Any]:
        """What it says of itself."""
        with plain(self.port, timeout=_PATIENCE) as client:
            found: dict[str, Any] = client.execute_command("INFO")
        return found

    def _await(self) -> None:
        until = monotonic() + _PATIENCE
        while self.failure is None and monotonic() < until:
            try:
                if not self.info()["loading"]:
                    return
            except redis.RedisError:
                pass
            sleep(0.02)
        raise SetupFailed(self.failure or f"redis-server {self.name} does not answer: {self._said()}; {_REMEDY}")

    def _said(self) -> str:
        log = self._folder / _LOG
        return " / ".join(log.read_text(errors="replace").splitlines()[-3:]) if log.exists() else ""
