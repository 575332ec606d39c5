"""The visitors of a run that breaks things: the usual ones, but for their web sites, which crash and remember."""

from collections.abc import Iterator
from random import Random
from threading import Event

from simulator.chaos_real.assembly import Parts
from simulator.chaos_real.web_site import Asked, WebSite, crashing
from simulator.crowd import Crowd
from simulator.happenings import Manner, Trouble
from simulator.options import Options
from simulator.queue_managers.atomic import Atomic
from simulator.queue_managers.naive import Naive
from simulator.queue_managers.queue_manager import QueueManager
from simulator.visitor import RunEnded, Surroundings
from simulator.visits import Habits, Visit, visits


class Visitors:
    """Nobody comes after `no_more` is set; whoever is there by then stays as long as they like, or until `leave`."""

    def __init__(self, options: Options, parts: Parts, asked: Asked) -> None:
        self.no_more = Event()
        self._options = options
        self._parts = parts
        self._asked = asked
        self._home = Event()
        self._atomic = Atomic(parts.clients, parts.keys)
        around = Surroundings(
            now=parts.clock.now, tell=parts.happenings.put, reachable=parts.azure.reachable, pause=self._pause
        )
        self._crowd = Crowd(self._visits(), self._manage, around, self._crashed, self._home)

    def come(self) -> None:
        """The first may."""
        self._crowd.open_doors()

    def leave(self) -> None:
        """All of them, at once and without a farewell."""
        self._crowd.send_home()

    def _pause(self, seconds: float) -> None:
        if self._home.wait(seconds):
            raise RunEnded

    def _manage(self, visit: Visit) -> QueueManager:
        if visit.manner is Manner.ATOMIC:
            return WebSite(self._atomic, self._asked)
        dawdle = crashing(self._pause, Random(f"{self._options.seed} {visit.session}"), self._asked)
        return WebSite(Naive(self._parts.clients, self._parts.keys, visit.pauses, dawdle), self._asked)

    def _crashed(self, visit: Visit, bug: Exception) -> None:
        what = f"visitor {visit.session} crashed, a bug of the simulator: {type(bug).__name__}: {bug}"
        self._parts.happenings.put(Trouble(at=self._parts.clock.now(), what=what, fatal=True))

    def _visits(self) -> Iterator[Visit]:
        habits = Habits(
            per_minute=self._options.visitors_per_minute,
            speed=self._options.speed,
            session_limit=self._parts.environment.settings.policy.session_limit.total_seconds(),
        )
        for each in visits(self._options.seed, habits):
            if self.no_more.is_set():
                return
            yield each
