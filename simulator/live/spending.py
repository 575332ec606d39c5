"""ARM calls a minute by caller, and what is left of ARM's budgets."""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta

from emulator.budgets import BURSTS
from emulator.wire.exchange import Call
from simulator.live.frame import Budget

_WINDOW = 300.0  # seconds of the emulated world: a timer that fires every minute is in it several times
_AT_LEAST = 10.0  # and on the wall: the same at great speeds
_WORDS: Mapping[str, str] = {
    "HighCostGetVMScaleSet": "listings",
    "GetVMScaleSet": "reads",
    "GetVMScaleSetVM": "VM reads",
    "VMScaleSetActions": "capacity",
    "UpdateVMScaleSetVM": "marks",
    "DeleteVMScaleSet": "batch stops",
    "VMScaleSetVMActions": "VM starts",
    "DeleteVMScaleSetVM": "VM stops",
}


class Spending:
    """Reads the log of calls as it grows; `calls(n)` are all but the first n. Seconds are the run's, on the wall."""

    def __init__(self, calls: Callable[[int], Sequence[Call]], speed: float) -> None:
        self.throttled = 0
        self._calls = calls
        self._read = 0
        self._lasts = max(_WINDOW / speed, _AT_LEAST)
        self._speed = speed
        self._recent: deque[tuple[float, str]] = deque()
        self._left: dict[tuple[str, str], int] = {}  # (scale set, budget) -> as last answered

    def catch_up(self, seconds: float) -> frozenset[str]:
        """Read new calls; returns the callers."""
        new = self._calls(self._read)
        self._read += len(new)
        for call in filter(lambda each: each.arm, new):
            self._recent.append((seconds, call.caller))
            self.throttled += call.status == 429
            self._left |= {(_scale_set(call.path), name): left for name, left in _said(call.left)}
        while self._recent and self._recent[0][0] < seconds - self._lasts:
            self._recent.popleft()
        return frozenset(call.caller for call in new if call.arm)

    @property
    def window(self) -> timedelta:
        """Over how much of the emulated world's time `a_minute` is."""
        return timedelta(seconds=self._lasts * self._speed)

    def a_minute(self, seconds: float) -> Mapping[str, float]:
        """By caller: ARM calls per minute of the emulated world."""
        minutes = max(min(seconds, self._lasts), 1.0) * self._speed / 60
        return {caller: number / minutes for caller, number in Counter(who for _, who in self._recent).items()}

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """The budgets of the scale set with the least left; of the subscription only once half is spent."""
        lowest: dict[str, int] = {}
        for (_, name), left in self._left.items():
            lowest[name] = min(left, lowest.get(name, left))
        found = (Budget(what=what, left=lowest[name], burst=BURSTS[name]) for name, what in _shown(lowest))
        return tuple(found)


def _shown(lowest: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    for bucket, word in _WORDS.items():
        if f"{bucket}Resource" in lowest:
            yield f"{bucket}Resource", word
    for bucket, word in _WORDS.items():
        name = f"{bucket}SubscriptionMaximum"
        if name in lowest and lowest[name] < BURSTS[name] / 2:
            yield name, f"{word} of the subscription"


def _scale_set(path: str) -> str:
    return path.partition("/virtualmachinescalesets/")[2].partition("/")[0]


def _said(header: str) -> Iterator[tuple[str, int]]:
    """`Microsoft.Compute/Name;11,…` -> names and numbers, of budgets that are known."""
    for each in header.split(","):
        name, _, left = each.strip().rpartition("/")[2].partition(";")
        if name in BURSTS and left.isdecimal():
            yield name, int(left)
