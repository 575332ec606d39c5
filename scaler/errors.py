"""Failures of Azure and Redis, named by the reaction that a tick owes to each failure."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from fractions import Fraction

from scaler.model.instance import FailureClass, InstanceId

LONGEST_LINE = 1000
"""Characters of a foreign text that an error or the log repeats at most."""


def in_one_line(text: str) -> str:
    """Cut a foreign text for the log: one line, without control characters, of bounded length."""
    cut = text[:LONGEST_LINE] + ("…" if len(text) > LONGEST_LINE else "")
    if cut.isprintable():
        return cut
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in cut)


class ScalerError(Exception):
    """The base, with a message of one line. `never_sent`: the order never reached the machine and is no attempt.

    `failure`: the class of a failed start, for the notes.
    """

    never_sent = False
    failure = FailureClass.OTHER

    def __init__(self, message: str = "") -> None:
        super().__init__(in_one_line(message))


class Throttled(ScalerError):
    """429, or a gate or budget of this process: not before `retry_after`. Reads and writes have separate gates."""

    never_sent = True

    def __init__(self, message: str, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BeingListed(Throttled):
    """Another controller of this process is listing the scale set: its pages will serve this one, too."""


class Unreachable(ScalerError):
    """Azure or Redis did not answer, or answered 408 or 5xx: the next tick is the retry. An order may have arrived."""


class Unsent(Unreachable):
    """A request whose time was over before the first byte was sent."""

    never_sent = True


class Conflict(ScalerError):
    """409 or 412: a change came between (a preempting operation, another etag). Look again, then decide."""

    never_sent = True


class Missing(ScalerError):
    """The scale set or the named instances do not exist any more.

    `instance_ids`: the ids in Azure's answer, whose deletion is done by that; empty when Azure gave no ids.
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
    """The subscription may not have more cores: only an operator can raise the quota.

    `room`: the share of the order that still fits into the quota. None: Azure did not say.
    """

    failure = FailureClass.QUOTA

    def __init__(self, message: str = "", room: Fraction | None = None) -> None:
        super().__init__(message)
        self.room = room


class Refused(ScalerError):
    """Azure understood and said no (400, 401, 403, …). `code` is ARM's; the message names the known remedy."""

    def __init__(self, message: str, code: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.status = status

    @property
    def is_permission(self) -> bool:
        """Whether a role is missing or the identity is not accepted: no news about the machine."""
        return self.status in {401, 403}


class Partly(ScalerError):
    """Some of several single orders were not accepted: `failures` has the reasons. The rest were accepted."""

    def __init__(self, failures: Mapping[InstanceId, ScalerError]) -> None:
        super().__init__("; ".join(f"{each}: {error}" for each, error in failures.items()))
        self.failures = dict(failures)


class Garbled(ScalerError):
    """An impossible answer (truncated, wrong type, no Date), from which the scaler learns nothing."""
