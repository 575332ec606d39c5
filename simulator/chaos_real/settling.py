"""After the mischief: when everything was as it should be, and what was not when the time was over."""

from datetime import timedelta

from redis import RedisError

from simulator.chaos_real.books import Books
from simulator.clock import RunClock
from simulator.figures import Figures

_ASK_EVERY = 0.3  # seconds: it reads all of Redis


class Settling:
    """`done` is asked again and again; it is settled once nobody waits and the books have no open items, twice."""

    def __init__(self, books: Books, figures: Figures, clock: RunClock, within: timedelta) -> None:
        self.within = within
        self.open_items: tuple[str, ...] = ("nobody has looked yet",)
        self._books = books
        self._figures = figures
        self._clock = clock
        self._began = clock.seconds
        self._asked = 0.0
        self._settled_at: float | None = None
        self._confirmed = False

    def done(self) -> bool:
        """Whether all is well."""
        if not self._confirmed and self._clock.seconds - self._asked >= _ASK_EVERY:
            self._asked = self._clock.seconds
            self._ask()
        return self._confirmed

    @property
    def strays(self) -> int:
        """Records that are nobody's any more."""
        return self._books.strays()

    @property
    def seconds(self) -> float | None:
        """How long it took; None: it has not settled."""
        return self._settled_at if self._confirmed else None

    def _ask(self) -> None:
        try:
            self.open_items = self._books.open_items()
        except RedisError as error:
            self.open_items = (f"Redis does not answer: {error}",)
        if self._figures.waiting:
            self.open_items += (f"{self._figures.waiting} visitors wait",)
        if self.open_items:
            self._settled_at = None
        elif self._settled_at is None:
            self._settled_at = self._clock.seconds - self._began
        else:
            self._confirmed = True
