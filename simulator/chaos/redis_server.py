"""A Redis that behaves like one on a bad day: it fails over, forgets, loses keys, is slow, or is away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from emulator.redis.keyspace import State
from emulator.redis.memory import MemoryRegistry
from scaler.errors import Unreachable
from scaler.model.row import Status
from simulator.chaos.doors import Gate
from simulator.clock import SkewedClock, VirtualClock

MAY_LOSE = timedelta(seconds=30)
"""So much of what it acknowledged a failover may cost; and two of them are that far apart."""
_RESTART_LOSES = timedelta(seconds=2)  # an append-only file is written every second, and the write takes its time


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """How well it is reached. Chances are per call; seconds are of one answer."""

    silent: float = 0.0  # no answer; half of the time it was carried out all the same
    slow: tuple[float, float] = (0.0, 0.0)
    lagging: float = 0.0  # the replica does not confirm in time
    alone: bool = False  # there is no replica


class RedisServer(MemoryRegistry):
    """The registry, with a replica behind it: nothing that was confirmed is lost by a failover. Implements Store."""

    def __init__(self, clock: SkewedClock, dice: Random) -> None:
        super().__init__(clock.now, replica=self)
        self.clock = clock
        self.dice = dice
        self.lines = Lines()
        self._replica: list[tuple[datetime, State]] = []

    @property
    def connected(self) -> bool:
        """Whether there is a replica."""
        return not self.lines.alone

    def catch_up(self) -> bool:
        """The replica has it all, if it answers in time."""
        if self.lines.lagging and self.dice.random() < self.lines.lagging:
            return False
        self._replica = [(self._true(), self.keyspace.snapshot_state())]
        return True

    def replicate(self) -> None:
        """One more state that a failover may fall back to."""
        now = self._true()
        kept = [each for each in self._replica if now - each[0] <= MAY_LOSE]
        self._replica = [*kept, (now, self.keyspace.snapshot_state())]

    def fail_over(self, back: int) -> None:
        """Fall back by so many states of the last seconds, counted round."""
        if self._replica:
            self._fall_back(self._replica[-1 - back % len(self._replica)])

    def restart(self) -> None:
        """The same Redis comes back, with all but what it had not yet written to its disk."""
        now = self._true()
        recent = [each for each in self._replica if now - each[0] <= _RESTART_LOSES]
        if recent:
            self._fall_back(self.dice.choice(recent))

    def lose(self, key: bytes) -> None:
        """One key is gone, for whatever reason."""
        self.keyspace.delete(key)

    @property
    def held(self) -> Sequence[bytes]:
        """The names of all keys, in order."""
        state = self.keyspace.snapshot_state()
        return sorted({*state.strings, *state.sets})

    def strings(self) -> Mapping[bytes, bytes]:
        """All strings by key."""
        return self.keyspace.snapshot_state().strings

    def members(self, status: Status) -> set[bytes]:
        """The index of that status."""
        return self.keyspace.smembers(self.keys.index(status))

    def lasts(self, key: bytes) -> bool:
        """Whether the key has no time to live."""
        return self.keyspace.ttl(key) == -1

    def _fall_back(self, to: tuple[datetime, State]) -> None:
        """What came after it never was: a second accident may not lose what the first one brought back."""
        self._replica = [to]
        self.server.run_id += "x"
        self.keyspace.restore_state(to[1])

    def _true(self) -> datetime:
        return self.clock.truly(self.clock.now())


class Line(Gate):
    """A gate in front of a Redis: one caller's way to it."""

    def __init__(self, server: RedisServer, clock: VirtualClock) -> None:
        self._server = server
        self._clock = clock
        self.away_until: datetime | None = None

    def before(self, call: str) -> None:
        """It takes its time, or there is nobody, or nothing arrives."""
        lines, dice = self._server.lines, self._server.dice
        if lines.slow[1]:
            self._clock.advance(timedelta(seconds=dice.uniform(*lines.slow)))
        if self.is_away:
            raise Unreachable("Redis is away")
        if lines.silent and dice.random() < lines.silent / 2:
            raise Unreachable("Redis did not answer")

    def after(self, call: str, answer: object) -> None:
        """It was carried out, and the answer may get lost."""
        lines = self._server.lines
        if lines.silent and self._server.dice.random() < lines.silent / 2:
            raise Unreachable("the answer of Redis was lost")

    @property
    def is_away(self) -> bool:
        """Whether nobody answers now."""
        return self.away_until is not None and self._clock.now() < self.away_until

    def cut(self, seconds: float) -> None:
        """Nobody answers for so long."""
        self.away_until = self._clock.now() + timedelta(seconds=seconds)
