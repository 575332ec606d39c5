"""How each controller fares, by the log, the end of the function and calls to ARM; what is left of ARM's budgets."""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from emulator.budgets import BURSTS
from emulator.wire.exchange import Call
from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.plan import Why
from simulator.happenings import Happening, Ticked, Told, Trouble
from simulator.live.frame import Budget, Health, Round

_SLACK = 1.0  # seconds on the wall: a busy machine fires a timer late
_BAD = frozenset({"failed", "expired"})


@dataclass(slots=True)
class _Tally:
    """Seconds are the run's, on the wall."""

    ticked: float | None = None
    steps: int = 0
    waited: int = 0
    failed: int = 0
    why: str = ""
    since: float = 0.0
    last: Health = Health.WELL  # what became of the last thing that was not done

    def wait(self, why: str, seconds: float, health: Health) -> None:
        self.waited += 1
        self.why, self.since, self.last = why, seconds, health

    def fail(self, why: str, seconds: float) -> None:
        self.failed += 1
        self.why, self.since, self.last = why, seconds, Health.FAILED


class Rounds:
    """All four controllers. `every`: the intervals of the timers; `off`: controllers with disabled timers."""

    def __init__(self, every: Mapping[Actor, timedelta], off: frozenset[Actor], speed: float) -> None:
        self._every = every
        self._off = off
        self._speed = speed
        self._tallies: dict[str, _Tally] = {name: _Tally() for name in CONTROLLERS}

    def see(self, happening: Happening, seconds: float) -> None:
        """Note a happening, at that second of the run."""
        if not isinstance(happening, Told | Ticked | Trouble):
            return
        tally = self._tallies.get(happening.controller)
        if tally is None:
            return
        tally.ticked = seconds
        if isinstance(happening, Told):
            _count(happening, tally, seconds)
        elif isinstance(happening, Trouble) and not (tally.last is Health.FAILED and tally.why in happening.what):
            tally.fail(_gist(happening.what), seconds)

    def called(self, caller: str, seconds: float) -> None:
        """Note a call to ARM as a sign of life."""
        if caller in self._tallies:
            self._tallies[caller].ticked = seconds

    def at(self, seconds: float, calls: Mapping[str, float]) -> tuple[Round, ...]:
        """The health of all controllers at that second; `calls`: ARM calls a minute."""
        return tuple(self._round(name, tally, seconds, calls) for name, tally in self._tallies.items())

    def _round(self, name: str, tally: _Tally, seconds: float, calls: Mapping[str, float]) -> Round:
        def emulated(since: float) -> timedelta:
            return timedelta(seconds=(seconds - since) * self._speed)

        return Round(
            name=name,
            health=self._health(Actor(name), tally, seconds),
            every=self._every[Actor(name)] * self._speed,
            ticked=None if tally.ticked is None else emulated(tally.ticked),
            calls=calls.get(name, 0.0),
            steps=tally.steps,
            waited=tally.waited,
            failed=tally.failed,
            why=tally.why,
            since=emulated(tally.since) if tally.why else None,
        )

    def _health(self, name: Actor, tally: _Tally, seconds: float) -> Health:
        interval = self._every[name].total_seconds()
        if name in self._off:
            return Health.OFF
        if seconds - (tally.ticked or 0.0) > 2 * interval + _SLACK:
            return Health.SILENT
        if tally.ticked is None:
            return Health.STARTING
        if not tally.why or seconds - tally.since > interval + _SLACK:
            return Health.WELL
        return tally.last


def _count(told: Told, tally: _Tally, seconds: float) -> None:
    if told.event == "would":
        return  # that it was held back has been told
    if told.event in {"held", "complaint"}:
        held = Health.HELD if told.alarm or told.event == "complaint" else Health.WAITING
        tally.wait(told.why, seconds, Health.PAUSED if told.why == Why.PAUSED else held)
    elif told.event == "tick_failed":
        tally.fail(_gist(told.why), seconds)
    elif told.result in _BAD:
        tally.fail(": ".join(filter(None, (told.why, told.error))), seconds)
    else:
        tally.steps += told.result == "done"


def _gist(what: str) -> str:
    """The words about a failed tick that the scaler and the host have in common."""
    return what.strip().partition("failed: ")[2] or what.strip()


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
