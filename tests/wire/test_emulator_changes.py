"""PUT, PATCH and their bodies: what can be changed on the emulated ARM, what is refused, and what is made anew."""

import json
from datetime import timedelta
from typing import Any

import pytest
from wire.connection import SET, Wire

VM = f"{SET}/virtualMachines/0"


# ── changes ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", [SET, VM])
def test_what_was_read_can_be_written_back(wire: Wire, path: str) -> None:
    """As `az … update` and the SDK's read, change, write do; what ARM itself writes may be old by then."""
    read = wire.get(path)
    read["properties"]["provisioningState"] = "Updating"
    answer, _ = wire.ask("PUT", path, body=read)
    assert answer.status == 200


def _image(wire: Wire, image: str) -> None:
    model = {"storageProfile": {"imageReference": {"id": image}}}
    answer, _ = wire.ask("PATCH", SET, body={"properties": {"virtualMachineProfile": model}})
    assert answer.status == 200


def test_machines_from_before_a_new_image_are_not_of_the_latest_model_and_new_ones_are(wire: Wire) -> None:
    there = {vm.vm_id for vm in wire.emulated.vms}
    _image(wire, "/images/2")
    wire.ask("PATCH", SET, body={"sku": {"capacity": len(there) + 1}})
    assert {vm.vm_id: vm.latest_model for vm in wire.emulated.vms if vm.vm_id in there} == dict.fromkeys(there, False)
    assert [vm.latest_model for vm in wire.emulated.vms if vm.vm_id not in there] == [True]
    storage = wire.get(SET)["properties"]["virtualMachineProfile"]["storageProfile"]
    assert storage["imageReference"] == {"id": "/images/2"}
    _image(wire, "/images/2")
    assert sum(vm.latest_model for vm in wire.emulated.vms) == 1


@pytest.mark.parametrize(
    ("path", "body", "target"),
    [
        (SET, {"properties": {"upgradePolicy": {"mode": "Automatic"}}}, "properties.upgradePolicy.mode"),
        (SET, {"sku": {"name": "Standard_D2s_v3"}}, "sku.name"),
        (SET, {"location": "North Europe"}, "location"),
        (SET, {"identity": {"type": "SystemAssigned"}}, "identity"),
        (VM, {"properties": {"licenseType": "Windows_Server"}}, "properties.licenseType"),
    ],
)
def test_a_change_that_nobody_would_see_is_refused_and_named(
    wire: Wire, path: str, body: dict[str, Any], target: str
) -> None:
    assert wire.refused("PUT", path, body) == (409, "PropertyChangeNotAllowed", target)


@pytest.mark.parametrize(("method", "path"), [("PUT", SET), ("PATCH", SET), ("PUT", VM)])
@pytest.mark.parametrize("body", [{"location": "North Europe"}, {"sku": 3}, {"properties": "x"}])
def test_an_if_match_is_looked_at_before_the_body(wire: Wire, method: str, path: str, body: dict[str, Any]) -> None:
    answer, content = wire.ask(method, path, {"Authorization": "Bearer any", "If-Match": '"77"'}, body)
    assert (answer.status, json.loads(content)["error"]["code"]) == (412, "PreconditionFailed")


@pytest.mark.parametrize(
    ("method", "path", "body", "target"),
    [
        ("PATCH", SET, {"sku": 3}, "sku"),
        ("PATCH", SET, {"tags": ["a"]}, "tags"),
        ("PATCH", SET, {"tags": {"a": 1}}, "tags"),
        ("PUT", VM, {"properties": "x"}, "properties"),
        ("PUT", VM, {"properties": {"protectionPolicy": True}}, "protectionPolicy"),
        ("PUT", VM, {"properties": {"protectionPolicy": {"protectFromScaleIn": "yes"}}}, "protectionPolicy"),
        ("POST", f"{SET}/start", {"instanceIds": "0"}, "instanceIds"),
        ("POST", f"{SET}/start", {"instanceIds": [0]}, "instanceIds"),
        ("POST", f"{SET}/delete", {}, "instanceIds"),
        ("POST", f"{SET}/delete", {"instanceIds": None}, "instanceIds"),
    ],
)
def test_a_body_of_the_wrong_shape_is_refused_and_nothing_happens(
    wire: Wire, method: str, path: str, body: dict[str, Any], target: str
) -> None:
    before = wire.emulated.vms
    status, _, named = wire.refused(method, path, body)
    assert (status, named, wire.emulated.vms) == (400, target, before)


def test_protection_from_actions_is_protection_from_scale_in_too(wire: Wire) -> None:
    """As documented: the one cannot be had without the other."""
    wire.ask("PUT", VM, body={"properties": {"protectionPolicy": {"protectFromScaleSetActions": True}}})
    assert wire.emulated.vms[0].protected
    policy = {"protectFromScaleSetActions": True, "protectFromScaleIn": False}
    refusal = wire.refused("PUT", VM, {"properties": {"protectionPolicy": policy}})
    assert refusal == (400, "InvalidParameter", "protectionPolicy")


# ── a new scale set ───────────────────────────────────────────────────────────────────────────────────────────────

NEW = SET.replace("vmss-pixels", "VMSS-New")


def test_a_put_of_a_scale_set_that_is_not_there_makes_one(wire: Wire) -> None:
    body = {"location": "westeurope", "sku": {"capacity": 2}, "tags": {"made": "here"}}
    answer, content = wire.ask("PUT", NEW, body=body)
    made = json.loads(content)
    assert (answer.status, made["name"], made["sku"]["capacity"]) == (201, "VMSS-New", 2)
    operation = answer.headers["Azure-AsyncOperation"].removeprefix(wire.server.url)
    assert wire.get(operation)["status"] == "InProgress"
    wire.clock.advance(timedelta(minutes=10))
    assert wire.get(operation)["status"] == "Succeeded"
    assert len(wire.get(f"{NEW}/virtualMachines")["value"]) == 2
    assert [each["name"] for each in wire.get(SET.rpartition("/")[0])["value"]] == ["vmss-pixels", "VMSS-New"]
    assert wire.get(NEW)["tags"] == {"made": "here"}
    assert wire.ask("PUT", NEW, body=body)[0].status == 200


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (NEW, {}, "LocationRequired"),
        (NEW, {"location": "mars"}, "PropertyChangeNotAllowed"),
        (NEW, {"location": "westeurope", "sku": {"name": "Standard_D2s_v3"}}, "PropertyChangeNotAllowed"),
        (NEW, {"location": "westeurope", "properties": {"orchestrationMode": "Sideways"}}, "InvalidParameter"),
        (f"{NEW}%20x", {"location": "westeurope"}, "InvalidResourceName"),
    ],
)
def test_a_scale_set_that_cannot_be_made_is_not_there(wire: Wire, path: str, body: dict[str, Any], code: str) -> None:
    assert wire.refused("PUT", path, body)[1] == code
    assert wire.ask("GET", path)[0].status == 404


# ── no scale set any more ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_deleted_scale_set_is_gone_with_the_last_of_its_machines(wire: Wire) -> None:
    answer, _ = wire.ask("DELETE", SET)
    assert (answer.status, "Azure-AsyncOperation" in answer.headers, "Location" in answer.headers) == (202, True, True)
    operation = answer.headers["Azure-AsyncOperation"].removeprefix(wire.server.url)
    assert wire.get(operation)["status"] == "InProgress"
    assert wire.get(SET)["name"] == "vmss-pixels"
    wire.clock.advance(timedelta(minutes=2))
    assert wire.get(operation)["status"] == "Succeeded"
    assert wire.refused("GET", SET)[:2] == (404, "ResourceNotFound")
    assert wire.get(SET.rpartition("/")[0])["value"] == []
    assert wire.ask("DELETE", SET)[0].status == 204


def test_a_scale_set_that_is_being_deleted_takes_nothing_else(wire: Wire) -> None:
    wire.ask("DELETE", SET)
    for method, path, body in (
        ("PATCH", SET, {"sku": {"capacity": 5}}),
        ("PUT", SET, {"sku": {"capacity": 5}}),
        ("POST", f"{SET}/start", {"instanceIds": ["0"]}),
    ):
        assert wire.refused(method, path, body)[:2] == (409, "OperationNotAllowed")
