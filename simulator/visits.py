"""Who comes when, and with what in mind: drawn from a seed, so that the same crowd can come again."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from random import Random

from simulator.happenings import Manner

_NAIVE = 0.3  # the share that comes through a naive queue manager
_IMPATIENT = 0.08  # gives up before a cold start can be over
_FORGETFUL = 0.04  # never releases; the session's limit has to end it

_RUSH = 10  # so many stood before the doors
_RUSHED = 3.0  # and come as much faster than those after them

# seconds of the emulated world
_PATIENCE = (600.0, 900.0)
_IMPATIENCE = (10.0, 80.0)
_STAY = (20.0, 120.0)
_STEP = (0.1, 1.5)  # between two steps of a naive queue manager


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One visitor's intentions. Seconds on the wall."""

    number: int
    gap: float  # after the visitor before
    manner: Manner
    patience: float  # from arrival until they give up
    stay: float
    releases: bool
    pauses: tuple[float, float, float]  # between the four steps of a naive queue manager

    @property
    def session(self) -> str:
        """Their name in the registry."""
        return f"v{self.number:04d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What all visitors have in common."""

    per_minute: float  # on the wall
    speed: float
    session_limit: float  # seconds on the wall; 0: none
    nameless: int | None = None  # the number of the one whose queue manager writes no session id; None: nobody


def visits(seed: int, habits: Habits) -> Iterator[Visit]:
    """One after the other, for ever; nobody, if none come in a minute."""
    random = Random(seed)
    if habits.per_minute > 0:
        for number in count(1):
            visit = _visit(number, random, habits)
            yield replace(visit, manner=Manner.NAMELESS) if number == habits.nameless else visit


def _visit(number: int, random: Random, habits: Habits) -> Visit:
    def seconds(span: tuple[float, float]) -> float:
        return random.uniform(*span) / habits.speed

    impatient = random.random() < _IMPATIENT
    stay = seconds(_STAY)
    return Visit(
        number=number,
        gap=random.expovariate(habits.per_minute / 60 * (_RUSHED if number <= _RUSH else 1.0)),
        manner=Manner.NAIVE if random.random() < _NAIVE else Manner.ATOMIC,
        patience=seconds(_IMPATIENCE if impatient else _PATIENCE),
        stay=min(stay, 0.8 * habits.session_limit) if habits.session_limit else stay,
        releases=random.random() >= _FORGETFUL or not habits.session_limit,
        pauses=(seconds(_STEP), seconds(_STEP), seconds(_STEP)),
    )
