"""All visitors of a world: each call of `go_on` lets every visitor take the step that is due."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from scaler.model.instance import SessionId
from simulator.happenings import Manner
from simulator.workload.atomic import Atomic
from simulator.workload.habits import Habits, Intent, Steps
from simulator.workload.naive import Following, Late, Naive, Nameless, Noting, NotingAtomic
from simulator.workload.queue_manager import Access, Ledger, QueueManager, Session
from simulator.workload.rule_breakers import Garbage, Greedy, Lossy, Repeating, TooLate
from simulator.workload.visitor import Place, Visitor

_EARLY = 3.0
"""How many times as fast the early visitors come."""


def _any(session: Session) -> QueueManager:
    """Any orderly queue manager: only the visitor vanishes."""
    return session.dice.choice((Atomic, Naive))(session)


def _noting(session: Session) -> QueueManager:
    """Whoever keeps a heartbeat in the record may reserve in either way."""
    return session.dice.choice((NotingAtomic, Noting))(session)


KINDS: Mapping[Manner, Callable[[Session], QueueManager]] = {
    Manner.ATOMIC: Atomic,
    Manner.NAIVE: Naive,
    Manner.NAMELESS: Nameless,
    Manner.FOLLOWING: Following,
    Manner.LATE: Late,
    Manner.TOO_LATE: TooLate,
    Manner.LOSSY: Lossy,
    Manner.GREEDY: Greedy,
    Manner.REPEATING: Repeating,
    Manner.NOTING: _noting,
    Manner.VANISHING: _any,
    Manner.GARBAGE: Garbage,
}


@dataclass(slots=True, kw_only=True)
class _Guest:
    visitor: Visitor
    steps: Steps[None]
    due: datetime


class Crowd:
    """Visitors move in `go_on` alone. All is drawn from `dice`: the same world gets the same crowd again."""

    def __init__(self, access: Access, dice: Random, habits: Habits) -> None:
        self.came: Counter[Manner] = Counter()
        self.deaths = 0  # of queue managers, between two steps
        self._access = access
        self._dice = dice
        self._habits = habits
        self._ledger = Ledger()
        self._guests: list[_Guest] = []
        self._over = False
        self._next_at = access.now() + self._gap() if habits.per_minute else None

    def go_on(self) -> None:
        """Let new visitors arrive, and every visitor take one step that is due."""
        self._let_them_come()
        now = self._access.now()
        for guest in sorted(self._guests, key=lambda each: each.due):
            if guest.due <= now:
                self._step(guest)

    def come_now(self) -> None:
        """The next arrival is at once."""
        if self._next_at is not None:
            self._next_at = min(self._next_at, self._access.now())

    def leave_off(self) -> None:
        """Let nobody in any more; visitors inside leave, waiting visitors wait on, and late tasks are done at once."""
        self._over = True
        for guest in self._guests:
            self._hurry(guest)

    @property
    def at_work(self) -> bool:
        """Whether a visitor is there, or a queue manager still has a task."""
        return bool(self._guests)

    def at(self, place: Place) -> tuple[SessionId, ...]:
        """The sessions whose visitors are there."""
        return tuple(each.visitor.session.id for each in self._guests if each.visitor.place is place)

    # -- coming

    def _let_them_come(self) -> None:
        now = self._access.now()
        while not self._over and self._next_at is not None and self._next_at <= now:
            self._next_at += self._gap()
            for _ in range(1 + self._habits.party * (self._dice.random() < self._habits.rush)):
                self._welcome()

    def _gap(self) -> timedelta:
        """The first visitors of a rush at the opening come faster than those after them."""
        times = _EARLY if self.came.total() < self._habits.early else 1.0
        return timedelta(minutes=self._dice.expovariate(times * self._habits.per_minute))

    def _welcome(self) -> None:
        """If there is room."""
        present = sum(each.visitor.place is not Place.GONE for each in self._guests)
        if present < self._habits.most:
            number = self.came.total() + 1
            manner = self._habits.known.get(number) or self._habits.manner(self._dice)
            self._admit(SessionId(f"v{number:04d}"), manner)

    def _admit(self, name: SessionId, manner: Manner) -> None:
        """Admit a visitor with dice of their own, so that no luck depends on other visitors."""
        self.came[manner] += 1
        access, habits = self._access, self._habits
        dice, now = Random(self._dice.getrandbits(64)), access.now()
        session = Session(id=name, manner=manner, access=access, ledger=self._ledger, dice=dice, habits=habits)
        intent = Intent.drawn(manner, dice, habits, now)
        visitor = Visitor(session, KINDS[manner](session), intent, lambda: self._over)
        self._guests.append(_Guest(visitor=visitor, steps=visitor.visit(), due=now))

    # -- going on

    def _step(self, guest: _Guest) -> None:
        deaths = guest.visitor.deaths
        try:
            guest.due = self._access.now() + next(guest.steps)
            self._hurry(guest)
        except StopIteration:
            self._guests.remove(guest)
            self._see_off(guest)
        self.deaths += guest.visitor.deaths - deaths

    def _hurry(self, guest: _Guest) -> None:
        """Bring a late task of a queue manager forward to the next go."""
        if self._over and guest.visitor.place in {Place.INSIDE, Place.GONE}:
            guest.due = self._access.now()

    def _see_off(self, guest: _Guest) -> None:
        """Let a disappointed visitor come again, with another session id."""
        if guest.visitor.disappointed and not self._over and self._dice.random() < self._habits.persistence:
            self._admit(SessionId(f"{guest.visitor.session.id}+"), guest.visitor.session.manner)
