"""The health extension in the model: how it comes there, and which VMs have it."""

from typing import Any

import pytest
from wire.desk import COMPUTE, SET, Desk, desk

from emulator.orders import Scale
from emulator.region import Profile

SETTINGS = {"protocol": "http", "port": 8081, "requestPath": "/health", "gracePeriod": 1800}
MODEL = "virtualMachineProfile"


def extensions(**settings: Any) -> dict[str, Any]:
    """A body with the extension."""
    properties = {
        "publisher": "Microsoft.ManagedServices",
        "type": "ApplicationHealthLinux",
        "typeHandlerVersion": "2.0",
        "settings": SETTINGS | settings,
    }
    extension = {"name": "hc", "properties": properties}
    return {"properties": {MODEL: {"extensionProfile": {"extensions": [extension]}}}}


def shown(azure: Desk) -> list[bool]:
    """Which VMs show their health."""
    rows = azure.get(f"{SET}/virtualMachines?$expand=instanceView")["value"]
    return ["vmHealth" in each["properties"]["instanceView"] for each in rows]


def test_machines_that_are_there_already_go_on_without_it() -> None:
    azure = desk(profile=Profile(health=None))
    assert "extensionProfile" not in azure.get(SET)["properties"][MODEL]
    assert azure.ask("PATCH", SET, extensions()).status == 200
    azure.emulated.scale(Scale(capacity=2))
    azure.wait(6000)
    (extension,) = azure.get(SET)["properties"][MODEL]["extensionProfile"]["extensions"]
    assert extension["properties"]["settings"].items() >= SETTINGS.items()
    rows = azure.get(f"{SET}/virtualMachines")["value"]
    assert [each["properties"]["latestModelApplied"] for each in rows] == [False, True]
    assert shown(azure) == [False, True]


def test_what_is_sent_back_as_it_was_read_changes_nothing() -> None:
    azure = desk()
    assert azure.ask("PUT", SET, azure.get(SET)).status == 200
    assert azure.get(f"{SET}/virtualMachines")["value"][0]["properties"]["latestModelApplied"] is True


@pytest.mark.parametrize(
    "wrong",
    [{"intervalInSeconds": 4}, {"numberOfProbes": 25}, {"intervalInSeconds": 60, "numberOfProbes": 5}, {"port": "x"}],
)
def test_settings_that_the_extension_would_refuse_are_refused(wrong: dict[str, Any]) -> None:
    azure = desk()
    answer = azure.ask("PATCH", SET, extensions(**wrong))
    assert (answer.status, answer.code) == (400, "InvalidParameter")


def test_a_new_scale_set_has_it_only_if_its_body_has() -> None:
    azure = desk()
    for name, body in (("with", extensions()), ("without", {})):
        target = f"{COMPUTE}/virtualMachineScaleSets/{name}"
        sent = {"location": "westeurope", "sku": {"name": "Standard_NV36ads_A10_v5", "capacity": 1}, **body}
        assert azure.ask("PUT", target, sent).status == 201
        assert ("extensionProfile" in azure.get(target)["properties"][MODEL]) is (name == "with")


def test_an_extension_of_version_1_tells_no_state_of_its_own() -> None:
    azure = desk(profile=Profile(health=None))
    body = extensions()
    (extension,) = body["properties"][MODEL]["extensionProfile"]["extensions"]
    extension["properties"]["typeHandlerVersion"] = "1.0"
    azure.ask("PATCH", SET, body)
    azure.emulated.scale(Scale(capacity=2))
    azure.wait(6000)
    view = azure.get(f"{SET}/virtualMachines/1/instanceView")
    assert view["vmHealth"]["status"]["code"] == "HealthState/healthy"
    assert not [row for row in view["extensions"][0]["substatuses"] if "ApplicationHealthState" in row["code"]]
