"""What can go wrong beyond a door, named by what a tick should do about it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from fractions import Fraction

from scaler.model.instance import FailureClass, InstanceId

LONGEST_LINE = 1000
"""Characters of anything that somebody else said, where it is said again: in an error, in the log."""


def in_one_line(text: str) -> str:
    """What somebody else said as it may stand in a log: one line, nothing that a terminal obeys, and no book."""
    cut = text[:LONGEST_LINE] + ("…" if len(text) > LONGEST_LINE else "")
    if cut.isprintable():
        return cut
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in cut)


class ScalerError(Exception):
    """The base; its message is one line. `uncounted`: the order never reached the machine: it is no attempt."""

    uncounted = False

    def __init__(self, message: str = "") -> None:
        super().__init__(in_one_line(message))


class Throttled(ScalerError):
    """429, or our own gate or budget: not before `retry_after`. Reads and writes are held apart."""

    uncounted = True

    def __init__(self, message: str, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unreachable(ScalerError):
    """Azure or Redis did not answer, or answered 408 or 5xx: the next tick is the retry. An order may have arrived."""


class Unsent(Unreachable):
    """Its time was over before anything was sent."""

    uncounted = True


class Conflict(ScalerError):
    """409 or 412: somebody changed it meanwhile (a preempting operation, another etag). Look again, then decide."""

    uncounted = True


class Missing(ScalerError):
    """The scale set or these instances do not exist any more.

    `instance_ids`: those that Azure named, and a delete of these is done; empty when Azure named none.
    """

    def __init__(self, message: str, instance_ids: Sequence[InstanceId] = ()) -> None:
        super().__init__(message)
        self.instance_ids = tuple(instance_ids)


class OutOfCapacity(ScalerError):
    """Azure has no machine of this SKU here now (AllocationFailed, SkuNotAvailable, …): hold back, and say so."""

    def __init__(self, message: str = "", failure: FailureClass = FailureClass.ALLOCATION) -> None:
        super().__init__(message)
        self.failure = failure


class QuotaReached(ScalerError):
    """The subscription may not have more cores: only an operator can change that.

    `room`: the share of what was ordered that the rest of the quota is enough for. None: Azure did not say.
    """

    failure = FailureClass.QUOTA

    def __init__(self, message: str = "", room: Fraction | None = None) -> None:
        super().__init__(message)
        self.room = room


class Refused(ScalerError):
    """Azure understood and said no (400, 401, 403, …). `code` is ARM's; the message names what to do where we know."""

    def __init__(self, message: str, code: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.status = status

    @property
    def turns_us_away(self) -> bool:
        """A role is missing, or we are not believed: it says nothing about the machine that was asked for."""
        return self.status in {401, 403}


class Partly(ScalerError):
    """Of orders that go out one by one, some were not taken: `failures` says why of each of these. All others were."""

    def __init__(self, failures: Mapping[InstanceId, ScalerError]) -> None:
        super().__init__("; ".join(f"{each}: {error}" for each, error in failures.items()))
        self.failures = dict(failures)


class Garbled(ScalerError):
    """An answer that cannot be what was asked for (truncated, wrong type, no Date): nothing was learnt from it."""


def failure_of(error: ScalerError) -> FailureClass:
    """The class under which a failed start is noted."""
    return error.failure if isinstance(error, OutOfCapacity | QuotaReached) else FailureClass.OTHER
