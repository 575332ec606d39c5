"""ARM's words in ours."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from scaler.model.instance import (
    FailureClass,
    InstanceId,
    InstanceRef,
    PowerState,
    ProvisioningState,
    ScaleSetName,
    VmId,
)
from scaler.vmss.refusals import refusal, retry_after
from scaler.vmss.reply import Reply
from scaler.vmss.translate import to_instance, to_page, to_scale_set, to_view

NAME = ScaleSetName("pixels")
VM_ID = "0A1B2C3D-0000-4000-8000-00000000000F"
DATE = "Thu, 01 Jan 2026 00:00:00 GMT"


def reply(body: object, status: int = 200, **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    defaults = {"date": DATE, "content-type": "application/json; charset=utf-8"}
    return Reply(status=status, headers=defaults | named, body=raw, sent=1.0)


def row(*codes: str, **properties: object) -> dict[str, object]:
    statuses = [{"code": each, "level": "Info", "displayStatus": "…"} for each in codes]
    shown = {
        "vmId": VM_ID,
        "provisioningState": "Succeeded",
        "instanceView": {"statuses": statuses},
        "priority": "Spot",
    }
    return {"id": "/subscriptions/…/virtualMachines/7", "instanceId": "7", "properties": shown | properties}


def one(body: dict[str, object]) -> tuple[PowerState, ProvisioningState]:
    (instance,) = to_page(reply({"value": [body]}), NAME).instances
    return instance.power, instance.provisioning


@pytest.mark.parametrize(
    ("codes", "power"),
    [
        (("ProvisioningState/succeeded", "PowerState/running"), PowerState.RUNNING),
        (("PowerState/Running",), PowerState.RUNNING),
        (("powerstate/DEALLOCATED",), PowerState.DEALLOCATED),
        (("PowerState/stopped", "HibernationState/Hibernated"), PowerState.STOPPED),
        (("PowerState/paused",), PowerState.UNKNOWN),
        (("PowerState/",), PowerState.UNKNOWN),
        (("PowerState",), PowerState.UNKNOWN),
        (("ProvisioningState/creating/osProvisioningComplete",), PowerState.UNKNOWN),
        ((), PowerState.UNKNOWN),
        (("PowerState/running", "PowerState/stopped"), PowerState.UNKNOWN),
    ],
)
def test_the_power_state_is_what_the_instance_view_says_once(codes: tuple[str, ...], power: PowerState) -> None:
    assert one(row(*codes))[0] is power


@pytest.mark.parametrize("view", [None, {}, {"statuses": None}, {"statuses": []}, {"statuses": [{}, {"code": None}]}])
def test_without_an_instance_view_the_power_state_is_unknown(view: object) -> None:
    assert one(row(instanceView=view))[0] is PowerState.UNKNOWN


@pytest.mark.parametrize(
    ("state", "code", "provisioning"),
    [
        ("Succeeded", "", ProvisioningState.SUCCEEDED),
        ("succeeded", "", ProvisioningState.SUCCEEDED),
        ("Updating", "ProvisioningState/succeeded", ProvisioningState.UPDATING),
        ("Migrating", "", ProvisioningState.OTHER),
        (None, "ProvisioningState/creating/osProvisioningComplete", ProvisioningState.CREATING),
        (None, "", ProvisioningState.OTHER),
    ],
)
def test_the_provisioning_state_is_the_resources_own_word_first(
    state: str | None, code: str, provisioning: ProvisioningState
) -> None:
    assert one(row(code, provisioningState=state))[1] is provisioning


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("ProvisioningState/failed/AllocationFailed", FailureClass.ALLOCATION),
        ("provisioningstate/Failed/SkuNotAvailable", FailureClass.ALLOCATION),
        ("ProvisioningState/failed/QuotaExceeded", FailureClass.QUOTA),
        ("ProvisioningState/failed/InternalExecutionError", FailureClass.OTHER),
        ("ProvisioningState/failed", None),
        ("PowerState/running", None),
    ],
)
def test_a_failure_has_the_class_of_its_code(code: str, failure: FailureClass | None) -> None:
    (instance,) = to_page(reply({"value": [row(code, provisioningState="Failed")]}), NAME).instances
    assert instance.failure is failure


def test_a_quota_failure_is_told_from_others_of_its_code_by_the_message() -> None:
    status = {"code": "ProvisioningState/failed/OperationNotAllowed", "message": "exceeding approved Total Cores quota"}
    body = row(provisioningState="Failed", instanceView={"statuses": [status]})
    assert to_page(reply({"value": [body]}), NAME).instances[0].failure is FailureClass.QUOTA


def test_only_a_failed_machine_has_a_failure() -> None:
    (instance,) = to_page(reply({"value": [row("ProvisioningState/failed/AllocationFailed")]}), NAME).instances
    assert instance.failure is None


@pytest.mark.parametrize(
    ("policy", "marked"),
    [
        ({"protectFromScaleIn": True}, True),
        ({"protectFromScaleIn": False}, False),
        ({"protectFromScaleSetActions": True}, False),
        ({"protectFromScaleIn": None}, False),
        ({}, False),
        (None, False),
    ],
)
def test_the_mark_is_protection_from_scale_in(policy: object, marked: bool) -> None:
    (instance,) = to_page(reply({"value": [row(protectionPolicy=policy)]}), NAME).instances
    assert instance.marked is marked


def test_a_row_says_who_it_is_and_since_when() -> None:
    body = row(timeCreated="2026-01-01T03:05:00.4072352+02:00") | {"etag": '"4"'}
    (instance,) = to_page(reply({"value": [body]}), NAME).instances
    assert instance.ref == InstanceRef(scale_set=NAME, instance_id=InstanceId("7"), vm_id=VmId(VM_ID.lower()))
    assert instance.created_at == datetime(2026, 1, 1, 1, 5, 0, 407235, tzinfo=UTC)
    assert instance.etag == '"4"'


@pytest.mark.parametrize("text", [None, "", "yesterday", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_cannot_be_read_is_left_out(text: str | None) -> None:
    (instance,) = to_page(reply({"value": [row(timeCreated=text)]}), NAME).instances
    assert instance.created_at is None


@pytest.mark.parametrize(
    "nobody",
    [
        row() | {"id": ""},
        row() | {"instanceId": ""},
        row() | {"instanceId": None},
        row() | {"instanceId": "pixels_a1b2c3d4"},
        row() | {"instanceId": "*"},
        row() | {"instanceId": "7\n"},
        row() | {"instanceId": "٧"},
        row() | {"instanceId": "12345678901"},
        row() | {"properties": None},
        row(vmId=None),
        row(vmId=""),
        row(vmId="7"),
        row(vmId=f"{VM_ID}\n"),
        {},
    ],
)
def test_a_row_that_does_not_say_who_it_is_is_counted_and_not_named(nobody: dict[str, object]) -> None:
    page = to_page(reply({"value": [nobody, row()]}), NAME)
    assert (len(page.instances), page.unidentified) == (1, 1)


def test_a_page_knows_the_next_one() -> None:
    assert to_page(reply({"value": [], "nextLink": "https://next"}), NAME).next_link == "https://next"
    assert to_page(reply({"value": [], "nextLink": ""}), NAME).next_link is None
    assert to_page(reply({"value": []}), NAME).next_link is None


def test_the_scale_set_is_seen_with_its_consent() -> None:
    body = {
        "sku": {"name": "Standard_NV12ads_A10_v5", "tier": "Standard", "capacity": 4},
        "tags": {"SCALER:managed": "prod", "empty": None},
        "properties": {"uniqueId": "81f0", "orchestrationMode": "Uniform", "overprovision": False},
    }
    answer = reply(body, etag='"9"')
    view = to_view(to_scale_set(answer), NAME, answer)
    assert (view.unique_id, view.capacity, view.etag, view.managed_by) == ("81f0", 4, '"9"', "prod")
    assert (view.at, view.sent) == (datetime(2026, 1, 1, tzinfo=UTC), 1.0)


@pytest.mark.parametrize("body", [{}, {"sku": {}, "properties": {}}, {"sku": {"capacity": 1}, "properties": {}}, []])
def test_a_scale_set_without_capacity_or_identity_is_none(body: object) -> None:
    with pytest.raises(Garbled):
        to_scale_set(reply(body))


def error_of(status: int, code: str = "", message: str = "", asked: str | None = None) -> ScalerError:
    body = {"error": {"code": code, "message": message}}
    return refusal(reply(body, status), InstanceId(asked) if asked else None)


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


@pytest.mark.parametrize(
    ("status", "message", "asked", "named"),
    [
        (400, "The provided instanceId 1181 is not an active Virtual Machine … instanceId.", None, ("1181",)),
        (409, DYING, None, ("12",)),
        (409, "not allowed on VM instance '3' since it is marked for deletion", None, ("3",)),
        (409, "not allowed on Virtual Machine Scale Set 'b242' since it is marked for deletion", None, ()),
        (409, "marked for deletion", "5", ("5",)),
        (404, "no entity", "5", ("5",)),
        (404, "no entity", None, ()),
    ],
)
def test_who_is_missing_is_named(status: int, message: str, asked: str | None, named: tuple[str, ...]) -> None:
    error = error_of(status, "Code", message, asked)
    assert isinstance(error, Missing)
    assert error.instance_ids == named


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


REF = InstanceRef(scale_set=NAME, instance_id=InstanceId("7"), vm_id=VmId(VM_ID.lower()))
JUNK: st.SearchStrategy[object] = st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.just({})
CODES = ["PowerState/running", "PowerState/", "ProvisioningState/failed/AllocationFailed", "ProvisioningState/x", "/"]


def shaped(**fields: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """An object of about that shape: any of it may be missing, or something else."""
    return st.fixed_dictionaries({}, optional={name: JUNK | each for name, each in fields.items()}) | JUNK


STATUSES = st.lists(shaped(code=st.sampled_from(CODES), message=st.text()), max_size=3)
VM = shaped(
    id=st.text(max_size=3),
    instanceId=st.integers(0, 20).map(str),
    properties=shaped(
        vmId=st.just(VM_ID),
        provisioningState=st.sampled_from(["Succeeded", "failed", "?"]),
        timeCreated=st.datetimes().map(str),
        instanceView=shaped(statuses=STATUSES),
        protectionPolicy=shaped(protectFromScaleIn=st.booleans()),
    ),
)
SET = shaped(
    sku=shaped(capacity=st.integers(0, 9)),
    tags=st.dictionaries(st.text(), st.text()),
    properties=shaped(uniqueId=st.text(), orchestrationMode=st.sampled_from(["Uniform", "Flexible"])),
)
FAULT = shaped(code=st.sampled_from(["Conflict", "QuotaExceeded"]), message=st.text(), target=st.text(), details=JUNK)
JSON = VM | SET | FAULT | shaped(error=FAULT) | shaped(value=st.lists(VM, max_size=3), nextLink=st.text())
BODIES = st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode())
HEADERS = st.dictionaries(st.sampled_from(["date", "etag", "retry-after"]), st.text(max_size=30) | st.just(DATE))


@given(body=BODIES, headers=HEADERS)
def test_whatever_comes_as_an_answer_is_read_or_garbled(body: bytes, headers: dict[str, str]) -> None:
    answer = Reply(status=200, headers={"content-type": "application/json", **headers}, body=body, sent=0.0)
    for read in (
        lambda: to_page(answer, NAME),
        lambda: to_instance(answer, REF),
        lambda: to_view(to_scale_set(answer), NAME, answer),
    ):
        try:
            read()
        except Garbled:
            pass
        except Refused as error:
            assert error.code == "OrchestrationMode"  # noqa: PT017 (the one other thing a view may say)


@given(status=st.integers(0, 999), body=BODIES, headers=HEADERS)
def test_whatever_comes_as_an_error_is_one_of_ours(status: int, body: bytes, headers: dict[str, str]) -> None:
    answer = Reply(status=status, headers=headers, body=body, sent=0.0)
    assert isinstance(refusal(answer), ScalerError)


def test_a_body_nested_without_end_is_garbled() -> None:
    with pytest.raises(Garbled):
        to_page(reply(b'{"x": ' + b"[" * 200_000), NAME)


def test_what_is_pure_does_not_load_the_sdk() -> None:
    program = "import sys, scaler.vmss.translate, scaler.vmss.gates; sys.exit('azure' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
