"""Queue managers that take their time between SPOP and SET: nearly what they may, and more than that."""

from datetime import timedelta

from simulator.chaos.crowd.naive import Naive, Taken


class Late(Naive):
    """Writes at the last moment that it was promised, what it read at any time since."""

    _SHARE = (0.6, 0.98)  # of the time that it has, from SPOP to SET

    def _dawdling(self) -> tuple[timedelta, timedelta]:
        dice = self._errand.dice
        whole = self._errand.habits.repair_after * dice.uniform(*self._SHARE)
        before_get = whole * dice.random()
        return before_get, whole - before_get


class TooLate(Late):
    """Writes when its machine may be somebody else's by now, and does not look."""

    _SHARE = (1.01, 3.0)

    def _may_still_write(self, taken: Taken) -> bool:
        return True
