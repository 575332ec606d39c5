"""`scaler doctor` about the Application Health extension: each fault of the model, and machines without it."""

from dataclasses import replace
from typing import Any

import pytest
from cli.console import Said
from cli.estate import Estate
from cli.test_cli_doctor import USUAL

from emulator.behaviour import Fault
from emulator.health.extension import Extension
from emulator.orders import OrderKind, Scale
from scaler.cli.checks.findings import Level
from scaler.cli.checks.health import of_health

FACTS = {"set": "vmss-pixels", "group": "rg-pixels"}
GOOD = Extension(grace=1200)


def body(extension: dict[str, Any], system: str | None = "Windows") -> dict[str, Any]:
    """A scale set with the extension."""
    disk = {"storageProfile": {"osDisk": {"osType": system}}} if system else {}
    return {"properties": {"virtualMachineProfile": {"extensionProfile": {"extensions": [extension]}, **disk}}}


def found(system: str | None = "Windows", /, *, decides: bool = False, ends: bool = False, **odd: Any) -> list[str]:
    """The codes for an extension that is good but for these properties and settings."""
    extension = GOOD.body
    for name, value in odd.items():
        where = extension["properties"] if name in extension["properties"] else extension["properties"]["settings"]
        where[name] = value
    return [each.code for each in of_health(body(extension, system), FACTS, decides=decides, ends=ends)]


def test_the_extension_of_the_example_has_no_finding() -> None:
    assert found() == []
    assert found("Linux", type="applicationhealthlinux", publisher="microsoft.managedservices") == []
    assert found(None, type="ApplicationHealthLinux") == []


@pytest.mark.parametrize(
    ("odd", "code"),
    [
        ({"publisher": "Contoso"}, "health-type"),
        ({"type": "ApplicationHealthLinux"}, "health-type"),  # and the disks are of Windows
        ({"type": "NoApplicationHealthForWindows"}, "health-type"),
        ({"typeHandlerVersion": "1.0"}, "health-version"),
        ({"typeHandlerVersion": None}, "health-version"),
        ({"protocol": "tcp", "requestPath": None}, "health-protocol"),
        ({"protocol": "tcp"}, "health-protocol"),
        ({"requestPath": ""}, "health-protocol"),
        ({"intervalInSeconds": 60, "numberOfProbes": 5}, "health-interval"),
        ({"gracePeriod": 899}, "health-grace"),
        ({"gracePeriod": None}, "health-grace"),  # then it is interval × probes
    ],
)
def test_each_fault_of_the_extension_is_found_alone(odd: dict[str, Any], code: str) -> None:
    assert found(**odd) == [code]


def test_the_edges_are_allowed() -> None:
    assert found(gracePeriod=900, intervalInSeconds=60, numberOfProbes=4) == []


@pytest.mark.parametrize(
    ("interval", "probes", "codes"), [(50, 1, []), (10, 5, []), (51, 1, ["health-late"]), (60, 5, ["health-interval"])]
)
def test_where_a_session_ends_by_health_a_word_is_not_too_late(interval: int, probes: int, codes: list[str]) -> None:
    assert found(ends=True, decides=True, intervalInSeconds=interval, numberOfProbes=probes) == codes
    assert "health-late" not in found(decides=True, intervalInSeconds=interval, numberOfProbes=probes)


@pytest.mark.parametrize("odd", [None, 7, [], {}, "settings"])
def test_settings_of_another_form_are_no_traceback(odd: object) -> None:
    assert found(settings=odd) == ["health-protocol", "health-grace"]


def test_where_health_decides_it_is_a_fault() -> None:
    for decides, level in ((False, Level.WARNING), (True, Level.FAULT)):
        levels = {finding.level for finding in of_health({}, FACTS, decides=decides)}
        assert levels == {level}


def test_the_remedy_sets_an_extension_that_has_no_finding() -> None:
    (missing,) = of_health({}, FACTS, decides=False)
    assert missing.remedy.startswith("az vmss extension set --resource-group rg-pixels --vmss-name vmss-pixels ")
    assert '"gracePeriod":1200' in missing.remedy


def examined(estate: Estate) -> dict[str, str]:
    """What is said, by code."""
    said: Said = estate.console.run("doctor", "--json", **USUAL)
    return {each["code"]: each["said"] for each in said.json}


def running(estate: Estate, machines: int) -> None:
    """Machines that nobody stops."""
    estate.azure.scale(Scale(capacity=machines), by="operator")
    estate.clock.leap(minutes=20)


def test_machines_that_do_not_have_the_extension_of_the_model_are_counted(estate: Estate) -> None:
    estate.azure.script(Fault.EXTENSION_MISSING, times=2)
    running(estate, 3)
    assert examined(estate)["health-behind"] == (
        "vmss-pixels: 2 of its running machines show no health, though the model has the extension"
    )


def test_machines_at_rest_and_new_ones_need_not_show_any_health(estate: Estate) -> None:
    estate.azure.script(Fault.EXTENSION_MISSING)
    running(estate, 1)
    estate.azure.order(OrderKind.DEALLOCATE, ["0"])
    estate.clock.leap(minutes=5)
    estate.azure.scale(Scale(capacity=2), by="operator")
    estate.clock.leap(minutes=2)  # the second one runs, and its extension has not spoken yet
    assert "health-behind" not in examined(estate)


def test_without_the_extension_in_the_model_no_machine_is_missed(estate: Estate) -> None:
    estate.azure.script(Fault.EXTENSION_MISSING)
    running(estate, 1)
    estate.azure.reshape(virtualMachineProfile={"extensionProfile": {"extensions": []}})
    assert {"health", "health-behind"} & examined(estate).keys() == {"health"}


def test_where_a_session_ends_by_health_a_machine_that_says_nothing_is_a_fault(estate: Estate) -> None:
    estate.azure.reshape(virtualMachineProfile={"extensionProfile": {"extensions": []}})
    for wish, level in (({}, "warning"), ({"SCALER_END_WHEN": "unhealthy"}, "fault")):
        said = estate.console.run("doctor", "--json", **USUAL, **wish)
        assert [each["level"] for each in said.json if each["code"] == "health"] == [level]
    slow = replace(GOOD, interval=60).body
    estate.azure.reshape(virtualMachineProfile={"extensionProfile": {"extensions": [slow]}})
    for wish, levels in (({}, []), ({"SCALER_END_WHEN": "unhealthy"}, ["fault"])):
        said = estate.console.run("doctor", "--json", **USUAL, **wish)
        assert [each["level"] for each in said.json if each["code"] == "health-late"] == levels
