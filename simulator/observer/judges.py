"""All judges of the four wrongs at once."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Protocol

from scaler.model.policy import Policy
from simulator.happenings import Happening
from simulator.observer.cut_short import CutShort
from simulator.observer.handed_out import HandedOut, SentElsewhere
from simulator.observer.leaked import ForNobody, Leaked
from simulator.observer.lost import Lost, Unserved
from simulator.observer.patience import Patience
from simulator.observer.wrong import Kind, Wrong

LOOK_TWICE = timedelta(seconds=1)
"""A look asks several questions in turn; what several looks in a row show is true."""


class Judge(Protocol):
    """A judge of one kind of wrong."""

    def see(self, happening: Happening) -> Iterator[Wrong]:
        """The wrongs that the next happening shows; happenings come in the order of time."""
        ...


class Observer:
    """All judges together; remembers the wrongs."""

    def __init__(
        self,
        policy: Policy,
        patience: Patience,
        in_vain: timedelta = LOOK_TWICE,
        waits: timedelta | None = None,
    ) -> None:
        """`in_vain`: how soon a forgotten session must get a free machine by asking again.

        `waits`: how long a visitor with a promise may wait; None: as long as by the policy.
        """
        self.judges: list[Judge] = [
            Lost(LOOK_TWICE, in_vain),
            Unserved(waits or policy.reservation_timeout + policy.start_timeout),
            HandedOut(),
            SentElsewhere(),
            CutShort(policy),
            Leaked(patience),
            ForNobody(policy.moves),
        ]
        self.wrongs: list[Wrong] = []

    def see(self, happening: Happening) -> tuple[Wrong, ...]:
        """The wrongs that the next happening shows."""
        found = tuple(wrong for judge in self.judges for wrong in judge.see(happening))
        self.wrongs += found
        return found

    def count(self, kind: Kind) -> int:
        """How many of one kind so far."""
        return sum(each.kind is kind for each in self.wrongs)
