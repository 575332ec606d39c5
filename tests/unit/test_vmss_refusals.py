"""What ARM's refusals mean to a tick."""

from datetime import timedelta
from fractions import Fraction

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
from scaler.model.instance import FailureClass, InstanceId
from scaler.vmss.refusals import About, failure_class, refusal, retry_after
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
DOOMED = "Operation 'start' is not allowed on {} 'x' since it is marked for deletion. You can only retry the Delete."
BUSY = "Operation 'start' is not allowed on VM 'pixels_12' since another operation is in progress."
CHANGING = (
    "An ongoing operation is changing power state of Virtual Machine pixels_12 to deallocated."
    " Please perform operation start after some time."
)
AT_REST = (
    "Operation 'powerOff' is not allowed on VM 'pixels_12' since the VM is either deallocated or marked to be"
    " deallocated."
)
NO_ROOM = "Unable to add or update the VM. The requested VM size Standard_NV36ads_A10_v5 is not available {}."


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (429, "OperationNotAllowed", "too many requests", Throttled),
        (429, "SubscriptionRequestsThrottled", "", Throttled),
        (429, "OperationNotAllowed", "exceeding approved Total Regional Cores quota", Throttled),
        (409, "OperationNotAllowed", "results in exceeding approved\nTotal Regional Cores quota.", QuotaReached),
        (400, "QuotaExceeded", "", QuotaReached),
        (409, "OperationNotAllowed", DYING, Missing),
        (409, "OperationNotAllowed", BUSY, Conflict),
        (409, "OperationNotAllowed", CHANGING, Conflict),
        (409, "OperationNotAllowed", AT_REST, Conflict),
        (409, "OperationNotAllowed", "Operation 'start' is not allowed during a platform update of the VM.", Conflict),
        (409, "OperationNotAllowed", DOOMED.format("VM extension"), Refused),
        (409, "OperationNotAllowed", DOOMED.format("Image"), Refused),
        (409, "OperationNotAllowed", NO_ROOM.format("in the existing allocation unit"), OutOfCapacity),
        (400, "InvalidParameter", NO_ROOM.format("in the cluster where the VM is currently allocated"), OutOfCapacity),
        (400, "InvalidParameter", NO_ROOM.format("in the current region"), OutOfCapacity),
        (409, "NetworkingInternalOperationError", "Unknown network allocation error.", Unreachable),
        (409, "OverConstrainedAllocationRequest", "", OutOfCapacity),
        (409, "skunotavailable", "", OutOfCapacity),
        (409, "quotaexceeded", "", QuotaReached),
        (409, "conflict", "", Conflict),
        (404, "NotFound", "The entity was not found in this Azure location.", Unreachable),
        (404, "RESOURCEGROUPNOTFOUND", "", Missing),
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


_FIGURES = (
    "Operation could not be completed as it results in exceeding approved Total Regional Cores quota. Additional"
    " details - Deployment Model: Resource Manager, Location: eastus, Current Limit: 350, Current Usage: 348,"
    " Additional Required: 4, (Minimum) New Limit Required: 352. Submit a request for Quota increase at https://aka.ms"
)


@pytest.mark.parametrize(
    ("message", "room"),
    [
        (_FIGURES, Fraction(1, 2)),
        (_FIGURES.lower(), Fraction(1, 2)),
        (_FIGURES.replace("Usage: 348", "Usage: 352"), Fraction(0)),
        (_FIGURES.replace("Current Usage: 348, ", ""), None),
        (_FIGURES.replace("Required: 4,", "Required: 0,"), None),
        (_FIGURES.replace("348", "9" * 40), None),
        ("results in exceeding approved Total Regional Cores quota.", None),
    ],
)
def test_a_reached_quota_says_how_much_of_the_order_it_has_room_for(message: str, room: Fraction | None) -> None:
    error = error_of(409, "OperationNotAllowed", message)
    assert isinstance(error, QuotaReached)
    assert error.room == room


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
        (409, DYING, of_one("5"), ("5",)),
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


@pytest.mark.parametrize(
    ("permission", "told"),
    [
        ("Microsoft.Compute/virtualMachineScaleSets/* on the scale set", "{action} on /subscriptions/s/x"),
        ("Microsoft.Compute/virtualMachines/DEALLOCATE/action, or the lists", None),
    ],
)
def test_the_action_that_arm_misses_is_in_the_remedy(permission: str, told: str | None) -> None:
    action = "Microsoft.Compute/virtualMachines/deallocate/action"
    message = f"The client 'c' with object id 'o' does not have authorization to perform action '{action}' over scope"
    error = error_of(403, "AuthorizationFailed", f"{message} '/subscriptions/s/x' or …", About(permission=permission))
    assert str(error).endswith(f"a role with {(told or permission).format(action=action)}")


def test_a_missing_right_on_a_linked_resource_is_named_with_that_resource_however_late_the_message_says_it() -> None:
    scale_set, subnet = f"/subscriptions/{'0' * 300}/virtualMachineScaleSets/pixels", "/subscriptions/s/subnets/gpu"
    action = "Microsoft.Network/virtualNetworks/subnets/join/action"
    message = (
        f"The client 'c' has permission to perform action 'Microsoft.Compute/virtualMachineScaleSets/write' on scope"
        f" '{scale_set}'; however, it does not have permission to perform action(s) '{action}' on the linked scope(s)"
        f" '{subnet}' (respectively) or the linked scope(s) are invalid."
    )
    error = error_of(403, "LinkedAuthorizationFailed", message)
    assert isinstance(error, Refused)
    assert f"a role with {action} on {subnet}" in str(error)
    assert "virtualMachineScaleSets/*" not in str(error)


@pytest.mark.parametrize(
    ("code", "message", "failure"),
    [
        ("OverConstrainedAllocationRequest", "", FailureClass.ALLOCATION),
        ("OperationNotAllowed", NO_ROOM.format("in the existing allocation unit"), FailureClass.ALLOCATION),
        ("InvalidParameter", NO_ROOM.format("in the current region"), FailureClass.SKU),
        ("SKUNotAvailable", "", FailureClass.SKU),
        ("quotaExceeded", "", FailureClass.QUOTA),
        ("OperationNotAllowed", "exceeding approved Total Regional Cores quota", FailureClass.QUOTA),
        ("VMStartTimedOut", "", FailureClass.OTHER),
    ],
)
def test_what_azure_met_after_it_had_accepted_an_order_is_of_the_same_class(
    code: str, message: str, failure: FailureClass
) -> None:
    assert failure_class(code, message) is failure


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
    assert retry_after(reply({}, 429, retry_after=text).headers) == timedelta(seconds=seconds)


def test_a_retry_date_without_a_date_to_compare_with_is_a_minute() -> None:
    answer = Reply(status=429, headers={"retry-after": DATE}, body=b"", sent=0.0)
    assert retry_after(answer.headers) == timedelta(seconds=60)
