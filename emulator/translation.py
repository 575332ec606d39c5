"""What Azure refuses, in the words of scaler.errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from emulator.refusals import ArmError, NoAnswer
from emulator.switches import ConflictCode
from scaler.errors import (
    Conflict,
    Missing,
    OutOfCapacity,
    Refused,
    ScalerError,
    Throttled,
    Unreachable,
)
from scaler.model.instance import FailureClass, InstanceId
from scaler.vmss.refusals import quota_reached


@contextmanager
def translated() -> Iterator[None]:
    """Azure's refusals become the scaler's errors."""
    try:
        yield
    except NoAnswer:
        raise Unreachable("no answer") from None
    except ArmError as error:
        raise translate(error) from None


def translate(error: ArmError) -> ScalerError:
    """What a tick should do about it."""
    if error.status == 429:
        return Throttled(error.message, error.retry_after or timedelta(0))
    if error.status == 404 or "not an active" in error.message or "marked for deletion" in error.message:
        return Missing(error.message, tuple(InstanceId(each) for each in error.instance_ids))
    if error.status >= 500:
        return Unreachable(error.message)
    return _said_no(error)


def _said_no(error: ArmError) -> ScalerError:
    if error.status == 409 and "quota" in error.message:
        return quota_reached(error.message, error.message)
    if error.status == 412 or error.code in set(ConflictCode):
        return Conflict(error.message)
    if error.code == "SkuNotAvailable":
        return OutOfCapacity(error.message, FailureClass.SKU)
    return Refused(error.message, error.code, error.status)
