"""A primary and its replica behind one address: what a managed Redis is to its clients."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import redis

from simulator.chaos_real.front import Condition
from simulator.chaos_real.nursery import Nursery
from simulator.chaos_real.redis_node import RedisNode
from simulator.chaos_real.switchboard import Switchboard

_SYNC = 15.0  # seconds: a replica asks once a second, and gets a few kilobytes


class RedisPair:
    """`clients` is where everybody goes; `copying` is between the two; `aside` is nobody's but the observer's."""

    def __init__(self, folder: Path, nursery: Nursery, board: Switchboard) -> None:
        self.primary = RedisNode("one", folder / "one", nursery)
        self.replica = RedisNode("two", folder / "two", nursery)
        self.primary.start()
        self.clients = board.gate(self.primary.port)
        self.copying = board.gate(self.primary.port)
        self.aside = board.gate(self.primary.port)
        self.replica.start(replica_of=self.copying.port)
        self.version = f"redis-server {self.primary.info()['redis_version']}"

    @property
    def url(self) -> str:
        """The address that never changes."""
        return f"redis://{self.clients.address}/0"

    @property
    def failure(self) -> str | None:
        """Why one of them is dead although nobody killed it."""
        return self.primary.failure or self.replica.failure

    def in_step(self, *, within: float = _SYNC) -> bool:
        """Whether the replica has all that the primary had when this was asked; waits for it."""
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
        """The one that was killed comes back, with what it wrote."""
        self.primary.start()
        self._lead_all()

    def swap(self) -> None:
        """The replica takes the place of the primary, which is dead: what it had not copied is forgotten."""
        self.replica.promote()
        self.primary, self.replica = self.replica, self.primary
        self._lead_all()
        self.copying.be(Condition.PASSING)

    def bring_back(self) -> None:
        """Whoever is dead follows the primary from now on."""
        self.replica.start(replica_of=self.copying.port)

    def close(self) -> None:
        """Both end, whatever they are doing."""
        self.primary.kill()
        self.replica.kill()

    def _lead_all(self) -> None:
        for each in (self.clients, self.copying, self.aside):
            each.lead_to(self.primary.port)


@contextmanager
def redis_pair(folder: Path, nursery: Nursery, board: Switchboard) -> Iterator[RedisPair]:
    """In step, and until the end of the block."""
    pair = RedisPair(folder, nursery, board)
    try:
        pair.in_step()
        yield pair
    finally:
        pair.close()
