"""The listing of a scale set's VMs: its pages and their tokens, and rows that are not all there."""

from collections.abc import Callable
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from wire.desk import SET, Desk, desk, ids

from emulator.orders import OrderKind, Scale

LISTING = f"{SET}/virtualMachines?api-version=2025-04-01&$expand=instanceView"


def link(azure: Desk) -> str:
    """To the second page."""
    found: str = azure.get(LISTING)["nextLink"]
    return found


def token(url: str) -> str:
    """As a client that takes the link apart reads it."""
    return parse_qs(urlsplit(url).query)["$skiptoken"][0]


def test_a_link_is_good_as_it_is_and_goes_on_where_the_page_ended() -> None:
    azure = desk(capacity=5, page_size=2)
    assert ids(azure.every(LISTING)) == ["0", "1", "2", "3", "4"]
    assert "api-version=2025-04-01&$expand=instanceView&$skiptoken=" in link(azure)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda found: quote(quote(found, safe=""), safe=""), id="encoded twice"),
        pytest.param(lambda found: found, id="decoded, and sent as it is"),
        pytest.param(lambda found: quote(found[:-4], safe=""), id="cut off"),
        pytest.param(lambda found: quote(found.swapcase(), safe=""), id="in another case"),
        pytest.param(lambda found: quote(found + "~", safe=""), id="with something behind it"),
        pytest.param(lambda found: "", id="empty"),
    ],
)
def test_a_token_that_is_not_exactly_what_was_given_out_is_refused(spoil: Callable[[str], str]) -> None:
    azure = desk(capacity=3, page_size=2)
    found = link(azure)
    answer = azure.ask("GET", found.partition("$skiptoken=")[0] + "$skiptoken=" + spoil(token(found)))
    assert (answer.status, answer.code) == (400, "InvalidParameter")
    assert answer.body["error"]["target"] == "$skiptoken"


def test_a_token_of_one_scale_set_says_nothing_to_another() -> None:
    one, other = desk(capacity=3, page_size=2), desk(capacity=3, page_size=2)
    other.emulated.make_anew()
    assert other.ask("GET", link(one)).status == 400


def test_a_vm_can_be_missed_while_pages_are_walked() -> None:
    azure = desk(capacity=4, page_size=2)
    first = azure.get(LISTING)
    azure.order("delete", "0")
    azure.wait()
    assert ids(first["value"] + azure.get(first["nextLink"])["value"]) == ["0", "1", "3"]


def test_a_vm_can_be_seen_twice_while_pages_are_walked() -> None:
    azure = desk(capacity=4, page_size=2)
    azure.order("delete", "0")
    azure.wait()
    first = azure.get(LISTING)
    azure.emulated.scale(Scale(capacity=4))
    assert ids(first["value"] + azure.get(first["nextLink"])["value"]) == ["1", "2", "2", "3"]


def test_ids_in_a_listing_have_the_groups_name_in_capitals() -> None:
    azure = desk()
    row, alone = azure.get(LISTING)["value"][0], azure.get(f"{SET}/virtualMachines/0")
    assert row["id"] != alone["id"]
    assert row["id"].lower() == alone["id"].lower()
    assert "/resourceGroups/RG-PIXELS/" in row["id"]


def test_computers_are_counted_to_the_base_of_36() -> None:
    rows = desk(capacity=37).get(LISTING)["value"]
    names = [each["properties"]["osProfile"]["computerName"] for each in rows]
    assert [names[9], names[10], names[35], names[36]] == [
        "vmss-pixe000009",
        "vmss-pixe00000a",
        "vmss-pixe00000z",
        "vmss-pixe000010",
    ]


def test_a_deallocation_of_all_spares_what_is_protected_from_it() -> None:
    azure = desk(capacity=2)
    policy = {"protectFromScaleIn": True, "protectFromScaleSetActions": True}
    azure.ask("PUT", f"{SET}/virtualMachines/1", {"properties": {"protectionPolicy": policy}})
    azure.wait()
    azure.ask("POST", f"{SET}/deallocate")
    azure.wait()
    assert [each.power.value for each in azure.emulated.vms] == ["deallocated", "running"]
    azure.emulated.order(OrderKind.DEALLOCATE, ["1"])  # by name it is not protected
    azure.wait()
    assert azure.emulated.vms[1].power.value == "deallocated"


def test_a_stale_etag_is_told_apart_from_the_present_one() -> None:
    azure = desk()
    answer = azure.ask("PATCH", SET, {"sku": {"capacity": 2}}, if_match='"77"')
    present = azure.ask("GET", SET)
    assert (answer.status, answer.code) == (412, "PreconditionFailed")
    assert '"77"' in answer.body["error"]["message"]
    assert present.headers["etag"] in answer.body["error"]["message"]
    assert present.body["etag"] == present.headers["etag"]
