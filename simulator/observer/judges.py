"""All four judges at once."""

from datetime import timedelta

from scaler.model.policy import Policy
from simulator.happenings import Happening
from simulator.observer.cut_short import CutShort
from simulator.observer.handed_out import HandedOut
from simulator.observer.leaked import Leaked
from simulator.observer.lost import Lost
from simulator.observer.patience import Patience
from simulator.observer.wrong import Kind, Wrong

LOOK_TWICE = timedelta(seconds=1)
"""A look asks several questions one after the other; what several looks in a row agree on is so."""


class Observer:
    """Sees everything that happens, and remembers the wrongs."""

    def __init__(self, policy: Policy, patience: Patience) -> None:
        self._judges = (Lost(LOOK_TWICE), HandedOut(), CutShort(policy), Leaked(patience))
        self.wrongs: list[Wrong] = []

    def see(self, happening: Happening) -> tuple[Wrong, ...]:
        """The wrongs that this happening shows."""
        found = tuple(wrong for judge in self._judges for wrong in judge.see(happening))
        self.wrongs += found
        return found

    def count(self, kind: Kind) -> int:
        """How many of one kind so far."""
        return sum(each.kind is kind for each in self.wrongs)
