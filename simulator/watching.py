"""The loop of a run: one thread counts, shows and judges all happenings in order."""

from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic

from redis import RedisError

from simulator.clock import WallClock
from simulator.figures import Figures
from simulator.happenings import Happening, Trouble
from simulator.looking import Looker
from simulator.observer.judges import LOOK_TWICE, Observer
from simulator.parts.environment import SetupFailed
from simulator.view import View

_LOOK_EVERY = 0.25  # seconds: a session, a start, a delete last longer
_TURN = 0.1  # how soon a Ctrl-C is obeyed


def _pass() -> None:
    """Nothing waits for a machine."""


@dataclass(slots=True, kw_only=True)
class Watching:
    """`failure` says why the run cannot go on."""

    clock: WallClock
    happenings: SimpleQueue[Happening]
    looker: Looker
    observer: Observer
    view: View
    failure: Callable[[], str | None]
    figures: Figures

    def until(self, over: Callable[[], bool], seconds: float | None = None, ready: Callable[[], None] = _pass) -> None:
        """Go on until all is over or so many seconds have passed; `ready` is called while a machine is on offer."""
        look_at = monotonic()
        while not over() and (seconds is None or self.clock.seconds < seconds):
            self._hear(_TURN)
            if monotonic() >= look_at:
                look_at = monotonic() + _LOOK_EVERY
                self._look(ready)
            self.view.turn()
            self._check()

    def settle(self) -> None:
        """What was said last, and enough looks to be sure."""
        until = monotonic() + 1.5 * LOOK_TWICE.total_seconds()
        while monotonic() < until:
            self._hear(_TURN)
            self._look(_pass)

    def _hear(self, patience: float) -> None:
        """Take all happenings at hand, or wait for one."""
        until = monotonic() + patience
        try:
            self._take(self.happenings.get(timeout=patience))
            while monotonic() < until:
                self._take(self.happenings.get_nowait())
        except Empty:
            pass

    def _take(self, happening: Happening) -> None:
        self.figures.see(happening)
        self.view.tell(happening)
        for wrong in self.observer.see(happening):
            self.view.accuse(wrong)
        if isinstance(happening, Trouble) and happening.fatal:
            raise SetupFailed(happening.what)

    def _look(self, ready: Callable[[], None]) -> None:
        try:
            look = self.looker.look()
        except RedisError as error:
            self._take(Trouble(at=self.clock.now(), what=f"Redis does not answer the observer: {error}"))
            return
        self._take(look)
        if look.offered:
            ready()

    def _check(self) -> None:
        why = self.failure()
        if why is not None:
            raise SetupFailed(why)
