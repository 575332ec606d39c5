"""Requests of other clients to the emulator: answers where they are built, clear errors elsewhere."""

from contextlib import closing
from datetime import timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from wire.connection import SET, TOKEN, Wire, wired

from emulator.behaviour import Fault
from emulator.orders import OrderKind
from emulator.wire.site import SUBSCRIPTION, Place, Site
from scaler.model.instance import PowerState

POWERED = "startswith(instanceView/statuses/code, 'PowerState') eq true"
VM = f"{SET}/virtualMachines/0"


def listed(wire: Wire, **query: str) -> list[dict[str, Any]]:
    """The rows of a listing, over all its pages."""
    words = "&".join(f"${name}={quote(value)}" for name, value in query.items())
    rows, path = [], f"{SET}/virtualMachines?api-version=2025-04-01&{words}"
    while path:
        page = wire.get(path)
        rows += page["value"]
        path = page.get("nextLink", "").removeprefix(wire.server.url)
    return rows


@pytest.mark.parametrize("group", ["RG.Pixels-(dev).x", "grün_ü"])
def test_a_path_is_read_with_its_percent_signs_decoded(group: str) -> None:
    with wired(Site(place=Place(resource_group=group))) as wire:
        path = quote(f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/Microsoft.Compute", safe="/")
        found = wire.get(f"{path}/virtualMachineScaleSets/vmss-pixels")
        assert found["id"].split("/")[4] == group
        rows = wire.get(f"{path}/virtualMachineScaleSets/vmss-pixels/virtualMachines")["value"]
        assert [each["instanceId"] for each in rows] == ["0", "1", "2"]


# ── $filter, $select, $expand ─────────────────────────────────────────────────────────────────────────────────────


def test_a_filter_on_power_states_leaves_out_vms_without_one(wire: Wire) -> None:
    wire.emulated.script(Fault.CREATE_ALLOCATION)
    wire.ask("PATCH", SET, body={"sku": {"capacity": 4}})
    wire.clock.advance(timedelta(minutes=10))
    assert [each["instanceId"] for each in listed(wire)] == ["0", "1", "2", "3"]
    assert [each["instanceId"] for each in listed(wire, filter=POWERED)] == ["0", "1", "2"]
    assert [each["instanceId"] for each in listed(wire, filter=POWERED.replace("true", "false"))] == ["3"]


def test_a_filter_may_name_one_power_state_in_any_case(wire: Wire) -> None:
    wire.emulated.order(OrderKind.DEALLOCATE, ["1"])
    wire.clock.advance(timedelta(minutes=2))
    stopped = "STARTSWITH(instanceview/statuses/code,'powerstate/DEALLOCATED')  eq True"
    assert [each["instanceId"] for each in listed(wire, filter=stopped)] == ["1"]


def test_a_filter_on_the_model_tells_old_from_new() -> None:
    with wired(mark_keeps_latest_model=False) as wire:
        wire.ask("PUT", VM, body={"properties": {"protectionPolicy": {"protectFromScaleIn": True}}})
        latest = "properties/latestModelApplied eq {}"
        assert [each["instanceId"] for each in listed(wire, filter=latest.format("false"))] == ["0"]
        assert [each["instanceId"] for each in listed(wire, filter=latest.format("true"))] == ["1", "2"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("filter", "properties/provisioningState eq 'Failed'"),
        ("filter", f"{POWERED} and properties/latestModelApplied eq true"),
        ("select", "properties/vmId"),
        ("expand", "resiliencyView"),
        ("top", "5"),
        ("orderby", "name"),
    ],
)
def test_what_a_listing_cannot_do_is_refused_and_never_ignored(wire: Wire, name: str, value: str) -> None:
    path = f"{SET}/virtualMachines?${name}={quote(value)}"
    assert wire.refused("GET", path) == (400, "InvalidParameter", f"${name}")


# ── what there is, and what there is not ──────────────────────────────────────────────────────────────────────────


def test_scale_sets_are_listed_by_group_and_by_subscription(wire: Wire) -> None:
    everywhere = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/virtualMachineScaleSets"
    assert [each["name"] for each in wire.get(everywhere)["value"]] == ["vmss-pixels"]
    assert wire.refused("GET", SET.replace("rg-pixels", "other").rpartition("/")[0])[1] == "ResourceGroupNotFound"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{SET}/approveRollingUpgrade"),
        ("POST", f"{SET}/manualupgrade"),
        ("POST", f"{VM}/performMaintenance"),
        ("DELETE", f"{SET}/skus"),
        ("DELETE", "/tenants"),
    ],
)
def test_an_order_that_the_emulator_does_not_know_does_not_look_as_if_its_target_were_gone(
    wire: Wire, method: str, path: str
) -> None:
    assert wire.refused(method, path)[:2] == (501, "NotImplemented")
    assert len(wire.emulated.vms) == 3


# ── HTTP ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_body_may_come_in_chunks(wire: Wire) -> None:
    pieces = iter([b'{"instanceIds"', b': ["1"]}'])
    wire.connection.request("POST", f"{SET}/deallocate", body=pieces, headers=TOKEN, encode_chunked=True)
    answer = wire.connection.getresponse()
    assert (answer.status, answer.read()) == (202, b"")
    powers = [each.power for each in wire.emulated.vms]
    assert powers == [PowerState.RUNNING, PowerState.DEALLOCATING, PowerState.RUNNING]
    assert wire.get()["name"] == "vmss-pixels"


@pytest.mark.parametrize("headers", [{"Content-Length": "many"}, {"Content-Length": "-1"}])
def test_a_length_that_is_none_is_refused(wire: Wire, headers: dict[str, str]) -> None:
    with closing(HTTPConnection(urlsplit(wire.server.url).netloc, timeout=10)) as connection:
        connection.request("POST", f"{SET}/start", headers=TOKEN | headers)
        assert connection.getresponse().status == 400
    assert len(wire.server.calls) == 0


def test_operations_say_when_to_ask_again_if_they_are_told_to() -> None:
    with wired(Site(poll_after=1)) as wire:
        posted, _ = wire.ask("POST", f"{SET}/deallocate", body={"instanceIds": ["0"]})
        asked, _ = wire.ask("GET", posted.headers["Azure-AsyncOperation"].removeprefix(wire.server.url))
        changed, _ = wire.ask("PATCH", SET, body={"sku": {"capacity": 4}})
        assert [each.headers["Retry-After"] for each in (posted, asked, changed)] == ["1", "1", "1"]
