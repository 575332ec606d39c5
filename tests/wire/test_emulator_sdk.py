"""Microsoft's own client and credentials against the emulator's wire."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.core.credentials import AccessToken
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceResponseError,
)
from azure.core.pipeline.policies import RetryPolicy
from azure.core.rest import HttpRequest
from azure.identity import CredentialUnavailableError, ManagedIdentityCredential
from azure.mgmt.compute import ComputeManagementClient
from clock import ManualClock

from emulator.behaviour import Behaviour, Fault, Latencies
from emulator.orders import OrderKind, Scale
from emulator.scale_set import EmulatedScaleSet
from emulator.wire.server import RunningServer, serve
from emulator.wire.site import SUBSCRIPTION, Site
from scaler.model.instance import PowerState

WHERE = ("RG-pixels", "vmss-PIXELS")  # ARM does not mind the case
SCOPE = "https://management.azure.com/.default"


class AnyToken:
    """A credential that needs no identity endpoint."""

    def get_token(self, *_scopes: str, **_: Any) -> AccessToken:
        """Any token will do."""
        return AccessToken("any", 4_102_444_800)

    def close(self) -> None:
        """Nothing to close."""


def connect(server: RunningServer, credential: Any) -> ComputeManagementClient:
    """The client as the scaler will use it: no retries, a name in the User-Agent."""
    return ComputeManagementClient(
        credential,
        SUBSCRIPTION,
        base_url=server.url,
        credential_scopes=[SCOPE],
        retry_policy=RetryPolicy.no_retries(),
        user_agent="scaler-starter",
        polling_interval=0.02,
    )


class Azure:
    """A scale set with some running VMs on a manual clock, its wire, and a client."""

    def __init__(self, clock: ManualClock, emulated: EmulatedScaleSet, server: RunningServer) -> None:
        self.clock = clock
        self.emulated = emulated
        self.server = server
        self.client = connect(server, AnyToken())
        self.sets: Any = self.client.virtual_machine_scale_sets
        self.vms: Any = self.client.virtual_machine_scale_set_vms

    def wait(self, seconds: float) -> None:
        """Let time pass in Azure."""
        self.clock.advance(timedelta(seconds=seconds))

    def listed(self) -> list[Any]:
        """All VMs with their instance view."""
        return list(self.vms.list(*WHERE, expand="instanceView", enforce_https=False))

    def order(self, name: str, *ids: str) -> Any:
        """A batch, fired and forgotten."""
        begin = getattr(self.sets, f"begin_{name}")
        return begin(*WHERE, {"instanceIds": list(ids)}, polling=False, enforce_https=False)


@pytest.fixture
def azure() -> Iterator[Azure]:
    clock = ManualClock()
    emulated = EmulatedScaleSet(clock.now, behaviour=Behaviour(latencies=Latencies().exact()))
    emulated.scale(Scale(capacity=5))
    clock.advance(timedelta(minutes=10))
    with serve(emulated, site=Site(page_size=2, stall=0.0)) as server:
        made = Azure(clock, emulated, server)
        yield made
        made.client.close()


def power(vm: Any) -> str:
    """The suffix of its PowerState code."""
    codes = [each.code for each in vm.instance_view.statuses]
    return next((code.removeprefix("PowerState/") for code in codes if code.startswith("PowerState/")), "")


def test_a_listing_follows_its_pages_and_shows_power_states(azure: Azure) -> None:
    azure.emulated.order(OrderKind.DEALLOCATE, ["1"])
    azure.wait(60)
    rows = azure.listed()
    assert [each.instance_id for each in rows] == ["0", "1", "2", "3", "4"]
    assert [power(each) for each in rows] == ["running", "deallocated", "running", "running", "running"]
    assert [each.vm_id for each in rows] == [each.vm_id for each in azure.emulated.vms]
    assert azure.server.calls.by_kind()["list"] == 3


def test_without_expand_a_listing_has_no_power_states(azure: Azure) -> None:
    rows = list(azure.vms.list(*WHERE, enforce_https=False))
    assert {each.instance_view for each in rows} == {None}


def test_a_failed_vm_says_why_and_has_no_power_state(azure: Azure) -> None:
    azure.emulated.script(Fault.CREATE_ALLOCATION)
    azure.emulated.scale(Scale(capacity=6))
    azure.wait(600)
    vm = azure.vms.get(*WHERE, "5", expand="instanceView", enforce_https=False)
    assert (vm.provisioning_state, power(vm)) == ("Failed", "")
    assert vm.instance_view.statuses[0].code == "ProvisioningState/failed/AllocationFailed"


def test_the_scale_set_has_what_the_scaler_reads(azure: Azure) -> None:
    found = azure.sets.get(*WHERE, enforce_https=False)
    assert (found.sku.capacity, found.tags["scaler:managed"]) == (5, "true")
    assert found.unique_id == azure.emulated.set_state.unique_id
    assert found.etag == '"2"'


def test_its_instance_view_counts_provisioning_states_only(azure: Azure) -> None:
    view = azure.sets.get_instance_view(*WHERE, enforce_https=False)
    summary = [(each.code, each.count) for each in view.virtual_machine.statuses_summary]
    assert summary == [("ProvisioningState/succeeded", 5)]


@pytest.mark.parametrize(
    ("name", "after"),
    [("deallocate", PowerState.DEALLOCATED), ("power_off", PowerState.STOPPED), ("restart", PowerState.RUNNING)],
)
def test_a_batch_does_what_it_says_to_the_named(azure: Azure, name: str, after: PowerState) -> None:
    azure.order(name, "0", "3")
    azure.wait(90)
    running = PowerState.RUNNING
    assert [each.power for each in azure.emulated.vms] == [after, running, running, after, running]


def test_a_batch_start_and_a_batch_delete(azure: Azure) -> None:
    azure.order("deallocate", "0", "1")
    azure.wait(60)
    azure.order("start", "0")
    azure.order("delete_instances", "1", "2")
    azure.wait(120)
    assert [(each.instance_id, power(each)) for each in azure.listed()] == [
        ("0", "running"),
        ("3", "running"),
        ("4", "running"),
    ]
    assert azure.sets.get(*WHERE, enforce_https=False).sku.capacity == 3


@pytest.mark.parametrize("body", [None, {"instanceIds": []}, {"instanceIds": ["*"]}])
def test_no_ids_are_all_ids(azure: Azure, body: dict[str, list[str]] | None) -> None:
    azure.sets.begin_deallocate(*WHERE, body, polling=False, enforce_https=False)
    azure.wait(60)
    assert {each.power for each in azure.emulated.vms} == {PowerState.DEALLOCATED}


def test_one_dead_id_rejects_the_batch_and_is_named(azure: Azure) -> None:
    with pytest.raises(HttpResponseError) as refusal:
        azure.order("deallocate", "0", "1181")
    assert refusal.value.status_code == 400
    assert refusal.value.error is not None
    assert (refusal.value.error.code, refusal.value.error.target) == ("InvalidParameter", "instanceIds")
    assert "instanceId 1181 is not an active Virtual Machine Scale Set VM instanceId" in str(refusal.value)


def test_the_routes_of_one_vm(azure: Azure) -> None:
    def act(name: str, instance_id: str) -> None:
        getattr(azure.vms, f"begin_{name}")(*WHERE, instance_id, polling=False, enforce_https=False)

    act("deallocate", "0")
    act("power_off", "1")
    act("delete", "2")
    act("delete", "77")
    azure.wait(60)
    act("start", "0")
    azure.vms.simulate_eviction(*WHERE, "4", enforce_https=False)
    azure.wait(120)
    assert [(each.instance_id, each.power) for each in azure.emulated.vms] == [
        ("0", PowerState.RUNNING),
        ("1", PowerState.STOPPED),
        ("3", PowerState.RUNNING),
        ("4", PowerState.DEALLOCATED),
    ]


def test_a_capacity_is_patched_over_the_etag_that_was_read(azure: Azure) -> None:
    found = azure.sets.get(*WHERE, enforce_https=False)
    sku = {"sku": {"name": found.sku.name, "tier": found.sku.tier, "capacity": 7}}

    def patch() -> Any:
        return azure.sets.begin_update(
            *WHERE,
            sku,
            etag=found.etag,
            match_condition=MatchConditions.IfNotModified,
            polling=False,
            enforce_https=False,
        )

    answered = patch().result()
    assert (answered.sku.capacity, answered.provisioning_state) == (7, "Updating")
    assert len(azure.emulated.vms) == 7
    with pytest.raises(ResourceModifiedError) as refusal:
        patch()
    assert refusal.value.error is not None
    assert refusal.value.error.code == "PreconditionFailed"


def test_a_sparse_put_scales_as_the_command_line_client_does(azure: Azure) -> None:
    sku = {"name": "Standard_NV36ads_A10_v5", "tier": "Standard", "capacity": 6}
    body = {"location": "West Europe", "sku": sku}
    azure.sets.begin_create_or_update(*WHERE, body, polling=False, enforce_https=False)
    assert azure.emulated.capacity == 6


def test_a_mark_is_put_and_shows_in_every_listing(azure: Azure) -> None:
    body = {"properties": {"protectionPolicy": {"protectFromScaleIn": True}}}

    def put(etag: str) -> Any:
        return azure.vms.begin_update(
            *WHERE,
            "3",
            body,
            etag=etag,
            match_condition=MatchConditions.IfNotModified,
            polling=False,
            enforce_https=False,
        )

    etag = azure.listed()[3].etag
    assert put(etag).result().protection_policy.protect_from_scale_in
    policies = [each.protection_policy for each in azure.listed()]
    assert [bool(each and each.protect_from_scale_in) for each in policies] == [False, False, False, True, False]
    with pytest.raises(ResourceModifiedError):
        put(etag)


def test_a_vm_and_a_scale_set_that_are_not_there_are_404(azure: Azure) -> None:
    with pytest.raises(ResourceNotFoundError):
        azure.vms.get(*WHERE, "77", enforce_https=False)
    with pytest.raises(ResourceNotFoundError):
        azure.sets.get("rg-pixels", "vmss-others", enforce_https=False)
    with pytest.raises(ResourceNotFoundError) as missing:
        azure.sets.get("rg-others", "vmss-pixels", enforce_https=False)
    assert missing.value.error is not None
    assert missing.value.error.code == "ResourceGroupNotFound"


def test_a_throttled_call_carries_retry_after_and_the_double_code(azure: Azure) -> None:
    azure.emulated.script(Fault.WRITE_THROTTLED)
    with pytest.raises(HttpResponseError) as refusal:
        azure.order("start", "0")
    error: Any = refusal.value
    assert error.status_code == 429
    assert int(error.response.headers["Retry-After"]) >= 5
    assert error.error.code == "OperationNotAllowed"
    assert error.error.details[0].code == "TooManyRequests"


def test_an_order_without_an_answer_is_a_broken_connection(azure: Azure) -> None:
    azure.emulated.script(Fault.ANSWER_LOST)
    with pytest.raises(ServiceResponseError):
        azure.order("deallocate", "0")
    assert azure.emulated.vms[0].power is PowerState.DEALLOCATING


def test_calls_are_counted_by_the_controller_in_their_user_agent(azure: Azure) -> None:
    azure.listed()
    azure.order("start", "0")
    assert azure.server.calls.by_caller() == {"starter": 4}
    assert [each.kind for each in azure.server.calls] == ["list", "list", "list", "batch-start"]
    assert {each.by for each in azure.emulated.history if each.what == "start-ordered"} == {"starter"}


def test_headers_tell_what_is_left_of_the_budgets(azure: Azure) -> None:
    seen: list[Any] = []
    list(azure.vms.list(*WHERE, raw_response_hook=seen.append, enforce_https=False))
    headers = seen[-1].http_response.headers
    remaining = headers["x-ms-ratelimit-remaining-resource"].split(",")
    assert remaining[1] == "Microsoft.Compute/HighCostGetVMScaleSetResource;27"
    assert headers["x-ms-request-charge"] == "1"


def test_an_operation_can_be_asked_about_by_its_url(azure: Azure) -> None:
    begun = azure.sets.begin_deallocate(
        *WHERE, {"instanceIds": ["0"]}, polling=False, cls=lambda answer, _d, _h: answer, enforce_https=False
    ).result()
    url = begun.http_response.headers["Azure-AsyncOperation"]

    def status() -> Any:
        return azure.client._client.send_request(HttpRequest("GET", url), enforce_https=False).json()

    assert status()["status"] == "InProgress"
    azure.wait(60)
    assert status()["status"] == "Succeeded"
    assert "endTime" in status()


# ── the poller needs a clock that goes by itself ──────────────────────────────────────────────────────────────────


@pytest.fixture
def quick() -> Iterator[tuple[EmulatedScaleSet, RunningServer, Any]]:
    emulated = EmulatedScaleSet(lambda: datetime.now(UTC), behaviour=Behaviour().at_speed(1000))
    with serve(emulated) as server:
        client = connect(server, AnyToken())
        yield emulated, server, client.virtual_machine_scale_sets
        client.close()


def test_the_default_poller_waits_for_capacity_and_for_a_start(
    quick: tuple[EmulatedScaleSet, RunningServer, Any],
) -> None:
    emulated, _, sets = quick
    grown = sets.begin_update(*WHERE, {"sku": {"capacity": 2}}, enforce_https=False).result(20)
    assert (grown.provisioning_state, grown.sku.capacity) == ("Succeeded", 2)
    sets.begin_deallocate(*WHERE, {"instanceIds": ["1"]}, enforce_https=False).result(20)
    sets.begin_start(*WHERE, {"instanceIds": ["1"]}, enforce_https=False).result(20)
    assert [each.power for each in emulated.vms] == [PowerState.RUNNING] * 2


def test_the_default_poller_raises_what_an_operation_came_to(
    quick: tuple[EmulatedScaleSet, RunningServer, Any],
) -> None:
    emulated, _, sets = quick
    emulated.script(Fault.CREATE_ALLOCATION)
    with pytest.raises(HttpResponseError) as failure:
        sets.begin_update(*WHERE, {"sku": {"capacity": 1}}, enforce_https=False).result(20)
    assert failure.value.error is not None
    assert failure.value.error.code == "AllocationFailed"


# ── identity ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_managed_identity_of_app_service_gets_in(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{azure.server.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "local-secret")
    with ManagedIdentityCredential() as credential, connect(azure.server, credential) as client:
        found: Any = client.virtual_machine_scale_sets.get(*WHERE, enforce_https=False)
    assert found.sku.capacity == 5


def test_a_wrong_identity_header_gets_no_token(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{azure.server.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    with (
        ManagedIdentityCredential() as credential,
        pytest.raises((CredentialUnavailableError, ClientAuthenticationError)),
    ):
        credential.get_token(SCOPE)


def test_a_managed_identity_of_a_vm_gets_in(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", azure.server.url)
    with ManagedIdentityCredential() as credential, connect(azure.server, credential) as client:
        found: Any = client.virtual_machine_scale_sets.get(*WHERE, enforce_https=False)
    assert found.sku.capacity == 5
