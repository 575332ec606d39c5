"""What one visitor has in mind when they come."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from simulator.chaos.crowd.habits import Habits
from simulator.chaos.crowd.steps import between
from simulator.happenings import Manner

_VANISHES = (1.0, 240.0)
"""Seconds after they came: while they ask, while they wait, or inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """`vanishes_at`: None for all who take their leave."""

    patient_until: datetime
    stay: timedelta
    overstays: bool
    vanishes_at: datetime | None

    @classmethod
    def drawn(cls, manner: Manner, dice: Random, habits: Habits, now: datetime) -> "Intent":
        """By the habits of all."""
        impatient = dice.random() < habits.impatient
        vanishes = now + between(dice, _VANISHES) if manner is Manner.VANISHING else None
        return cls(
            patient_until=now + between(dice, habits.impatience if impatient else habits.patience),
            stay=timedelta(seconds=dice.expovariate(1 / habits.stay)),
            overstays=dice.random() < habits.overstaying,
            vanishes_at=vanishes,
        )

    def vanishes(self, now: datetime) -> bool:
        """Whether they are gone by now, without a word."""
        return self.vanishes_at is not None and now >= self.vanishes_at
