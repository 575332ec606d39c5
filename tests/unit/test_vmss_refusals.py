"""What ARM's refusals mean to a tick."""

from datetime import timedelta

import pytest
from unit.arm_replies import DATE, reply

from scaler.errors import (
    Conflict,
    Garbled,
    Missing,
    OutOfCapacity,
    QuotaReached,
    Refused,
    ScalerError,
    Throttled,
    Unreachable,
)
from scaler.model.instance import InstanceId
from scaler.vmss.refusals import About, refusal, retry_after
from scaler.vmss.reply import Reply


def error_of(status: int, code: str = "", message: str = "", about: About | None = None) -> ScalerError:
    body = {"error": {"code": code, "message": message}}
    return refusal(reply(body, status), about)


def of(*ids: str) -> About:
    """A batch of these."""
    return About(ids=tuple(InstanceId(each) for each in ids))


def of_one(instance_id: str) -> About:
    """A URL of one."""
    return About(ids=(InstanceId(instance_id),), alone=True)


DYING = "Operation 'start' is not allowed on VM 'pixels_12' since the VM is marked for deletion."


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (429, "OperationNotAllowed", "too many requests", Throttled),
        (429, "SubscriptionRequestsThrottled", "", Throttled),
        (429, "OperationNotAllowed", "exceeding approved Total Regional Cores quota", Throttled),
        (409, "OperationNotAllowed", "results in exceeding approved\nTotal Regional Cores quota.", QuotaReached),
        (400, "QuotaExceeded", "", QuotaReached),
        (409, "OperationNotAllowed", DYING, Missing),
        (409, "OperationNotAllowed", "it manages updates using maintenance control", Refused),
        (409, "Conflict", "", Conflict),
        (409, "OperationPreempted", "", Conflict),
        (409, "AnotherOperationInProgress", "", Conflict),
        (409, "SkuNotAvailable", "", OutOfCapacity),
        (409, "ZonalAllocationFailed", "", OutOfCapacity),
        (400, "OverconstrainedAllocationRequest", "", OutOfCapacity),
        (400, "OverconstrainedZonalAllocationRequest", "", OutOfCapacity),
        (409, "AllocationFailed", "", OutOfCapacity),
        (412, "PreconditionFailed", "", Conflict),
        (404, "ResourceNotFound", "", Missing),
        (404, "", "", Garbled),
        (400, "InvalidParameter", "instanceId must be a number", Refused),
        (401, "InvalidAuthenticationToken", "", Refused),
        (403, "AuthorizationFailed", "", Refused),
        (408, "", "", Unreachable),
        (500, "AllocationFailed", "", Unreachable),
        (599, "", "", Unreachable),
        (302, "", "", Refused),
        (204, "", "", Garbled),
        (418, "", "", Refused),
    ],
)
def test_the_status_decides_first_and_then_the_code(
    status: int, code: str, message: str, kind: type[ScalerError]
) -> None:
    assert type(error_of(status, code, message)) is kind


def test_a_refusal_keeps_arms_code_and_names_the_remedy_where_there_is_one() -> None:
    error = error_of(403, "AuthorizationFailed", "The client does not have authorization")
    assert isinstance(error, Refused)
    assert (error.code, error.status) == ("AuthorizationFailed", 403)
    assert "managed identity" in str(error)


GONE = "The provided instanceId {} is not an active Virtual Machine … instanceId."


@pytest.mark.parametrize(
    ("status", "message", "about", "named"),
    [
        (400, GONE.format("1181"), of("7", "1181"), ("1181",)),
        (400, GONE.format("'Pixels_0a1b2c3d'"), of("pixels_0a1b2c3d", "pixels_1"), ("pixels_0a1b2c3d",)),
        (400, GONE.format("9"), of("19", "90"), ()),
        (409, DYING, of("2", "12"), ("12",)),
        (409, DYING, of("pixels_12"), ("pixels_12",)),
        (409, "not allowed on VM 'pixels_12345678' since it is marked for deletion", of("pixels_12345678"), None),
        (409, "not allowed on VM instance '3' since it is marked for deletion", of("3", "33"), ("3",)),
        (409, "not allowed on Virtual Machine Scale Set 'b242' since it is marked for deletion", of("b242"), ()),
        (409, "marked for deletion", of_one("5"), ("5",)),
        (404, "no entity", of_one("5"), ("5",)),
        (404, "no entity", of("5"), ()),
        (404, "The Resource 'Microsoft.Compute/virtualMachines/pixels_1' was not found.", of("pixels_1", "x"), None),
        (404, "'Microsoft.Compute/virtualMachineScaleSets/pixels' under 'rg' was not found.", of_one("5"), ()),
        (404, "no entity", About(), ()),
    ],
)
def test_who_is_missing_is_named_if_it_was_asked_for(
    status: int, message: str, about: About, named: tuple[str, ...] | None
) -> None:
    error = error_of(status, "Code", message, about)
    assert isinstance(error, Missing)
    assert error.instance_ids == (about.ids[:1] if named is None else named)


@pytest.mark.parametrize("status", [401, 403])
def test_a_want_of_rights_names_the_right(status: int) -> None:
    error = error_of(status, "AuthorizationFailed", "no", About(permission="Microsoft.Network/networkInterfaces/read"))
    assert "a role with Microsoft.Network/networkInterfaces/read" in str(error)


def test_an_error_without_its_envelope_is_read_too() -> None:
    body = {"code": "X", "message": "no", "details": [{"code": "SkuNotAvailable", "target": "sku"}]}
    assert isinstance(refusal(reply(body, 409)), OutOfCapacity)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("17", 17),
        ("0", 1),
        ("Thu, 01 Jan 2026 00:02:00 GMT", 120),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 1),
        ("86400", 3600),
        ("9" * 400, 60),
        ("-5", 60),
        ("1.5", 60),
        ("²", 60),
        ("soon", 60),
        ("", 60),
    ],
)
def test_retry_after_is_seconds_or_a_date_by_the_answers_own_clock(text: str, seconds: int) -> None:
    assert retry_after(reply({}, 429, retry_after=text)) == timedelta(seconds=seconds)


def test_a_retry_date_without_a_date_to_compare_with_is_a_minute() -> None:
    answer = Reply(status=429, headers={"retry-after": DATE}, body=b"", sent=0.0)
    assert retry_after(answer) == timedelta(seconds=60)
