"""ARM's words in ours, and two lists of a Flexible scale set: what may be concluded from both together."""

from datetime import UTC, datetime
from typing import Any

import pytest
from unit.arm_replies import NAME, VM_ID, listed, reply, row

from scaler.errors import Garbled, Refused
from scaler.model.instance import (
    FailureClass,
    Health,
    HealthState,
    InstanceId,
    InstanceRef,
    Orchestration,
    PowerState,
    ProvisioningState,
    VmId,
)
from scaler.model.sighting import Pages, Pause, Tag
from scaler.model.tags import PAUSE_TAG
from scaler.vmss.flexible import joined
from scaler.vmss.reply import Reply, VmBody
from scaler.vmss.translate import VM, our_tags, paused_by, tagging, to_instance, to_pages, to_scale_set, to_view

UNIFORM = Orchestration.UNIFORM


def pages(rows: list[dict[str, object]]) -> Pages:
    """The listing of these rows."""
    return to_pages(listed(reply({"value": rows})), NAME)


def one(body: dict[str, object]) -> tuple[PowerState, ProvisioningState]:
    (instance,) = pages([body]).instances
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
    (instance,) = pages([row(code, provisioningState="Failed")]).instances
    assert instance.failure is failure


def test_a_quota_failure_is_told_from_others_of_its_code_by_the_message() -> None:
    status = {"code": "ProvisioningState/failed/OperationNotAllowed", "message": "exceeding approved Total Cores quota"}
    body = row(provisioningState="Failed", instanceView={"statuses": [status]})
    assert pages([body]).instances[0].failure is FailureClass.QUOTA


def test_only_a_failed_machine_has_a_failure() -> None:
    (instance,) = pages([row("ProvisioningState/failed/AllocationFailed")]).instances
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
    (instance,) = pages([row(protectionPolicy=policy)]).instances
    assert instance.marked is marked


def test_a_row_says_who_it_is_and_since_when() -> None:
    body = row(timeCreated="2026-01-01T03:05:00.4072352+02:00") | {"etag": '"4"'}
    (instance,) = pages([body]).instances
    assert instance.ref == InstanceRef(scale_set=NAME, instance_id=InstanceId("7"), vm_id=VmId(VM_ID.lower()))
    assert instance.created_at == datetime(2026, 1, 1, 1, 5, 0, 407235, tzinfo=UTC)
    assert instance.etag == '"4"'


@pytest.mark.parametrize(
    ("shown", "latest"), [({"latestModelApplied": True}, True), ({"latestModelApplied": False}, False), ({}, None)]
)
def test_whether_it_is_of_the_latest_model_is_as_azure_says(shown: dict[str, object], latest: bool | None) -> None:
    (uniform,) = pages([row(**shown)]).instances
    (flexible,) = of(members=[member(1, **shown)], machines=[machine(1, latestModelApplied=not latest)]).instances
    assert (uniform.latest_model, flexible.latest_model) == (latest, latest)


HEALTHY, UNHEALTHY, INITIALIZING, UNKNOWN = HealthState


@pytest.mark.parametrize(
    ("status", "told", "state"),
    [
        ("HealthState/healthy", "Healthy", HEALTHY),
        ("healthstate/HEALTHY", " healthy ", HEALTHY),
        ("HealthState/unhealthy", "Unhealthy", UNHEALTHY),
        ("HealthState/healthy", "Initializing", INITIALIZING),  # the extension's first substatus says so
        (None, "Initializing", INITIALIZING),
        ("HealthState/unhealthy", "Unknown", UNKNOWN),
        ("HealthState/unknown", "Unknown", UNKNOWN),
        ("HealthState/unhealthy", "Healthy", UNKNOWN),
        ("HealthState/healthy", "Unhealthy", UNKNOWN),
        ("HealthState/available", "available", UNKNOWN),
        ("HealthState/healthy", None, UNKNOWN),  # a binary extension, or the probe of a load balancer
        ("HealthState/healthy", "", UNKNOWN),
        (None, "Healthy", UNKNOWN),
        ("", "Healthy", UNKNOWN),
    ],
)
def test_healthy_and_unhealthy_are_what_azure_and_the_extension_agree_on(
    status: str | None, told: str | None, state: HealthState
) -> None:
    code = "ComponentStatus/ApplicationHealthState/succeeded"
    shown: dict[str, object] = {} if status is None else {"vmHealth": {"status": {"code": status, "time": "yesterday"}}}
    if told is not None:
        shown["extensions"] = [{"name": "other"}, {"substatuses": [{"code": code, "message": told}]}]
    (instance,) = pages([row(instanceView={"statuses": []} | shown)]).instances
    assert instance.health == Health(state=state)


@pytest.mark.parametrize("shown", [{}, {"vmHealth": None}, {"vmHealth": {}}, {"extensions": [{"substatuses": []}]}])
def test_where_azure_shows_no_health_there_is_none(shown: dict[str, object]) -> None:
    (instance,) = pages([row(instanceView={"statuses": []} | shown)]).instances
    assert instance.health is None


def test_two_extensions_that_contradict_each_other_say_nothing() -> None:
    told = [{"code": "ComponentStatus/ApplicationHealthState/x", "message": word} for word in ("Healthy", "Unhealthy")]
    shown = {"vmHealth": {"status": {"code": "HealthState/healthy"}}, "extensions": [{"substatuses": told}]}
    (instance,) = pages([row(instanceView=shown)]).instances
    assert instance.health == Health(state=UNKNOWN)


def test_the_reason_of_a_guest_is_escaped_and_cut() -> None:
    told = {"code": "ComponentStatus/CustomMetrics/succeeded", "message": "nobody\n\x1b[31m" + "x" * 5_000}
    health = {"status": {"code": "HealthState/unknown", "time": "2026-01-01T00:00:00Z"}}
    (instance,) = pages([row(instanceView={"vmHealth": health, "extensions": [{"substatuses": [told]}]})]).instances
    assert instance.health == Health(
        state=UNKNOWN, at=datetime(2026, 1, 1, tzinfo=UTC), said="nobody\\n\\x1b[31m" + "x" * 188
    )


@pytest.mark.parametrize("text", [None, "", "yesterday", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_cannot_be_read_is_left_out(text: str | None) -> None:
    (instance,) = pages([row(timeCreated=text)]).instances
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
    page = pages([nobody, row()])
    assert (len(page.instances), page.unidentified) == (1, 1)
    assert page.nameless == {nobody.get("instanceId") or "?"}


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


def test_a_tag_that_begins_like_ours_is_kept_to_be_told_of_and_no_other_is() -> None:
    tags = {"Scaler:Mim": "5", "scaler:max": "9", "scaler:managed": "prod", "scaler:paused": "all", "owner": "us"}
    assert our_tags(tags) == {"scaler:mim": Tag("5"), "scaler:max": Tag("9")}


@pytest.mark.parametrize("tags", [None, {}, {"owner": "us"}])
def test_without_the_pause_tag_nothing_is_halted(tags: dict[str, str] | None) -> None:
    answer = reply({"sku": {"capacity": 1}, "properties": {"uniqueId": "u"}, "tags": tags})
    assert to_view(to_scale_set(answer, UNIFORM), NAME, answer).pause is Pause.NONE


@pytest.mark.parametrize("how", Pause)
def test_what_is_written_into_the_pause_tag_is_read_again(how: Pause) -> None:
    body: Any = tagging(PAUSE_TAG, how.word)
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


NOBODY = "00000000-0000-0000-0000-00000000000f"


def vm_id(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012d}"


def name(number: int) -> str:
    return f"pixels_0000000{number}"


def member(number: int, **properties: object) -> dict[str, object]:
    """A row of the scale set's own list: no power."""
    shown = {"vmId": vm_id(number), "provisioningState": "Succeeded", "protectionPolicy": {"protectFromScaleIn": True}}
    return {
        "id": "…",
        "instanceId": name(number),
        "name": name(number),
        "etag": '"3"',
        "properties": shown | properties,
    }


def machine(number: int, power: str = "running", **properties: object) -> dict[str, object]:
    """A row of the resource group's list: no mark."""
    statuses = [{"code": "ProvisioningState/succeeded"}, {"code": f"PowerState/{power}"}]
    shown = {"vmId": vm_id(number), "provisioningState": "Succeeded", "instanceView": {"statuses": statuses}}
    return {"id": "…", "name": name(number), "etag": '"9"', "properties": shown | properties}


def page(*rows: object) -> Reply:
    return reply({"value": list(rows)})


def of(*, members: list[object], machines: list[object]) -> Pages:
    return joined(listed(page(*members)), listed(page(*machines)), NAME)


def test_the_machines_power_and_the_members_mark_are_one_instance() -> None:
    both = of(members=[member(1), member(2, protectionPolicy=None)], machines=[machine(2, "stopped"), machine(1)])
    one, two = both.instances
    ref = InstanceRef(scale_set=NAME, instance_id=InstanceId(name(1)), vm_id=VmId(vm_id(1)))
    assert (one.ref, one.power, one.marked, one.etag) == (ref, PowerState.RUNNING, True, '"3"')
    assert (two.power, two.marked, two.provisioning) == (PowerState.STOPPED, False, ProvisioningState.SUCCEEDED)
    assert both.unidentified == 0


def test_names_know_no_case_and_an_instance_is_spelled_as_the_scale_set_spells_it() -> None:
    both = of(members=[member(1) | {"instanceId": "Pixels_00000001"}], machines=[machine(1)])
    assert [each.ref.instance_id for each in both.instances] == ["Pixels_00000001"]


def test_whom_only_one_list_shows_is_neither_named_nor_counted() -> None:
    both = of(members=[member(1), member(2)], machines=[machine(2), machine(3)])
    assert [each.vm_id for each in both.instances] == [vm_id(2)]
    assert both.unidentified == 0  # counted, they would make this listing a complete one: a proof that 1 is gone


NAMELESS: list[tuple[dict[str, object], dict[str, object]]] = [
    ({"vmId": None}, {}),
    ({}, {"vmId": None}),
    ({"vmId": ""}, {"vmId": "?"}),
]


@pytest.mark.parametrize(("left", "right"), NAMELESS)
@pytest.mark.parametrize(("state", "counted"), [("Creating", 1), ("deleting", 1), ("Succeeded", 0), (None, 0)])
def test_whom_a_list_does_not_identify_is_counted_on_its_way_in_or_out_only(
    left: dict[str, object], right: dict[str, object], state: str | None, counted: int
) -> None:
    of_both = of(members=[member(1, **left)], machines=[machine(1, "running", **right, provisioningState=state)])
    assert (of_both.instances, of_both.unidentified) == ((), counted)
    assert of_both.nameless == {"pixels_00000001"}


@pytest.mark.parametrize("bare", [{"properties": None}, {"id": "", "properties": {}}])
def test_a_list_of_names_only_proves_nothing(bare: dict[str, object]) -> None:
    both = of(members=[member(1) | bare, member(2) | bare], machines=[machine(1), machine(2)])
    assert (both.instances, both.unidentified) == ((), 0)


def test_two_vms_under_one_name_are_nobody() -> None:
    both = of(members=[member(1, vmId=NOBODY)], machines=[machine(1)])
    assert (both.instances, both.unidentified) == ((), 0)


@pytest.mark.parametrize("hostile", ["..", "a/b", "a b", "*", "", "-x", "x" * 65, "a\n", "٧", "a.b"])
def test_a_name_that_could_be_a_path_is_nobodys(hostile: str) -> None:
    rows = [{"instanceId": hostile, "name": hostile}]
    both = of(members=[member(1) | rows[0]], machines=[machine(1) | rows[0]])
    assert both.instances == ()


@pytest.mark.parametrize(
    ("of_machine", "of_member", "seen"),
    [
        ("Succeeded", "Updating", ProvisioningState.UPDATING),
        ("Succeeded", "Deleting", ProvisioningState.DELETING),
        ("Succeeded", "Failed", ProvisioningState.SUCCEEDED),
        ("Succeeded", None, ProvisioningState.SUCCEEDED),
        ("Updating", "Succeeded", ProvisioningState.UPDATING),
        ("Failed", "Updating", ProvisioningState.FAILED),
    ],
)
def test_a_mark_under_way_shows_though_the_machine_has_settled(
    of_machine: str, of_member: str | None, seen: ProvisioningState
) -> None:
    both = of(members=[member(1, provisioningState=of_member)], machines=[machine(1, provisioningState=of_machine)])
    (instance,) = both.instances
    assert (instance.provisioning, instance.power) == (seen, PowerState.RUNNING)


def test_a_machine_on_two_pages_counts_once_as_the_later_page_shows_it() -> None:
    both = joined(listed(page(member(1))), listed(page(machine(1)), page(machine(1, "stopped"))), NAME)
    assert [each.power for each in both.instances] == [PowerState.STOPPED]


def rows_of(left: object, right: object) -> tuple[VmBody, VmBody]:
    return reply(left).read(VM), reply(right).read(VM)


def test_two_answers_about_one_vm_are_an_instance() -> None:
    asked = InstanceRef(scale_set=NAME, instance_id=InstanceId(name(1)), vm_id=VmId(NOBODY))
    found = to_instance(*rows_of(member(1), machine(1)), asked, Orchestration.FLEXIBLE)
    assert found.vm_id == vm_id(1)  # whoever it is by now


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (member(1), machine(1, vmId=NOBODY)),
        (member(1, vmId=None), machine(1)),
        (member(2), machine(2)),
        (member(1), machine(2)),
        ({}, {}),
    ],
)
def test_two_answers_that_are_not_about_one_vm_teach_nothing(left: object, right: object) -> None:
    asked = InstanceRef(scale_set=NAME, instance_id=InstanceId(name(1)), vm_id=VmId(vm_id(1)))
    with pytest.raises(Garbled):
        to_instance(*rows_of(left, right), asked, Orchestration.FLEXIBLE)
