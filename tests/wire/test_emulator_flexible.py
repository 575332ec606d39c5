"""A scale set of Flexible orchestration: what its own routes still do, and what the VMs' own resources do instead."""

from collections.abc import Callable
from typing import Any

import pytest
from clock import ManualClock
from wire.desk import COMPUTE, FLEXIBLE, NETWORK, SET, Desk, desk

from emulator.behaviour import Behaviour, Fault, Latencies
from emulator.orders import OrderKind, Scale
from emulator.region import Orchestration, Profile, Region
from emulator.scale_set import EmulatedScaleSet

MACHINES = f"{COMPUTE}/virtualMachines"
OF_SET = f"%27virtualMachineScaleSet/id%27%20eq%20%27{SET}%27"
LISTING = f"{MACHINES}?$filter={OF_SET}&$expand=instanceView&api-version=2025-04-01"
PROTECTION = {"properties": {"protectionPolicy": {"protectFromScaleIn": True}}}


@pytest.fixture
def azure() -> Desk:
    return desk(profile=FLEXIBLE, capacity=2)


def names(azure: Desk) -> list[str]:
    """The instance ids."""
    return [each.instance_id for each in azure.emulated.vms]


def codes(row: Any) -> list[str]:
    """The status codes of an instance view."""
    return [each["code"] for each in row["properties"]["instanceView"]["statuses"]]


def test_the_scale_set_says_what_it_is(azure: Desk) -> None:
    body = azure.get(SET)
    assert (body["properties"]["orchestrationMode"], body["sku"]["capacity"]) == ("Flexible", 2)
    assert "overprovision" not in body["properties"]


def test_instance_ids_are_names_that_begin_with_the_scale_sets(azure: Desk) -> None:
    for each in names(azure):
        prefix, _, suffix = each.rpartition("_")
        assert prefix == "vmss-pixels"
        assert len(suffix) == 8
        assert int(suffix, 16) >= 0


def test_the_scale_sets_own_listing_knows_marks_and_no_power(azure: Desk) -> None:
    marked = names(azure)[0]
    assert azure.ask("PUT", f"{SET}/virtualMachines/{marked}", PROTECTION).status == 200
    azure.wait()
    rows = azure.get(f"{SET}/virtualMachines?$expand=instanceView")["value"]
    assert [each["instanceId"] for each in rows] == names(azure)
    assert [bool(each["properties"].get("protectionPolicy")) for each in rows] == [True, False]
    assert all(set(each["properties"]).isdisjoint({"instanceView", "networkProfile"}) for each in rows)
    assert rows[0]["properties"]["virtualMachineResourceId"] == f"{MACHINES}/{marked}"


def test_the_listing_of_machines_knows_power_and_no_marks(azure: Desk) -> None:
    azure.ask("PUT", f"{SET}/virtualMachines/{names(azure)[0]}", PROTECTION)
    azure.ask("POST", f"{MACHINES}/{names(azure)[1]}/deallocate")
    azure.wait()
    rows = azure.get(LISTING)["value"]
    assert [codes(each)[1] for each in rows] == ["PowerState/running", "PowerState/deallocated"]
    assert [each["properties"]["vmId"] for each in rows] == [each.vm_id for each in azure.emulated.vms]
    assert all(each["properties"]["virtualMachineScaleSet"]["id"] == SET for each in rows)
    assert "protectionPolicy" not in str(rows)


def test_a_power_state_is_missing_only_where_there_would_be_one(azure: Desk) -> None:
    name = names(azure)[0]
    azure.emulated.script(Fault.POWER_STATE_MISSING, instance_id=name)
    azure.get(f"{SET}/virtualMachines")
    azure.get(f"{SET}/virtualMachines/{name}")
    assert [len(codes(each)) for each in azure.get(LISTING)["value"]] == [1, 2]


@pytest.mark.parametrize(
    ("query", "status", "found"),
    [
        ("", 200, 2),
        (f"?$filter={OF_SET}", 200, 2),
        (f"?$filter={OF_SET.upper()}", 200, 2),
        (f"?$filter=%27virtualMachineScaleSet/id%27%20eq%20{SET}", 200, 2),
        (f"?$filter={OF_SET.replace('vmss-pixels', 'others')}", 200, 0),
        ("?$expand=instanceView", 200, 2),
        ("?$filter=name%20eq%20%27x%27", 400, None),
    ],
)
def test_machines_are_found_by_their_scale_set(azure: Desk, query: str, status: int, found: int | None) -> None:
    answer = azure.ask("GET", f"{MACHINES}{query}")
    assert answer.status == status
    assert found is None or len(answer.rows) == found


def test_one_machine_can_be_looked_at_by_its_name_in_any_case(azure: Desk) -> None:
    name = names(azure)[0]
    assert codes(azure.get(f"{MACHINES}/{name.upper()}?$expand=instanceView"))[1] == "PowerState/running"
    assert "instanceView" not in azure.get(f"{MACHINES}/{name}")["properties"]
    assert azure.get(f"{MACHINES}/{name}/instanceView")["statuses"][1]["code"] == "PowerState/running"
    assert azure.get(f"{SET}/virtualMachines/{name}")["instanceId"] == name


def test_a_deleted_machine_lowers_the_capacity_and_is_gone(azure: Desk) -> None:
    name = names(azure)[0]
    assert azure.ask("DELETE", f"{MACHINES}/{name}").status == 202
    assert azure.get(SET)["sku"]["capacity"] == 1
    azure.wait()
    assert azure.ask("DELETE", f"{MACHINES}/{name}").status == 204
    gone = azure.ask("GET", f"{MACHINES}/{name}")
    assert (gone.status, gone.code) == (404, "ResourceNotFound")
    assert azure.ask("POST", f"{MACHINES}/{name}/start").status == 404


@pytest.mark.parametrize(("action", "status"), [("reimage", 202), ("redeploy", 202), ("reimageall", 501)])
def test_a_machine_can_be_renewed_by_itself_as_far_as_arm_has_an_action_for_it(
    azure: Desk, action: str, status: int
) -> None:
    assert azure.ask("POST", f"{MACHINES}/{names(azure)[0]}/{action}").status == status


@pytest.mark.parametrize(
    ("method", "what", "status", "code"),
    [
        ("GET", "/instanceView", 409, "OperationNotAllowed"),
        ("GET", "/virtualMachines/{}/instanceView", 400, "InvalidParameter"),
        ("POST", "/virtualMachines/{}/start", 400, "InvalidParameter"),
        ("POST", "/virtualMachines/{}/simulateEviction", 400, "InvalidParameter"),
        ("DELETE", "/virtualMachines/{}", 400, "InvalidParameter"),
        ("GET", "/networkInterfaces", 404, "NotFound"),
        ("GET", "/publicIPAddresses", 404, "NotFound"),
    ],
)
def test_what_only_uniform_scale_sets_have_is_refused(
    azure: Desk, method: str, what: str, status: int, code: str
) -> None:
    answer = azure.ask(method, SET + what.format(names(azure)[0]))
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize(("version", "status"), [("2023-07-01", 400), ("2023-09-01", 200), ("2026-04-01", 200)])
def test_a_mark_takes_an_api_version_that_knows_it(azure: Desk, version: str, status: int) -> None:
    target = f"{SET}/virtualMachines/{names(azure)[0]}?api-version={version}"
    assert azure.ask("PUT", target, PROTECTION).status == status


def test_nics_and_public_ips_are_resources_of_the_group(azure: Desk) -> None:
    nics = azure.get(f"{NETWORK}/networkInterfaces")["value"]
    ips = {each["id"]: each for each in azure.get(f"{NETWORK}/publicIPAddresses")["value"]}
    for vm, nic in zip(azure.emulated.vms, nics, strict=True):
        assert nic["properties"]["virtualMachine"]["id"] == f"{MACHINES}/{vm.instance_id}"
        assert nic["id"] in str(azure.get(f"{MACHINES}/{vm.instance_id}")["properties"]["networkProfile"])
        (configuration,) = nic["properties"]["ipConfigurations"]
        assert configuration["properties"]["privateIPAddress"] == vm.private_ip
        ip = ips[configuration["properties"]["publicIPAddress"]["id"]]
        assert ip["properties"]["ipAddress"] == vm.public_ip
        assert ip["properties"]["ipConfiguration"]["id"] == configuration["id"]
    assert len({each["name"] for each in ips.values()}) == 2
    assert [azure.get(each["id"]) for each in (*nics, *ips.values())] == [*nics, *ips.values()]
    assert azure.ask("GET", f"{NETWORK}/networkInterfaces/nobodys").status == 404


@pytest.mark.parametrize("mode", list(Orchestration))
def test_a_put_makes_a_scale_set_of_either_orchestration(azure: Desk, mode: Orchestration) -> None:
    target = SET.replace("vmss-pixels", "made")
    body = {"location": "westeurope", "sku": {"capacity": 1}, "properties": {"orchestrationMode": mode}}
    assert azure.ask("PUT", target, body).status == 201
    azure.wait()
    (row,) = azure.get(f"{target}/virtualMachines")["value"]
    assert row["instanceId"].startswith("made_") is (mode is Orchestration.FLEXIBLE)


def test_two_flexible_scale_sets_are_told_apart_by_the_names_of_their_vms() -> None:
    clock, region = ManualClock(), Region()
    profile = Profile(orchestration=Orchestration.FLEXIBLE, region=region)
    behaviour = Behaviour(latencies=Latencies().exact())
    sets = [EmulatedScaleSet(clock.now, name=name, behaviour=behaviour, profile=profile) for name in ("a", "a_b")]
    azure = Desk(*sets, clock=clock, page_size=1)
    for each in sets:
        each.scale(Scale(capacity=2))
    azure.wait()
    assert [each["name"] for each in azure.every(MACHINES)] == [row.instance_id for each in sets for row in each.vms]
    name = sets[1].vms[0].instance_id
    azure.ask("POST", f"{MACHINES}/{name}/deallocate")
    azure.wait()
    assert [[row.billed for row in each.vms] for each in sets] == [[True, True], [False, True]]


@pytest.mark.parametrize(
    "order",
    [
        lambda emulated, name: emulated.order(OrderKind.DEALLOCATE, [name], single=True),
        lambda emulated, name: emulated.behind(name.upper()),
    ],
)
def test_names_have_no_letter_case_behind_the_wire_either(
    azure: Desk, order: Callable[[EmulatedScaleSet, str], object]
) -> None:
    assert order(azure.emulated, names(azure)[0].upper()) is not None
