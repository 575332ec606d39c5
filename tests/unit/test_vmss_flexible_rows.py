"""Two lists of a Flexible scale set, and what may be concluded from both together."""

import pytest
from unit.arm_replies import NAME, reply

from scaler.errors import Garbled
from scaler.model.instance import InstanceId, InstanceRef, PowerState, ProvisioningState, VmId
from scaler.vmss.flexible_rows import Joined, joined, joined_one
from scaler.vmss.reply import PageBody, VmBody
from scaler.vmss.translate import to_row, to_rows

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


def page(*rows: object) -> list[PageBody]:
    return [to_rows(reply({"value": list(rows)}))]


def of(*, members: list[object], machines: list[object]) -> Joined:
    return joined(page(*members), page(*machines), NAME)


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
    assert of_both == Joined(instances=(), unidentified=counted, nameless=frozenset({"pixels_00000001"}))


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
    both = joined(page(member(1)), [*page(machine(1)), *page(machine(1, "stopped"))], NAME)
    assert [each.power for each in both.instances] == [PowerState.STOPPED]


def rows_of(left: object, right: object) -> tuple[VmBody, VmBody]:
    return to_row(reply(left)), to_row(reply(right))


def test_two_answers_about_one_vm_are_an_instance() -> None:
    asked = InstanceRef(scale_set=NAME, instance_id=InstanceId(name(1)), vm_id=VmId(NOBODY))
    assert joined_one(*rows_of(member(1), machine(1)), asked).vm_id == vm_id(1)  # whoever it is by now


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
        joined_one(*rows_of(left, right), asked)
