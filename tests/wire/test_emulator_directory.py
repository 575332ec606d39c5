"""What a client asks about a scale set before it works with it: sizes, quotas, rights, locks, an address, the tags."""

import json
from collections.abc import Mapping
from datetime import timedelta

import pytest
from wire.connection import SET, Wire

from emulator.orders import OrderKind
from emulator.wire.roles import Grant, Role
from emulator.wire.site import SUBSCRIPTION, unsigned

SUB = f"/subscriptions/{SUBSCRIPTION}"
GROUP = SET.partition("/providers")[0]
IPS = f"{SET}/virtualMachines/0/networkInterfaces/nic/ipConfigurations/ipconfig/publicIPAddresses"


def cores(wire: Wire) -> tuple[int, int]:
    """In use, and the limit."""
    usages = wire.get(f"{SUB}/providers/Microsoft.Compute/locations/westeurope/usages")["value"]
    (found,) = [each for each in usages if each["name"]["value"] == "cores"]
    return found["currentValue"], found["limit"]


def test_usages_are_the_quota_that_refuses_machines(wire: Wire) -> None:
    wire.emulated.limit(cores=4 * 36)
    assert cores(wire) == (3 * 36, 4 * 36)
    assert wire.refused("PATCH", SET, {"sku": {"capacity": 5}})[0] == 409
    wire.emulated.order(OrderKind.DELETE, ["0"])
    wire.clock.advance(timedelta(minutes=2))
    assert cores(wire) == (2 * 36, 4 * 36)


def test_a_scale_set_tells_its_size_and_how_far_it_goes(wire: Wire) -> None:
    (sku,) = wire.get(f"{SET}/skus")["value"]
    assert sku["sku"] == {"name": "Standard_NV36ads_A10_v5", "tier": "Standard"}
    assert (sku["capacity"]["minimum"], sku["capacity"]["maximum"]) == (0, 1000)


@pytest.mark.parametrize("scope", [SUB, GROUP, SET])
def test_everybody_may_do_everything_and_nothing_is_locked(wire: Wire, scope: str) -> None:
    (rights,) = wire.get(f"{scope}/providers/Microsoft.Authorization/permissions")["value"]
    assert rights["actions"] == ["*"]
    assert wire.get(f"{scope}/providers/Microsoft.Authorization/locks")["value"] == []


ROLE = Role(actions=("Microsoft.Compute/*/READ", "*/permissions/read"), not_actions=("*/instanceView/read",))


def granted(wire: Wire, scope: str = "", role: Role = ROLE) -> dict[str, str]:
    """The header of a caller who has that role there."""
    wire.server.site.grants["me"] = Grant(role=role, scope=scope)
    return {"Authorization": f"Bearer {unsigned({'oid': 'me', 'appid': 'my-app'})}"}


@pytest.mark.parametrize("path", [SET, SET.upper(), f"{SET}/virtualMachines/0", "/subscriptions"])
def test_a_role_allows_its_actions(wire: Wire, path: str) -> None:
    assert wire.ask("GET", path, granted(wire))[0].status == 200


@pytest.mark.parametrize(
    ("method", "path", "action", "scope"),
    [
        ("GET", "/instanceView", "instanceView/read", ""),
        ("PATCH", "", "write", ""),
        ("DELETE", "/virtualMachines/0", "virtualMachines/delete", "/virtualMachines/0"),
        ("POST", "/powerOff", "powerOff/action", ""),
        ("POST", "/virtualMachines/0/POWEROFF", "virtualMachines/powerOff/action", "/virtualMachines/0"),
    ],
)
def test_a_role_allows_no_other_action(wire: Wire, method: str, path: str, action: str, scope: str) -> None:
    answer, content = wire.ask(method, f"{SET}{path}", granted(wire), body={})
    message = (
        "The client 'my-app' with object id 'me' does not have authorization to perform action"
        f" 'Microsoft.Compute/virtualMachineScaleSets/{action}' over scope '{SET}{scope}' or the scope is invalid."
        " If access was recently granted, please refresh your credentials."
    )
    assert answer.status == 403
    assert json.loads(content) == {"error": {"code": "AuthorizationFailed", "message": message}}


@pytest.mark.parametrize("scope", [GROUP, GROUP.upper(), f"{GROUP}/"])
def test_a_role_holds_where_it_is_assigned_and_below(wire: Wire, scope: str) -> None:
    assert wire.ask("GET", SET, granted(wire, scope))[0].status == 200
    assert wire.ask("GET", SET, granted(wire, SET))[0].status == 200
    for elsewhere in (f"{GROUP}-2", SET + "2", SUB.replace("5ca1e", "00000")):
        assert wire.ask("GET", SET, granted(wire, elsewhere))[0].status == 403
    assert wire.ask("GET", SET)[0].status == 200, "another caller"


@pytest.mark.parametrize(("scope", "shown"), [(SET, True), (f"{SET}-2", False), (GROUP, False)])
def test_a_caller_is_told_their_own_permissions(wire: Wire, scope: str, shown: bool) -> None:
    header, rights = granted(wire, SET), "providers/Microsoft.Authorization/permissions"
    wire.server.site.grants["you"] = Grant(role=Role())
    answer, content = wire.ask("GET", f"{scope}/{rights}?api-version=2022-04-01", header)
    if not shown:
        assert answer.status == 403
        return
    assert json.loads(content)["value"] == [
        {
            "actions": list(ROLE.actions),
            "notActions": list(ROLE.not_actions),
            "dataActions": [],
            "notDataActions": [],
        }
    ]


def test_one_public_ip_can_be_asked_for_by_its_name(wire: Wire) -> None:
    (listed,) = wire.get(IPS)["value"]
    assert wire.get(f"{IPS}/{listed['name']}") == listed
    assert wire.ask("GET", f"{IPS}/other")[0].status == 404


TAGS = f"{SET}/providers/Microsoft.Resources/tags/default"


@pytest.fixture
def tagged(wire: Wire) -> Wire:
    wire.emulated.tag(Owner="us", env="prod")
    return wire


def patch(wire: Wire, operation: str, **tags: str) -> int:
    answer, _ = wire.ask("PATCH", TAGS, body={"operation": operation, "properties": {"tags": tags}})
    return answer.status


@pytest.mark.parametrize(
    ("operation", "given", "left"),
    [
        ("Merge", {"owner": "them", "new": "1"}, {"Owner": "them", "env": "prod", "new": "1"}),
        ("merge", {}, {"Owner": "us", "env": "prod"}),
        ("Replace", {"new": "1"}, {"new": "1"}),
        ("Delete", {"owner": "us"}, {"env": "prod"}),
        ("Delete", {"owner": "them", "env": ""}, {"Owner": "us"}),
    ],
)
def test_tags_are_merged_replaced_or_deleted(
    operation: str, given: dict[str, str], left: Mapping[str, str], tagged: Wire
) -> None:
    assert patch(tagged, operation, **given) == 200
    assert dict(tagged.emulated.set_state.tags) == left
    assert tagged.get(TAGS)["properties"]["tags"] == tagged.get()["tags"] == left


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"operation": "Forget", "properties": {"tags": {}}},
        {"operation": "Merge"},
        {"operation": "Merge", "properties": []},
        {"operation": "Merge", "properties": {"tags": {"a": 1}}},
        {"operation": "Merge", "properties": {"tags": {str(n): "" for n in range(51)}}},
    ],
)
def test_what_is_no_change_of_tags_is_refused_and_changes_nothing(body: dict[str, object], tagged: Wire) -> None:
    answer, _ = tagged.ask("PATCH", TAGS, body=body)
    assert answer.status == 400
    assert dict(tagged.emulated.set_state.tags) == {"Owner": "us", "env": "prod"}
