"""ARM's words in ours."""

from datetime import UTC, datetime
from typing import Any

import pytest
from unit.arm_replies import NAME, VM_ID, reply, row

from scaler.errors import Garbled, Refused
from scaler.model.instance import (
    FailureClass,
    InstanceId,
    InstanceRef,
    Orchestration,
    PowerState,
    ProvisioningState,
    VmId,
)
from scaler.model.sighting import Pause
from scaler.vmss.translate import paused_by, pausing, to_page, to_scale_set, to_view

UNIFORM = Orchestration.UNIFORM


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
        ("provisioningstate/Failed/SkuNotAvailable", FailureClass.SKU),
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
    assert page.nameless == {nobody.get("instanceId") or "?"}


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
    view = to_view(to_scale_set(answer, UNIFORM), NAME, answer)
    assert view.pause is Pause.NONE
    assert (view.unique_id, view.capacity, view.etag, view.managed_by) == ("81f0", 4, '"9"', "prod")
    assert (view.at, view.sent) == (datetime(2026, 1, 1, tzinfo=UTC), 1.0)


@pytest.mark.parametrize(
    ("value", "pause"),
    [
        (None, Pause.ORDERS),  # the tag is there: whoever set it wanted something
        ("", Pause.ORDERS),
        ("  ", Pause.ORDERS),
        ("False", Pause.NONE),
        ("NO", Pause.NONE),
        (" 0 ", Pause.NONE),
        ("true", Pause.ORDERS),
        ("all", Pause.ALL),
        (" ALL ", Pause.ALL),
        ("until monday", Pause.ORDERS),
        ("off", Pause.ORDERS),
    ],
)
def test_the_pause_tag_halts_when_in_doubt(value: str | None, pause: Pause) -> None:
    body = {"sku": {"capacity": 1}, "properties": {"uniqueId": "u"}, "tags": {"Scaler:Paused": value}}
    answer = reply(body)
    assert to_view(to_scale_set(answer, UNIFORM), NAME, answer).pause is pause


@pytest.mark.parametrize("tags", [None, {}, {"owner": "us"}])
def test_without_the_pause_tag_nothing_is_halted(tags: dict[str, str] | None) -> None:
    answer = reply({"sku": {"capacity": 1}, "properties": {"uniqueId": "u"}, "tags": tags})
    assert to_view(to_scale_set(answer, UNIFORM), NAME, answer).pause is Pause.NONE


@pytest.mark.parametrize("how", Pause)
def test_what_is_written_into_the_pause_tag_is_read_again(how: Pause) -> None:
    body: Any = pausing(how)
    assert body["operation"] == "Merge"  # the other tags stay
    assert paused_by(body["properties"]["tags"]) is how


@pytest.mark.parametrize(
    ("mode", "expected", "accepted"),
    [
        (None, Orchestration.UNIFORM, True),
        ("uniform", Orchestration.UNIFORM, True),
        ("Flexible", Orchestration.UNIFORM, False),
        (None, Orchestration.FLEXIBLE, False),
        ("Uniform", Orchestration.FLEXIBLE, False),
        ("FLEXIBLE", Orchestration.FLEXIBLE, True),
        ("Elastic", Orchestration.UNIFORM, False),
    ],
)
def test_the_other_orchestration_is_refused_and_the_setting_named(
    mode: str | None, expected: Orchestration, accepted: bool
) -> None:
    answer = reply({"sku": {"capacity": 1}, "properties": {"uniqueId": "u", "orchestrationMode": mode}})
    if accepted:
        to_scale_set(answer, expected)
        return
    with pytest.raises(Refused, match=f"AZURE_VMSS_ORCHESTRATION says {expected}: set it to {mode or 'Uniform'}"):
        to_scale_set(answer, expected)


ONE = {"sku": {"capacity": 1}}
IDENTITIES = [ONE | {"properties": {"uniqueId": each}} for each in (None, "", "u" * 201)]


@pytest.mark.parametrize("body", [{}, {"sku": {}, "properties": {}}, ONE | {"properties": {}}, [], *IDENTITIES])
def test_a_scale_set_without_capacity_or_identity_is_none(body: object) -> None:
    with pytest.raises(Garbled):
        to_scale_set(reply(body), UNIFORM)
