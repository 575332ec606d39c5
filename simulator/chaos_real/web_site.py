"""The web site around a queue manager: it crashes between two steps, and remembers what it asked and never heard of."""

from collections.abc import Callable
from datetime import datetime
from random import Random
from threading import Lock

from redis import RedisError

from scaler.model.instance import SessionId, VmId
from scaler.registry.sessions import Sight
from simulator.queue_managers.queue_manager import AWAY, QueueManager

_CRASHES = 0.1  # of the pauses of a naive queue manager


class Crashed(RedisError):
    """The queue manager died between two steps; its successor knows nothing of the first ones."""


class Asked:
    """When each session was last asked for, and which were asked for in vain: a machine may be kept for those too."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.at: dict[str, datetime] = {}
        self.unanswered: set[str] = set()
        self.crashes = 0
        self._lock = Lock()

    def note_crash(self) -> None:
        """One more."""
        with self._lock:
            self.crashes += 1


class WebSite:
    """Implements QueueManager by another one."""

    def __init__(self, queue_manager: QueueManager, asked: Asked) -> None:
        self._inner = queue_manager
        self._asked = asked

    def reserve(self, session: SessionId) -> VmId | None:
        """Asks."""
        self._asked.at[session] = self._asked.now()
        try:
            return self._inner.reserve(session)
        except AWAY:
            self._asked.unanswered.add(session)
            raise

    def look(self, session: SessionId, vm_id: VmId) -> Sight:
        """Asks."""
        return self._inner.look(session, vm_id)

    def release(self, session: SessionId, vm_id: VmId) -> None:
        """Tells."""
        self._inner.release(session, vm_id)

    def cancel(self, session: SessionId, vm_id: VmId) -> None:
        """Tells."""
        self._inner.cancel(session, vm_id)


def crashing(dawdle: Callable[[float], None], random: Random, asked: Asked) -> Callable[[float], None]:
    """A pause between two steps after which, now and then, there is nobody to take the second."""

    def pause(seconds: float) -> None:
        dawdle(seconds)
        if random.random() < _CRASHES:
            asked.note_crash()
            raise Crashed("the queue manager crashed")

    return pause
