"""Which queue manager serves a visitor of which manner."""

from collections.abc import Callable, Mapping

from simulator.chaos.crowd.atomic import Atomic
from simulator.chaos.crowd.garbage import Garbage
from simulator.chaos.crowd.greedy import Greedy
from simulator.chaos.crowd.lossy import Lossy
from simulator.chaos.crowd.manager import Errand, QueueManager
from simulator.chaos.crowd.naive import Following, Naive
from simulator.chaos.crowd.nameless import Nameless
from simulator.chaos.crowd.noting import Noting, NotingAtomic
from simulator.chaos.crowd.repeating import Repeating
from simulator.chaos.crowd.slow import Late, TooLate
from simulator.happenings import Manner


def _any(errand: Errand) -> QueueManager:
    """It is their visitors who vanish."""
    return errand.dice.choice((Atomic, Naive))(errand)


def _noting(errand: Errand) -> QueueManager:
    """Whoever keeps a heartbeat in the record may reserve in either way."""
    return errand.dice.choice((NotingAtomic, Noting))(errand)


KINDS: Mapping[Manner, Callable[[Errand], QueueManager]] = {
    Manner.ATOMIC: Atomic,
    Manner.NAIVE: Naive,
    Manner.NAMELESS: Nameless,
    Manner.FOLLOWING: Following,
    Manner.LATE: Late,
    Manner.TOO_LATE: TooLate,
    Manner.LOSSY: Lossy,
    Manner.GREEDY: Greedy,
    Manner.REPEATING: Repeating,
    Manner.NOTING: _noting,
    Manner.VANISHING: _any,
    Manner.GARBAGE: Garbage,
}
