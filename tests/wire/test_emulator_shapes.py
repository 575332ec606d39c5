"""The emulator sends nothing that Azure does not: property by property, header by header, against recorded traffic."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.client import HTTPResponse
from re import fullmatch
from typing import Any

import pytest
from wire.connection import SET, Wire

from emulator.behaviour import Fault
from emulator.orders import OrderKind

VM = f"{SET}/virtualMachines/0"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6,7}\+00:00"

STATUS = {"code", "level", "displayStatus", "time", "message"}
VIEW = {
    "placementGroupId",
    "platformUpdateDomain",
    "platformFaultDomain",
    "computerName",
    "osName",
    "osVersion",
    "hyperVGeneration",
    "vmAgent.vmAgentVersion",
    *(f"vmAgent.statuses[].{each}" for each in {*STATUS, "message"}),
    "disks[].name",
    *(f"disks[].statuses[].{each}" for each in STATUS - {"message"}),
    *(f"statuses[].{each}" for each in STATUS),
    *(f"vmHealth.status.{each}" for each in STATUS - {"message"}),
    *(f"extensions[].{each}" for each in ("name", "type", "typeHandlerVersion")),
    *(f"extensions[].{rows}[].{each}" for rows in ("statuses", "substatuses") for each in STATUS - {"time"}),
}
DISK = {"osType", "name", "createOption", "caching", "diskSizeGB", "managedDisk.id", "managedDisk.storageAccountType"}
NETWORK = {f"properties.networkProfile.networkInterfaces[].{each}" for each in ("id", "properties.primary")}
ROW = {
    *("name", "id", "type", "location", "instanceId", "sku.name", "sku.tier", "etag"),
    *(f"properties.instanceView.{each}" for each in VIEW),
    *(f"properties.storageProfile.osDisk.{each}" for each in DISK),
    *NETWORK,
    "properties.billingProfile.maxPrice",
    "properties.evictionPolicy",
    "properties.hardwareProfile.vmSize",
    "properties.latestModelApplied",
    "properties.modelDefinitionApplied",
    "properties.osProfile.computerName",
    "properties.priority",
    "properties.protectionPolicy.protectFromScaleIn",
    "properties.protectionPolicy.protectFromScaleSetActions",
    "properties.provisioningState",
    "properties.timeCreated",
    "properties.vmId",
}
_CARD = "properties.virtualMachineProfile.networkProfile.networkInterfaceConfigurations[]"
_IP = f"{_CARD}.properties.ipConfigurations[]"
_EXTENSION = "properties.virtualMachineProfile.extensionProfile.extensions[]"
MODEL = {  # by the SDK's models, and the examples in their documentation
    *(f"{each}.{name}" for each in (_CARD, _IP) for name in ("name", "properties.primary")),
    f"{_IP}.properties.publicIPAddressConfiguration.name",
    *(f"{_EXTENSION}.{each}" for each in ("name", *(f"properties.{it}" for it in ("publisher", "type")))),
    f"{_EXTENSION}.properties.typeHandlerVersion",
    f"{_EXTENSION}.properties.autoUpgradeMinorVersion",
    *(f"{_EXTENSION}.properties.settings.{each}" for each in ("protocol", "port", "requestPath", "gracePeriod")),
    *(f"{_EXTENSION}.properties.settings.{each}" for each in ("intervalInSeconds", "numberOfProbes")),
}
SCALE_SET = MODEL | {
    *("name", "id", "type", "location", "etag", "tags.scaler:managed", "sku.name", "sku.tier", "sku.capacity"),
    *(f"properties.virtualMachineProfile.storageProfile.osDisk.{each}" for each in DISK),
    "properties.orchestrationMode",
    "properties.overprovision",
    "properties.platformFaultDomainCount",
    "properties.provisioningState",
    "properties.singlePlacementGroup",
    "properties.timeCreated",
    "properties.uniqueId",
    "properties.upgradePolicy.mode",
    "properties.virtualMachineProfile.billingProfile.maxPrice",
    "properties.virtualMachineProfile.evictionPolicy",
    "properties.virtualMachineProfile.osProfile.computerNamePrefix",
    "properties.virtualMachineProfile.priority",
    "properties.virtualMachineProfile.storageProfile.imageReference.id",
    "properties.virtualMachineProfile.timeCreated",
}
SET_VIEW = {
    "virtualMachine.statusesSummary[].code",
    "virtualMachine.statusesSummary[].count",
    *(f"statuses[].{each}" for each in STATUS),
}
OPERATION = {"name", "status", "startTime", "endTime"}
LISTING = {"nextLink", *(f"value[].{each}" for each in ROW)}

ALWAYS = {"cache-control", "content-length", "date", "expires", "pragma", "x-content-type-options", "x-ms-request-id"}
READS, WRITES = (
    {f"x-ms-ratelimit-remaining-subscription-{each}" for each in (lane, f"global-{lane}")}
    for lane in ("reads", "writes")
)
BODY = ALWAYS | {"content-type", "x-ms-ratelimit-remaining-resource"}
READ = BODY | READS
ACCEPTED = WRITES | {"azure-asyncoperation", "azure-asyncnotification", "x-ms-ratelimit-remaining-resource"}
RESOURCES = [
    (SET, SCALE_SET, READ | {"etag"}),
    (f"{SET}/virtualMachines?$expand=instanceView", LISTING, READ | {"x-ms-request-charge"}),
    (f"{VM}?$expand=instanceView", ROW, READ | {"x-ms-request-charge", "etag"}),
    (f"{VM}/instanceView", VIEW, READ | {"x-ms-request-charge"}),
    (f"{SET}/instanceView", SET_VIEW, READ),
]


def paths(value: Any, above: str = "") -> Iterator[str]:
    """Where the values of a JSON are."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from paths(each, f"{above}.{name}" if above else name)
    elif isinstance(value, list):
        for each in value:
            yield from paths(each, f"{above}[]")
    else:
        yield above


def headers(answer: HTTPResponse) -> set[str]:
    """Their names."""
    return {name.lower() for name in answer.headers}


def nothing(_: Wire) -> None:
    """Three VMs that run."""


def marked(wire: Wire) -> None:
    """Protect VM 0, stop VM 1, deallocate VM 2."""
    wire.ask("PUT", VM, body={"properties": {"protectionPolicy": {"protectFromScaleIn": True}}})
    wire.emulated.order(OrderKind.POWER_OFF, ["1"])
    wire.emulated.order(OrderKind.DEALLOCATE, ["2"])
    wire.clock.advance(timedelta(minutes=5))


def in_trouble(wire: Wire) -> None:
    """Bring three VMs into trouble: failed, being created, being deleted."""
    wire.emulated.script(Fault.START_ALLOCATION)
    wire.emulated.order(OrderKind.DEALLOCATE, ["0"])
    wire.clock.advance(timedelta(minutes=5))
    wire.emulated.order(OrderKind.START, ["0"])
    wire.clock.advance(timedelta(minutes=5))
    wire.emulated.order(OrderKind.DELETE, ["1"])
    wire.ask("PATCH", SET, body={"sku": {"capacity": 5}})


@pytest.mark.parametrize(("path", "known", "sent"), RESOURCES)
@pytest.mark.parametrize("happened", [nothing, marked, in_trouble])
def test_every_property_and_header_is_one_of_azures(
    wire: Wire, happened: Callable[[Wire], None], path: str, known: set[str], sent: set[str]
) -> None:
    happened(wire)
    answer, content = wire.ask("GET", path)
    body = json.loads(content)
    assert answer.status == 200
    assert set(paths(body)) - known == set()
    assert headers(answer) - sent == set()
    assert all(fullmatch(TIME, each) for each in _times(body))


def _times(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from [each] if name in {"time", "timeCreated", "startTime", "endTime"} else _times(each)
    elif isinstance(value, list):
        for each in value:
            yield from _times(each)


def test_a_stopped_vm_still_shows_its_guest_and_a_deallocated_one_does_not(wire: Wire) -> None:
    marked(wire)
    views = [wire.get(f"{SET}/virtualMachines/{each}/instanceView") for each in range(3)]
    assert [each["statuses"][1]["displayStatus"] for each in views] == ["VM running", "VM stopped", "VM deallocated"]
    assert [("vmAgent" in each, "computerName" in each) for each in views] == [
        (True, True),
        (True, True),
        (False, False),
    ]


def test_an_order_is_answered_with_both_addresses_and_no_body(wire: Wire) -> None:
    answer, content = wire.ask("POST", f"{SET}/deallocate", body={})
    assert (answer.status, content) == (202, b"")
    assert headers(answer) == ALWAYS | ACCEPTED | {"location", "x-ms-request-charge"}
    assert answer.headers["Azure-AsyncNotification"] == "Enabled"
    assert answer.headers["x-ms-request-charge"] == "3"


def test_a_change_is_answered_at_once_and_without_a_location(wire: Wire) -> None:
    answer, content = wire.ask("PATCH", SET, body={"sku": {"capacity": 4}})
    body = json.loads(content)
    assert (answer.status, body["properties"]["provisioningState"], body["sku"]["capacity"]) == (200, "Updating", 4)
    assert headers(answer) == BODY | ACCEPTED | {"etag", "x-ms-request-charge"}
    assert answer.headers["etag"] == body["etag"]


def test_an_operation_says_when_it_began_and_in_the_end_when_it_ended(wire: Wire) -> None:
    posted, _ = wire.ask("POST", f"{SET}/deallocate", body={"instanceIds": ["0"]})
    path = posted.headers["Azure-AsyncOperation"].removeprefix(wire.server.url)
    answer, content = wire.ask("GET", path)
    assert set(paths(json.loads(content))) == OPERATION - {"endTime"}
    assert headers(answer) == READ
    wire.clock.advance(timedelta(minutes=5))
    body = wire.get(path)
    assert (set(paths(body)), body["status"]) == (OPERATION, "Succeeded")
    assert all(fullmatch(TIME, each) for each in _times(body))
    done, nothing_more = wire.ask("GET", posted.headers["Location"].removeprefix(wire.server.url))
    assert (done.status, nothing_more, headers(done)) == (200, b"", READ - {"content-type"})
