"""What all lanes share: their time, their end, and whom they tell what they do."""

from collections import Counter
from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Lock

from simulator.chaos_real.mischief import Mischief
from simulator.chaos_real.outages import Outages
from simulator.clock import RunClock


class Stage:
    """`over` ends everything at once; a lane that is at work mends what it broke before it obeys."""

    def __init__(self, clock: RunClock, outages: Outages, over: Event) -> None:
        self.outages = outages
        self.over = over
        self.remarks: SimpleQueue[tuple[float, str]] = SimpleQueue()  # seconds of the run, and what is to be printed
        self.survived: Counter[Mischief] = Counter()
        self.restarts = 0
        self.failure: str | None = None  # why it cannot go on
        self._clock = clock
        self._began = 0.0
        self._lock = Lock()

    def begin(self) -> None:
        """The seconds of the schedule are counted from now on."""
        self._began = self._clock.seconds

    @property
    def seconds(self) -> float:
        """Of mischief, so far."""
        return self._clock.seconds - self._began

    def pause(self, seconds: float) -> bool:
        """Let so many pass; False when all is over before."""
        return not self.over.wait(max(seconds, 0.0))

    def say(self, text: str) -> None:
        """A line about it."""
        self.remarks.put((self._clock.seconds, text))

    def count(self, what: Mischief) -> None:
        """That was survived so far."""
        with self._lock:
            self.survived[what] += 1

    def count_restart(self) -> None:
        """A process came back."""
        with self._lock:
            self.restarts += 1


type Deed = Callable[[float, float], bool | None]
"""Takes how long it lasts, and the prank's detail; False: there was nothing to break."""
