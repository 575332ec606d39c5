"""What is broken on purpose: the vocabulary of the schedule, of the diary and of the reckoning."""

from dataclasses import dataclass
from enum import StrEnum


class Lane(StrEnum):
    """What goes on side by side; within a lane, one thing comes after the other."""

    HOSTS = "hosts"
    REDIS = "redis"
    ARM = "arm"
    AZURE = "azure"


class Mischief(StrEnum):
    """One way to break something."""

    HOST_KILLED = "host killed"  # SIGKILL in the middle of whatever it does; another one starts after a while
    HOST_STOPPED = "host stopped"  # SIGSTOP in the middle of whatever it does; later it goes on as if nothing were
    HOSTS_DOUBLED = "second host"  # with all four functions beside the first, which is then killed
    REDIS_KILLED = "Redis killed"  # SIGKILL; it comes back with its append-only file
    REDIS_PAUSED = "Redis paused"  # SIGSTOP: connections stay, nobody answers; later it does what it was told
    REDIS_FAILED_OVER = "Redis failed over"  # the replica takes over, without what it had not copied yet
    REDIS_CUT = "Redis connections cut"  # all at once, and again
    REDIS_SLOW = "Redis slow"
    REDIS_REFUSED = "Redis refusing"  # nobody listens
    ARM_CUT = "ARM connections cut"
    ARM_SLOW = "ARM slow"  # an order may be late
    ARM_REFUSED = "ARM refusing"
    ARM_SILENT = "ARM silent"  # nothing passes, and nobody hangs up
    ARM_SWALLOWING = "ARM swallowing"  # the same; what nobody took back by a reset arrives when all is over
    ARM_FAILING = "ARM answering 503"
    ARM_ONE_WAY = "ARM answers lost"  # orders are carried out, and nobody hears of it
    MACHINE_DELETED = "reserved machine deleted"  # by somebody in the portal, while a visitor waits for it


DECKS: dict[Lane, tuple[Mischief, ...]] = {
    Lane.HOSTS: (Mischief.HOST_KILLED, Mischief.HOST_STOPPED, Mischief.HOST_KILLED, Mischief.HOSTS_DOUBLED),
    Lane.REDIS: (
        Mischief.REDIS_FAILED_OVER,
        Mischief.REDIS_KILLED,
        Mischief.REDIS_PAUSED,
        Mischief.REDIS_CUT,
        Mischief.REDIS_REFUSED,
        Mischief.REDIS_FAILED_OVER,
        Mischief.REDIS_SLOW,
    ),
    Lane.ARM: (
        Mischief.ARM_CUT,
        Mischief.ARM_ONE_WAY,
        Mischief.ARM_REFUSED,
        Mischief.ARM_SLOW,
        Mischief.ARM_FAILING,
        Mischief.ARM_SILENT,
        Mischief.ARM_SWALLOWING,
    ),
    Lane.AZURE: (Mischief.MACHINE_DELETED,),
}
"""Each lane deals its deck in some order, and then again: so a short run has something of everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prank:
    """One of them, once. Seconds on the wall; `at` is counted from the first moment of mischief."""

    what: Mischief
    at: float
    lasts: float
    detail: float = 0.0  # how long the replica had copied nothing before a failover; how late a piece comes
