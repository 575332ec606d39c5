"""Microsoft's own client and credentials against the emulator's wire."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import RetryPolicy
from azure.identity import ManagedIdentityCredential
from azure.mgmt.compute import ComputeManagementClient
from clock import ManualClock
from wire.scripted_arm import StaticToken

from emulator.behaviour import Behaviour, Fault, Latencies
from emulator.orders import Scale
from emulator.scale_set import EmulatedScaleSet
from emulator.wire.server import RunningServer, serve
from emulator.wire.site import SUBSCRIPTION, Site
from scaler.model.instance import PowerState

WHERE = ("RG-pixels", "vmss-PIXELS")  # ARM does not mind the case
SCOPE = "https://management.azure.com/.default"


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
        self.client = connect(server, StaticToken())
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


def test_its_instance_view_counts_provisioning_states_only(azure: Azure) -> None:
    view = azure.sets.get_instance_view(*WHERE, enforce_https=False)
    summary = [(each.code, each.count) for each in view.virtual_machine.statuses_summary]
    assert summary == [("ProvisioningState/succeeded", 5)]


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


def test_a_reimaged_vm_goes_down_and_comes_up_with_another_disk_and_its_old_identity(azure: Azure) -> None:
    azure.vms.begin_update(
        *WHERE,
        "1",
        {"properties": {"protectionPolicy": {"protectFromScaleIn": True}}},
        polling=False,
        enforce_https=False,
    )
    azure.wait(60)
    before = azure.listed()
    azure.order("reimage", "0")
    azure.vms.begin_reimage(*WHERE, "1", polling=False, enforce_https=False)
    azure.order("reimage_all", "2")
    azure.wait(1)
    assert [power(each) for each in azure.listed()] == ["stopping"] * 3 + ["running"] * 2
    azure.wait(600)
    after = azure.listed()
    assert [power(each) for each in after] == ["running"] * 5
    assert [each.vm_id for each in after] == [each.vm_id for each in before]
    assert after[1].protection_policy.protect_from_scale_in
    disks = [each.storage_profile.os_disk.name for each in after]
    assert disks == [f"vmss-pixels_{number}_OsDisk_{disk}" for number, disk in enumerate([2, 2, 2, 1, 1])]


def test_a_redeployed_vm_comes_up_elsewhere_with_its_disk_and_its_old_identity(azure: Azure) -> None:
    before, addresses = azure.listed(), [each.public_ip for each in azure.emulated.vms]
    azure.order("redeploy", "0", "1")
    azure.vms.begin_redeploy(*WHERE, "2", polling=False, enforce_https=False)
    azure.wait(1)
    assert [power(each) for each in azure.listed()] == ["stopping"] * 3 + ["running"] * 2
    azure.wait(600)
    after = azure.listed()
    assert [power(each) for each in after] == ["running"] * 5
    assert [(each.vm_id, each.storage_profile.os_disk.name) for each in after] == [
        (each.vm_id, each.storage_profile.os_disk.name) for each in before
    ]
    moved = [each.public_ip != address for each, address in zip(azure.emulated.vms, addresses, strict=True)]
    assert moved == [True] * 3 + [False] * 2


@pytest.mark.parametrize("name", ["reimage", "redeploy"])
def test_a_renewal_is_refused_for_a_vm_that_is_busy_or_not_there(azure: Azure, name: str) -> None:
    azure.order("deallocate", "0")
    for ids, status in ((("0",), 409), (("1", "77"), 400)):
        with pytest.raises(HttpResponseError) as refusal:
            azure.order(name, *ids)
        assert refusal.value.status_code == status
    assert power(azure.listed()[1]) == "running"


def test_calls_are_counted_by_the_controller_in_their_user_agent(azure: Azure) -> None:
    azure.listed()
    azure.order("start", "0")
    assert azure.server.calls.by_caller() == {"starter": 4}
    assert [each.kind for each in azure.server.calls] == ["list", "list", "list", "batch-start"]
    assert {each.by for each in azure.emulated.history if each.what == "start-ordered"} == {"starter"}


# ── the poller needs a clock that goes by itself ──────────────────────────────────────────────────────────────────


@pytest.fixture
def quick() -> Iterator[tuple[EmulatedScaleSet, RunningServer, Any]]:
    emulated = EmulatedScaleSet(lambda: datetime.now(UTC), behaviour=Behaviour().at_speed(1000))
    with serve(emulated) as server:
        client = connect(server, StaticToken())
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


def test_a_managed_identity_of_a_vm_gets_in(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", azure.server.url)
    with ManagedIdentityCredential() as credential, connect(azure.server, credential) as client:
        found: Any = client.virtual_machine_scale_sets.get(*WHERE, enforce_https=False)
    assert found.sku.capacity == 5
