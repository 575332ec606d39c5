"""The intentions of visitors, the habits of queue managers, and steps: each yield is a pause before the next step."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from random import Random

from scaler.errors import Unreachable
from simulator.happenings import Manner

type Span = tuple[float, float]  # seconds, from and to
type Steps[T] = Generator[timedelta, None, T]

ORDERLY: Mapping[Manner, float] = {Manner.ATOMIC: 0.7, Manner.NAIVE: 0.3}
"""Queue managers that keep the rules."""
MIXED: Mapping[Manner, float] = {
    Manner.ATOMIC: 0.35,
    Manner.NAIVE: 0.2,
    Manner.FOLLOWING: 0.05,
    Manner.LATE: 0.08,
    Manner.TOO_LATE: 0.06,
    Manner.LOSSY: 0.08,
    Manner.GREEDY: 0.04,
    Manner.REPEATING: 0.06,
    Manner.NOTING: 0.05,
    Manner.VANISHING: 0.04,
    Manner.GARBAGE: 0.04,
}
"""Queue managers of every kind with session ids."""
UNNAMED: Mapping[Manner, float] = {Manner.NAMELESS: 0.6, Manner.ATOMIC: 0.2, Manner.TOO_LATE: 0.2}
"""Most name no session. Slow queue managers name one: two nameless sessions on a machine look the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """All chances are per step or per visitor, between 0 and 1."""

    per_minute: float = 1.0  # arrivals
    early: int = 0  # so many stand before the doors and come faster
    rush: float = 0.05  # chance that one arrival brings a party
    party: int = 4  # how many more come then
    most: int = 8  # who finds so many there turns round at the door
    shares: Mapping[Manner, float] = field(default_factory=lambda: ORDERLY)  # weights
    known: Mapping[int, Manner] = field(default_factory=dict)  # manners of single visitors, by their numbers
    patience: Span = (400.0, 1200.0)  # until they give up
    impatient: float = 0.1  # share who give up within the first of these seconds
    impatience: Span = (2.0, 80.0)
    fickleness: float = 0.01  # chance per poll that a waiting visitor gives up
    persistence: float = 0.3  # chance that one who was refused or gave up comes again, as another session
    stay: float = 90.0  # seconds, on average
    longest_stay: float = inf  # seconds
    overstaying: float = 0.03  # share who stay until it is ended for them
    closing_tabs: float = 0.0  # share of the others who just close the tab: nobody is told that they have left
    connects: Span | None = None  # seconds from the open machine to the stream; None: at once
    poll: Span = (1.0, 4.0)  # between two looks of who waits or stays
    rethink: float = 1.0  # such pauses until a visitor whose reservation vanished asks again
    step: Span = (0.1, 1.5)  # between two steps of a queue manager
    rest: Span = (0.5, 3.0)  # until it asks again what was not answered
    deaths: float = 0.02  # chance per pause between two steps that it dies
    repair_after: timedelta = timedelta(minutes=2)  # what it was promised, from SPOP to SET
    unasked: float = 0.1  # chance per poll that a lossy one writes again, and that a garbage one litters

    def manner(self, dice: Random) -> Manner:
        """Of the next visitor."""
        kinds = sorted(self.shares)
        return dice.choices(kinds, [self.shares[each] for each in kinds])[0]


_VANISHES = (1.0, 240.0)
"""Seconds after the arrival: while asking, while waiting, or inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """The intentions of one visitor. `vanishes_at`: None for visitors who take their leave."""

    patient_until: datetime
    stay: timedelta
    overstays: bool
    vanishes_at: datetime | None
    closes_tab: bool = False  # when the stay is over

    @classmethod
    def drawn(cls, manner: Manner, dice: Random, habits: Habits, now: datetime) -> "Intent":
        """Draw intentions by the habits."""
        impatient = dice.random() < habits.impatient
        vanishes = now + between(dice, _VANISHES) if manner is Manner.VANISHING else None
        return cls(
            patient_until=now + between(dice, habits.impatience if impatient else habits.patience),
            stay=timedelta(seconds=min(dice.expovariate(1 / habits.stay), habits.longest_stay)),
            overstays=dice.random() < habits.overstaying,
            vanishes_at=vanishes,
            closes_tab=habits.closing_tabs > 0 and dice.random() < habits.closing_tabs,
        )

    def vanishes(self, now: datetime) -> bool:
        """Whether the visitor is gone by now, without a word."""
        return self.vanishes_at is not None and now >= self.vanishes_at


class Died(Exception):
    """The process that took the steps died; the steps taken remain."""


def mortal[T](steps: Steps[T], dice: Random, deaths: float) -> Steps[T]:
    """The same steps, by a process that may die in every pause."""
    while True:
        try:
            pause = next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        yield pause
        if dice.random() < deaths:
            steps.close()
            raise Died


def persistent[T](ask: Callable[[], T], rest: timedelta) -> Steps[T]:
    """Ask again until there is an answer."""
    while True:
        try:
            return ask()
        except Unreachable:
            yield rest


def between(dice: Random, span: Span) -> timedelta:
    """A pause of so many seconds."""
    return timedelta(seconds=dice.uniform(*span))
