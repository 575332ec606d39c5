"""Which queue manager serves a visitor of which manner."""

from collections.abc import Callable, Mapping

from simulator.happenings import Manner
from simulator.workload.atomic import Atomic
from simulator.workload.naive import Following, Naive
from simulator.workload.queue_manager import QueueManager, Session
from simulator.workload.rule_breakers import Garbage, Greedy, Lossy, Repeating, TooLate
from simulator.workload.variants import Late, Nameless, Noting, NotingAtomic


def _any(session: Session) -> QueueManager:
    """It is their visitors who vanish."""
    return session.dice.choice((Atomic, Naive))(session)


def _noting(session: Session) -> QueueManager:
    """Whoever keeps a heartbeat in the record may reserve in either way."""
    return session.dice.choice((NotingAtomic, Noting))(session)


KINDS: Mapping[Manner, Callable[[Session], QueueManager]] = {
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
