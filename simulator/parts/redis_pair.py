"""A primary and a replica behind one address, as a managed Redis appears to clients."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import redis

from simulator.parts.network import Condition, Network
from simulator.parts.redis_server import RedisProcess, binary

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
    with tempfile.TemporaryDirectory(prefix="simulator-redis-") as folder:
        pair = RedisPair(Path(folder), network)
        try:
            pair.in_step()
            yield pair
        finally:
            pair.primary.kill()
            pair.replica.kill()
