"""What is broken when, and for how long: drawn from a seed, and the same whenever that seed comes again."""

from collections.abc import Iterator, Mapping
from random import Random

from simulator.chaos_real.mischief import DECKS, Lane, Mischief, Prank

type Span = tuple[float, float]

_LASTS: Mapping[Mischief, Span] = {
    Mischief.HOST_KILLED: (0.0, 1.5),  # and then its successor's start
    Mischief.HOST_STOPPED: (0.3, 6.0),  # the longest outlives every order that it may have in its hands
    Mischief.HOSTS_DOUBLED: (2.0, 5.0),
    Mischief.REDIS_KILLED: (0.1, 1.5),
    Mischief.REDIS_PAUSED: (0.3, 6.2),  # the longest is longer than the scaler waits for an answer
    Mischief.REDIS_FAILED_OVER: (0.2, 1.5),  # until the replica is promoted
    Mischief.REDIS_CUT: (0.2, 1.5),
    Mischief.REDIS_SLOW: (1.0, 3.0),
    Mischief.REDIS_REFUSED: (0.3, 3.0),
    Mischief.ARM_CUT: (0.5, 2.0),
    Mischief.ARM_SLOW: (1.0, 3.0),
    Mischief.ARM_REFUSED: (0.5, 3.0),
    Mischief.ARM_SILENT: (0.5, 2.5),
    Mischief.ARM_SWALLOWING: (1.0, 6.0),  # the longest outlives every order, and a machine's wait after its mark
    Mischief.ARM_FAILING: (0.5, 3.0),
    Mischief.ARM_ONE_WAY: (0.3, 2.0),
    Mischief.MACHINE_DELETED: (1.0, 4.0),  # so long somebody looks for one
}
_REST: Mapping[Lane, Span] = {
    Lane.HOSTS: (4.0, 7.0),
    Lane.REDIS: (2.5, 5.0),
    Lane.ARM: (2.5, 5.5),
    Lane.AZURE: (4.0, 8.0),
}
_OF_REDIS, _OF_ARM = (0.01, 0.08), (0.05, 0.3)  # how late a piece comes
MAY_FORGET = 30.0
"""Seconds of the emulated world: so much may one failover lose, and two of them are further apart than that."""
_COPYING = 1.0  # and then the old primary has copied all, though it asks only once a second
_LONGEST_LAG = 5.0  # on the wall, however slow the world is


def schedule(seed: int, seconds: float, speed: float) -> Mapping[Lane, tuple[Prank, ...]]:
    """For each lane what happens in it, over by the end of `seconds`."""
    return {lane: tuple(_dealt(lane, Random(f"{seed} {lane}"), seconds, speed)) for lane in Lane}


def _dealt(lane: Lane, random: Random, seconds: float, speed: float) -> Iterator[Prank]:
    at = random.uniform(0.2, 1.5)
    while True:
        deck = list(DECKS[lane])
        random.shuffle(deck)
        for what in deck:
            prank = _drawn(what, at, random, speed)
            at += prank.detail * (what is Mischief.REDIS_FAILED_OVER) + prank.lasts
            if at > seconds:
                return
            yield prank
            at += max(random.uniform(*_REST[lane]), MAY_FORGET / speed + _COPYING if lane is Lane.REDIS else 0.0)


def _drawn(what: Mischief, at: float, random: Random, speed: float) -> Prank:
    low, high = _LASTS[what]
    lasts = random.triangular(low, high, low + (high - low) / 4)
    detail = 0.0
    if what is Mischief.REDIS_FAILED_OVER:  # now and then the replica had it all
        detail = max(0.0, random.uniform(-0.4, 1.0)) * min(0.9 * MAY_FORGET / speed, _LONGEST_LAG)
    elif what in {Mischief.REDIS_SLOW, Mischief.ARM_SLOW}:
        detail = random.uniform(*(_OF_REDIS if what is Mischief.REDIS_SLOW else _OF_ARM))
    return Prank(what=what, at=round(at, 3), lasts=round(lasts, 3), detail=round(detail, 3))
