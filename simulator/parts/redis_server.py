"""A Redis for one run: a redis-server that may be killed and started again, alone or with a replica; or fakeredis."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from threading import Thread
from time import monotonic, sleep
from typing import Any

import redis
from fakeredis import TcpFakeServer
from redis.backoff import NoBackoff
from redis.retry import Retry

from simulator.parts import child
from simulator.parts.environment import SetupFailed
from simulator.parts.network import LOOPBACK, Condition, Network, free_port

_LOG = "redis.log"
_PATIENCE = 15.0  # seconds until it must answer, and have loaded what it kept
_LAST_WORDS = 3.0  # from SIGTERM to SIGKILL: without persistence there is nothing to wait for
_REMEDY = "install redis-server (apt-get install redis-server, brew install redis)"
_PLAIN = ("--save", "", "--maxmemory-policy", "noeviction")
_KEEPING = ("--appendonly", "yes", "--appendfsync", "everysec")
_COPYING = ("--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")


def binary() -> str:
    """Where redis-server is; raises SetupFailed where there is none: nothing else can be killed, or fails over."""
    found = shutil.which("redis-server")
    if found is None:
        raise SetupFailed(f"chaos-real and HOT need a real redis-server, and none is on PATH: {_REMEDY}")
    return found


def plain(port: int, *, timeout: float) -> redis.Redis:
    """A client that asks once and does not try again."""
    return redis.Redis(host=LOOPBACK, port=port, socket_timeout=timeout, retry=Retry(NoBackoff(), 0))


class RedisProcess:
    """One redis-server in a folder of its own, on a new port each time; `keeping`: with an append-only file."""

    def __init__(self, name: str, folder: Path, *, keeping: bool) -> None:
        self.name = name
        self.port = 0
        self._folder = folder
        self._options = (*_PLAIN, *_COPYING, *(_KEEPING if keeping else ()))
        self._process: subprocess.Popen[str] | None = None
        self._folder.mkdir(exist_ok=True)

    def start(self, *, replica_of: int | None = None) -> None:
        """Start with the append-only file, or as a replica with the data of the server behind that port."""
        self.port = free_port()
        place = ("--bind", LOOPBACK, "--port", str(self.port), "--dir", str(self._folder), "--logfile", _LOG)
        follow = () if replica_of is None else ("--replicaof", LOOPBACK, str(replica_of))
        command = [binary(), *place, *self._options, *follow]
        self._process = child.start(command, environment={"PATH": os.environ["PATH"]}, folder=self._folder)
        self._await()

    def kill(self) -> None:
        """SIGKILL."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def end(self) -> None:
        """In good order."""
        process, self._process = self._process, None
        if process is not None:
            child.end(process, within=_LAST_WORDS)

    def pause(self) -> None:
        """SIGSTOP: connections stay, and nobody answers."""
        assert self._process is not None
        self._process.send_signal(SIGSTOP)

    def resume(self) -> None:
        """SIGCONT: go on, with all requests that came meanwhile."""
        if self._process is not None:
            self._process.send_signal(SIGCONT)

    @property
    def failure(self) -> str | None:
        """Why the server is dead though not killed."""
        code = self._process.poll() if self._process is not None else None
        return None if code is None else f"{self.name} ended by itself (exit code {code}): {self._said()}"

    def promote(self) -> None:
        """Be a primary from now on."""
        with plain(self.port, timeout=_PATIENCE) as client:
            client.execute_command("REPLICAOF", "NO", "ONE")

    def info(self) -> dict[str, Any]:
        """The answer to INFO."""
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
        raise SetupFailed(f"{self.failure or f'{self.name} does not answer: {self._said()}'}; {_REMEDY}")

    def _said(self) -> str:
        log = self._folder / _LOG
        return " / ".join(log.read_text(errors="replace").splitlines()[-3:]) if log.exists() else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """A Redis that answers. `process` is None for the fake Redis inside the process of the run."""

    name: str  # with its version
    port: int
    process: RedisProcess | None = None
    replica: RedisProcess | None = None

    @property
    def url(self) -> str:
        """The address as a URL."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    @property
    def failure(self) -> str | None:
        """Why a server is dead; None while the server lives, and its replica."""
        servers = (each for each in (self.process, self.replica) if each is not None)
        return next((each.failure for each in servers if each.failure is not None), None)


@contextmanager
def redis_server(*, copied: bool = False) -> Iterator[RedisServer]:
    """Until the end of the block: a redis-server without persistence, or fakeredis where there is none.

    `copied`: with a replica, which is in step. Raises SetupFailed where there is no redis-server.
    """
    if shutil.which("redis-server") is None and not copied:
        with _fake() as server:
            yield server
        return
    # a killed server's child may still be saving there
    with tempfile.TemporaryDirectory(prefix="simulator-redis-", ignore_cleanup_errors=True) as folder:
        process = RedisProcess("redis-server", Path(folder) / "one", keeping=False)
        replica = RedisProcess("its replica", Path(folder) / "two", keeping=False) if copied else None
        try:
            process.start()
            name = f"redis-server {process.info()['redis_version']}"
            if replica is not None:
                replica.start(replica_of=process.port)
                _await_step(process)
                name += " with a replica"
            yield RedisServer(name=name, port=process.port, process=process, replica=replica)
        finally:
            for each in (replica, process):
                if each is not None:
                    each.end()


def _await_step(primary: RedisProcess) -> None:
    """Wait until the replica confirms."""
    with plain(primary.port, timeout=_PATIENCE) as client:
        if not client.execute_command("WAIT", 1, int(1000 * (_PATIENCE - 1))):
            raise SetupFailed("the replica of redis-server does not come in step")


@contextmanager
def _fake() -> Iterator[RedisServer]:
    server = TcpFakeServer((LOOPBACK, 0))
    server.daemon_threads = True
    server.block_on_close = False
    Thread(target=server.serve_forever, name="fakeredis", daemon=True).start()
    try:
        yield RedisServer(name=f"fakeredis {metadata.version('fakeredis')}", port=server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


_SYNC = 15.0  # seconds: a replica asks once a second, and gets a few kilobytes


class RedisPair:
    """`clients`: the proxy of all clients; `copying`: between the two; `aside`: the observer's."""

    def __init__(self, folder: Path, network: Network) -> None:
        self.primary = RedisProcess("redis-server one", folder / "one", keeping=True)
        self.replica = RedisProcess("redis-server two", folder / "two", keeping=True)
        self.primary.start()
        self.clients = network.proxy(self.primary.port)
        self.copying = network.proxy(self.primary.port)
        self.aside = network.proxy(self.primary.port)
        self.replica.start(replica_of=self.copying.port)
        self.name = f"redis-server {self.primary.info()['redis_version']}"

    @property
    def port(self) -> int:
        """The clients', which never changes."""
        return self.clients.port

    @property
    def url(self) -> str:
        """The address that never changes."""
        return f"redis://{self.clients.address}/0"

    @property
    def failure(self) -> str | None:
        """Why a server is dead that was not killed."""
        return self.primary.failure or self.replica.failure

    def in_step(self, *, within: float = _SYNC) -> bool:
        """Wait for the replica to have all that the primary has now; False when the time is over."""
        until = monotonic() + within
        while monotonic() < until:
            try:
                wanted = self.primary.info()["master_repl_offset"]
                copy = self.replica.info()
            except redis.RedisError:
                return False
            if copy.get("master_link_status") == "up" and copy["slave_repl_offset"] >= wanted:
                return True
            sleep(0.02)
        return False

    def lag(self) -> None:
        """From now on nothing reaches the replica, and the primary does not know."""
        self.copying.be(Condition.SILENT)

    def restart_primary(self) -> None:
        """Start the killed primary again, with its append-only file."""
        self.primary.start()
        self._lead_all()

    def swap(self) -> None:
        """Promote the replica in place of the dead primary: what was not copied is forgotten."""
        self.replica.promote()
        self.primary, self.replica = self.replica, self.primary
        self._lead_all()
        self.copying.be(Condition.PASSING)

    def bring_back(self) -> None:
        """Whoever is dead follows the primary from now on."""
        self.replica.start(replica_of=self.copying.port)

    def _lead_all(self) -> None:
        for each in (self.clients, self.copying, self.aside):
            each.lead_to(self.primary.port)


@contextmanager
def redis_pair(network: Network) -> Iterator[RedisPair]:
    """In step, and until the end of the block. Raises SetupFailed where there is no redis-server."""
    binary()
    # a killed server's child may still be saving there
    with tempfile.TemporaryDirectory(prefix="simulator-redis-", ignore_cleanup_errors=True) as folder:
        pair = RedisPair(Path(folder), network)
        try:
            pair.in_step()
            yield pair
        finally:
            pair.primary.kill()
            pair.replica.kill()
