"""The health of each controller, by the log, the end of the function, and calls to ARM."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from scaler.model.edges import CONTROLLERS, Actor
from scaler.model.plan import Why
from simulator.happenings import Happening, Ticked, Told, Trouble
from simulator.live.frame import Health, Round

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
