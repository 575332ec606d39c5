"""What is broken on purpose, when and for how long: drawn from a seed, and the same whenever that seed comes again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random

type Span = tuple[float, float]

MAY_FORGET = 30.0
"""Seconds of the emulated world: the most that a failover loses, and less than the time between two failovers."""
_COPYING = 1.0  # and then the old primary has copied all, though it asks only once a second
_LONGEST_LAG = 5.0  # on the wall, however slow the world is


class Target(StrEnum):
    """A part with faults of its own, beside those of other targets; a target has one fault at a time."""

    HOSTS = "hosts"
    REDIS = "redis"
    ARM = "arm"


class Fault(StrEnum):
    """One way to break something."""

    HOST_KILLED = "host killed"  # SIGKILL in the middle of whatever it does; another one starts after a while
    HOST_STOPPED = "host stopped"  # SIGSTOP in the middle of whatever it does; later it goes on as if nothing were
    HOSTS_DOUBLED = "second host"  # with all four functions beside the first, which is then killed
    REDIS_KILLED = "Redis killed"  # SIGKILL; it comes back with its append-only file
    REDIS_PAUSED = "Redis paused"  # SIGSTOP: connections stay, nobody answers; later it does what it was told
    REDIS_FAILED_OVER = "Redis failed over"  # the replica takes over, without what it had not copied yet
    REDIS_CUT = "Redis connections cut"  # all at once, and again
    REDIS_REFUSED = "Redis refusing"  # nobody listens
    ARM_CUT = "ARM connections cut"
    ARM_REFUSED = "ARM refusing"
    ARM_SILENT = "ARM silent"  # nothing passes, and nobody hangs up
    ARM_SWALLOWING = "ARM swallowing"  # the same; what nobody took back by a reset arrives when all is over


DECKS: Mapping[Target, tuple[Fault, ...]] = {
    Target.HOSTS: (Fault.HOST_KILLED, Fault.HOST_STOPPED, Fault.HOST_KILLED, Fault.HOSTS_DOUBLED),
    Target.REDIS: (
        Fault.REDIS_FAILED_OVER,
        Fault.REDIS_KILLED,
        Fault.REDIS_PAUSED,
        Fault.REDIS_CUT,
        Fault.REDIS_REFUSED,
        Fault.REDIS_FAILED_OVER,
    ),
    Target.ARM: (Fault.ARM_CUT, Fault.ARM_REFUSED, Fault.ARM_SILENT, Fault.ARM_SWALLOWING),
}
"""The deck of each target is dealt in random order, again and again, so that a short run has most faults."""

_LASTS: Mapping[Fault, Span] = {
    Fault.HOST_KILLED: (0.0, 1.5),  # and then its successor's start
    Fault.HOST_STOPPED: (0.3, 6.0),  # the longest outlives every order that it may have in its hands
    Fault.HOSTS_DOUBLED: (2.0, 5.0),
    Fault.REDIS_KILLED: (0.1, 1.5),
    Fault.REDIS_PAUSED: (0.3, 6.2),  # the longest is longer than the scaler waits for an answer
    Fault.REDIS_FAILED_OVER: (0.2, 1.5),  # until the replica is promoted
    Fault.REDIS_CUT: (0.2, 1.5),
    Fault.REDIS_REFUSED: (0.3, 3.0),
    Fault.ARM_CUT: (0.5, 2.0),
    Fault.ARM_REFUSED: (0.5, 3.0),
    Fault.ARM_SILENT: (0.5, 2.5),
    Fault.ARM_SWALLOWING: (1.0, 6.0),  # the longest outlives every order, and a machine's wait after its mark
}
_REST: Mapping[Target, Span] = {Target.HOSTS: (4.0, 7.0), Target.REDIS: (2.5, 5.0), Target.ARM: (2.5, 5.5)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """One fault, once. Seconds on the wall; `at` is counted from the moment when things begin to break."""

    what: Fault
    at: float
    lasts: float
    lag: float = 0.0  # how long the replica copies nothing before a failover


def schedule(seed: int, seconds: float, speed: float) -> Mapping[Target, tuple[Injection, ...]]:
    """What happens to each target, over by the end of `seconds`."""
    return {target: tuple(_dealt(target, Random(f"{seed} {target}"), seconds, speed)) for target in Target}


def _dealt(target: Target, random: Random, seconds: float, speed: float) -> Iterator[Injection]:
    at = random.uniform(0.2, 1.5)
    apart = MAY_FORGET / speed + _COPYING if target is Target.REDIS else 0.0
    while True:
        deck = list(DECKS[target])
        random.shuffle(deck)
        for what in deck:
            injection = _drawn(what, at, random, speed)
            at += injection.lag + injection.lasts
            if at > seconds:
                return
            yield injection
            at += max(random.uniform(*_REST[target]), apart)


def _drawn(what: Fault, at: float, random: Random, speed: float) -> Injection:
    low, high = _LASTS[what]
    lasts = random.triangular(low, high, low + (high - low) / 4)
    lag = 0.0
    if what is Fault.REDIS_FAILED_OVER:  # now and then the replica had it all
        lag = max(0.0, random.uniform(-0.4, 1.0)) * min(0.9 * MAY_FORGET / speed, _LONGEST_LAG)
    return Injection(what=what, at=round(at, 3), lasts=round(lasts, 3), lag=round(lag, 3))
