"""What a client asks about a scale set before it works with it: sizes, quotas, rights, locks, one address."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from wire.connection import SET, Wire, wired

from emulator.orders import OrderKind
from emulator.wire.site import SUBSCRIPTION

SUB = f"/subscriptions/{SUBSCRIPTION}"
GROUP = SET.partition("/providers")[0]
IPS = f"{SET}/virtualMachines/0/networkInterfaces/nic/ipConfigurations/ipconfig/publicIPAddresses"


@pytest.fixture
def wire() -> Iterator[Wire]:
    with wired() as made:
        yield made


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


def test_one_public_ip_can_be_asked_for_by_its_name(wire: Wire) -> None:
    (listed,) = wire.get(IPS)["value"]
    assert wire.get(f"{IPS}/{listed['name']}") == listed
    assert wire.ask("GET", f"{IPS}/other")[0].status == 404
