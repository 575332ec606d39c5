"""Which queue manager serves a visitor of which manner."""

from collections.abc import Callable, Mapping

from simulator.chaos.crowd.atomic import Atomic
from simulator.chaos.crowd.garbage import Garbage
from simulator.chaos.crowd.greedy import Greedy
from simulator.chaos.crowd.lossy import Lossy
from simulator.chaos.crowd.manager import Errand, QueueManager
from simulator.chaos.crowd.naive import Following, Naive
from simulator.chaos.crowd.repeating import Repeating
from simulator.chaos.crowd.slow import Late, TooLate
from simulator.happenings import Manner


def _any(errand: Errand) -> QueueManager:
    """It is their visitors who vanish."""
    return errand.dice.choice((Atomic, Naive))(errand)


KINDS: Mapping[Manner, Callable[[Errand], QueueManager]] = {
    Manner.ATOMIC: Atomic,
    Manner.NAIVE: Naive,
    Manner.FOLLOWING: Following,
    Manner.LATE: Late,
    Manner.TOO_LATE: TooLate,
    Manner.LOSSY: Lossy,
    Manner.GREEDY: Greedy,
    Manner.REPEATING: Repeating,
    Manner.VANISHING: _any,
    Manner.GARBAGE: Garbage,
}
