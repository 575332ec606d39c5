"""What answers tell about request budgets, as recorded traffic tells it, and what a 429 looks like."""

import json
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta

import pytest
from wire.desk import COMPUTE, FLEXIBLE, NETWORK, SET, Desk, Got, desk

from emulator.behaviour import Fault

VM = f"{SET}/virtualMachines/0"
QUEUED = ["VMScaleSetBatchedVMRequestsSubscriptionMaximum", "VmssQueuedVMOperations"]
MARK = {"properties": {"protectionPolicy": {"protectFromScaleIn": True}}}


def pair(name: str) -> list[str]:
    """The subscription's bucket and the resource's."""
    return [f"{name}SubscriptionMaximum", f"{name}Resource"]


@pytest.mark.parametrize(
    ("method", "target", "body", "names"),
    [
        ("GET", SET, None, pair("GetVMScaleSet")),
        ("GET", f"{SET}/instanceView", None, pair("HighCostGetVMScaleSet")),
        ("GET", f"{SET}/virtualMachines", None, pair("HighCostGetVMScaleSet")),
        ("GET", VM, None, pair("GetVMScaleSetVM")),
        ("GET", f"{VM}/instanceView", None, pair("GetVMScaleSetVM")),
        ("PUT", VM, MARK, [*pair("VMScaleSetActions"), *QUEUED]),
        ("PATCH", SET, {"sku": {"capacity": 3}}, [*pair("VMScaleSetActions"), *QUEUED]),
        ("POST", f"{SET}/start", {"instanceIds": ["0"]}, ["VMScaleSetActionsSubscriptionMaximum", *QUEUED]),
        ("POST", f"{SET}/poweroff", {"instanceIds": ["0"]}, ["DeleteVMScaleSetSubscriptionMaximum", *QUEUED]),
        ("POST", f"{SET}/delete", {"instanceIds": ["0"]}, ["DeleteVMScaleSetVMSubscriptionMaximum", *QUEUED]),
        ("POST", f"{VM}/start", None, pair("VMScaleSetVMActions")),
        ("POST", f"{VM}/simulateEviction", None, pair("VMScaleSetVMActions")),
        ("POST", f"{VM}/deallocate", None, pair("DeleteVMScaleSetVM")),
        ("DELETE", VM, None, pair("DeleteVMScaleSetVM")),
    ],
)
def test_an_answer_names_the_buckets_it_was_charged_to(
    method: str, target: str, body: object, names: list[str]
) -> None:
    answer = desk(capacity=2).ask(method, target, body)
    assert answer.status < 300
    assert list(answer.left) == names


def test_a_mark_takes_from_the_same_bucket_as_a_patch_of_the_capacity() -> None:
    azure = desk(capacity=1)
    azure.ask("PATCH", SET, {"sku": {"capacity": 2}})
    answer = azure.ask("PUT", VM, MARK)
    assert answer.left["VMScaleSetActionsResource"] == 10
    assert answer.headers["x-ms-request-charge"] == "1"


def test_a_patch_without_new_vms_is_charged_for_none() -> None:
    answer = desk().ask("PATCH", SET, {"tags": {"a": "b"}})
    assert (answer.headers["x-ms-request-charge"], answer.left[QUEUED[0]]) == ("0", 6000)


def test_each_page_of_a_listing_costs_a_request_and_says_how_many_vms_it_showed() -> None:
    azure = desk(capacity=5, page_size=2)
    pages, link = [], f"{SET}/virtualMachines"
    while link:
        pages.append(azure.ask("GET", link))
        link = pages[-1].body.get("nextLink")
    assert [each.headers["x-ms-request-charge"] for each in pages] == ["2", "2", "1"]
    assert [each.left["HighCostGetVMScaleSetResource"] for each in pages] == [29, 28, 27]


def _throttled() -> tuple[Desk, Got]:
    azure = desk(metered=True)
    for _ in range(30):
        azure.get(f"{SET}/virtualMachines")
    return azure, azure.ask("GET", f"{SET}/virtualMachines")


def test_a_429_of_compute_has_two_codes_and_a_json_in_its_json() -> None:
    azure, answer = _throttled()
    assert (answer.status, answer.code) == (429, "OperationNotAllowed")
    assert "target" not in answer.body["error"]
    (detail,) = answer.body["error"]["details"]
    assert (detail["code"], detail["target"]) == ("TooManyRequests", "HighCostGetVMScaleSetResource")
    measured = json.loads(detail["message"])
    start, end = (datetime.fromisoformat(measured.pop(each)) for each in ("startTime", "endTime"))
    assert (end, end - start) == (azure.clock.now(), timedelta(minutes=1))
    assert measured == {
        "operationGroup": "HighCostGetVMScaleSetResource",
        "allowedRequestCount": 30,
        "measuredRequestCount": 31,
    }


def test_a_429_says_in_whole_seconds_when_to_come_back_and_keeps_its_word() -> None:
    azure, answer = _throttled()
    assert answer.headers["retry-after"] == "6"
    assert answer.left == {"HighCostGetVMScaleSetResource": 0}
    azure.wait(5)
    assert azure.ask("GET", f"{SET}/virtualMachines").status == 429
    azure.wait(1)
    assert azure.ask("GET", f"{SET}/virtualMachines").status == 200


def test_an_orders_429_by_chance_names_a_bucket_of_its_own_kind() -> None:
    azure = desk()
    azure.emulated.script(Fault.WRITE_THROTTLED, times=2)
    batch, single = azure.order("start", "0"), azure.ask("POST", f"{VM}/deallocate")
    named = [each.body["error"]["details"][0]["target"] for each in (batch, single)]
    assert named == ["VMScaleSetActionsSubscriptionMaximum", "DeleteVMScaleSetVMResource"]


def test_nics_and_public_ips_are_not_counted_as_compute() -> None:
    azure = desk(metered=True)
    for _ in range(100):
        answer = azure.ask("GET", f"{SET}/networkInterfaces")
    assert answer.status == 200
    assert "x-ms-ratelimit-remaining-resource" not in answer.headers


def test_single_machines_of_a_flexible_set_have_budgets_of_their_own() -> None:
    azure = desk(profile=FLEXIBLE)
    machine = f"{COMPUTE}/virtualMachines/{azure.emulated.vms[0].instance_id}"
    assert list(azure.ask("GET", machine).left) == pair("LowCostGet")
    assert list(azure.ask("POST", f"{machine}/deallocate").left) == pair("UpdateVM")
    assert list(azure.ask("DELETE", machine).left) == pair("DeleteVM")
    assert list(azure.ask("GET", f"{COMPUTE}/virtualMachines").left) == ["HighCostGetSubscriptionMaximum"]


# ── the front door ────────────────────────────────────────────────────────────────────────────────────────────────


def token(principal: str, issued: int = 0) -> str:
    """As a managed identity gets it."""
    claims = urlsafe_b64encode(json.dumps({"oid": principal, "iat": issued}).encode()).decode().rstrip("=")
    return f"Bearer e30.{claims}."


@pytest.mark.parametrize(
    ("method", "target", "lane", "own", "shared"),
    [
        ("GET", SET, "reads", 249, 3749),
        ("PATCH", SET, "writes", 199, 2999),
        ("POST", f"{SET}/start", "writes", 199, 2999),
        ("DELETE", VM, "deletes", 199, 2999),
        ("GET", f"{NETWORK}/networkInterfaces", "reads", 249, 3749),
    ],
)
def test_arm_counts_reads_writes_and_deletes_before_it_asks_anybody(
    method: str, target: str, lane: str, own: int, shared: int
) -> None:
    headers = desk().ask(method, target).headers
    left = {name.rpartition("subscription-")[2]: value for name, value in headers.items() if "-subscription-" in name}
    assert left == {lane: str(own), f"global-{lane}": str(shared)}


def test_each_principal_has_its_own_budget_whatever_token_it_brings() -> None:
    azure = desk(metered=True)
    for each in range(250):
        azure.ask("GET", "/subscriptions", authorization=token("one", each))
    refused = azure.ask("GET", "/subscriptions", authorization=token("one"))
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    other = azure.ask("GET", "/subscriptions", authorization=token("two"))
    assert other.headers["x-ms-ratelimit-remaining-subscription-global-reads"] == "3499"


def test_what_arm_turned_away_has_cost_compute_nothing() -> None:
    azure = desk(metered=True)
    for _ in range(250):
        azure.get("/subscriptions")
    assert azure.ask("GET", SET).status == 429
    azure.wait(1)
    assert azure.ask("GET", SET).left["GetVMScaleSetResource"] == 35


def test_a_token_that_nobody_can_read_is_a_principal_by_itself() -> None:
    azure = desk(metered=True)
    azure.ask("GET", SET, authorization="Bearer a.%%%.b")
    assert azure.ask("GET", SET).headers["x-ms-ratelimit-remaining-subscription-reads"] == "249"
