"""The workload in real time: one thread lets the crowd go on, over a real Redis."""

from collections.abc import Callable
from threading import Event, Thread
from typing import Any

from redis import Redis, RedisError

from scaler.errors import ScalerError, Unreachable
from scaler.model.policy import Policy
from scaler.registry.keys import Keys
from scaler.registry.reservations import Reservations
from simulator.happenings import Manner
from simulator.workload.crowd import Crowd
from simulator.workload.habits import Habits
from simulator.workload.queue_manager import Access

_TURN = 0.02  # seconds
_POLL = 0.15  # seconds on the wall: how often a browser asks, and how soon a player notices that the stream is dead
_RETHINK = 2.0  # seconds until a visitor whose reservation vanished asks again: the observer looks several times
_CLOSING_TABS = 0.3
"""Share of the visitors, where the machine tells that they have left: else each would hold a machine to its limit."""
_NAMELESS = 3
"""The number of the one visitor whose queue manager writes no session id."""


class RealTime:
    """Nobody comes before `open_doors`; `close_doors` lets nobody in any more; `send_home` ends all visits at once."""

    def __init__(self, assemble: Callable[[], Crowd], failed: Callable[[Exception], None]) -> None:
        self.crowd: Crowd | None = None  # once the doors are open
        self._assemble = assemble
        self._failed = failed
        self._open, self._closing, self._over = Event(), Event(), Event()
        self._thread = Thread(target=self._run, name="visitors", daemon=True)
        self._thread.start()

    def open_doors(self) -> None:
        """Let the first visitor come."""
        self._open.set()

    def close_doors(self) -> None:
        """Let nobody in any more; visitors on a machine leave, waiting visitors wait on."""
        self._closing.set()

    def send_home(self) -> None:
        """End every visit where it stands, without a farewell."""
        self._over.set()
        self._open.set()
        self._thread.join()

    def _run(self) -> None:
        self._open.wait()
        crowd = self.crowd = self._assemble()
        try:
            while not self._over.wait(_TURN):
                if self._closing.is_set():
                    crowd.leave_off()
                crowd.go_on()
        except Exception as bug:  # noqa: BLE001  (visitors that stop silently would count as waiting for ever)
            self._failed(bug)


class _Answering:
    """A way to a real Redis: whatever keeps Redis from answering is Unreachable, as for the crowd in virtual time."""

    def __init__(self, behind: Any) -> None:
        self._behind = behind

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._behind, name)

        def ask(*args: Any, **kwargs: Any) -> Any:
            try:
                return call(*args, **kwargs)
            except (RedisError, ScalerError) as error:
                raise Unreachable(str(error)) from error

        return ask


class _Commands(_Answering):
    """The commands of a queue manager without scripts. Redis itself chooses which member an SPOP takes."""

    def spop(self, key: str, *, at: int = 0) -> bytes | None:
        """SPOP."""
        del at
        taken: bytes | None = self.__getattr__("spop")(key)
        return taken


def access_to(client: Redis, keys: Keys, **world: Any) -> Access:
    """What queue managers need of a run; `world` has the time, the machines, and who hears the visitors' account."""
    reservations: Any = _Answering(Reservations(client, keys))
    commands: Any = _Commands(client)
    return Access(keys=keys, keyspace=commands, reservations=reservations, **world)


def habits_at(speed: float, per_minute: float, policy: Policy, *, deaths: float = 0.0) -> Habits:
    """The visitors of a run; `per_minute` of the wall clock, in a world that runs so much faster than Azure's."""
    limit = policy.session_limit.total_seconds()
    return Habits(
        per_minute=per_minute,
        early=10,
        known={_NAMELESS: Manner.NAMELESS},
        rush=0.0,
        most=1_000_000,
        patience=(600 / speed, 900 / speed),
        impatient=0.08,
        impatience=(10 / speed, 80 / speed),
        fickleness=0.0,
        persistence=0.0,
        stay=70 / speed,
        longest_stay=0.8 * limit or 300 / speed,
        overstaying=0.04 if limit else 0.0,
        closing_tabs=_CLOSING_TABS if any(map(policy.ends_by_health, policy.capacity)) else 0.0,
        poll=(_POLL, _POLL),
        rethink=_RETHINK / _POLL,
        step=(0.1 / speed, 1.5 / speed),
        rest=(4 * _POLL, 4 * _POLL),
        deaths=deaths,
        repair_after=policy.repair_after,
    )
