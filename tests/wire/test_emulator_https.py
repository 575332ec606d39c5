"""The emulator's other door: https, with an authority that is made at start, and no key left lying about."""

import json
import socket
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.core.pipeline.policies import RetryPolicy
from azure.identity import ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient
from clock import ManualClock
from wire.scripted_arm import StaticToken

from emulator.behaviour import Behaviour, Latencies
from emulator.orders import Scale
from emulator.scale_set import EmulatedScaleSet
from emulator.wire.server import RunningServer, Tls, secured, serve
from emulator.wire.site import SUBSCRIPTION, TENANT, Site
from scaler.errors import Unreachable
from scaler.model.instance import PowerState
from scaler.vmss.client import connect
from scaler.vmss.gates import Gates
from scaler.vmss.scale_set import ArmScaleSet

WHERE = ("rg-pixels", "vmss-pixels")
SCOPE = "https://management.azure.com/.default"
SET = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-pixels"
    "/providers/Microsoft.Compute/virtualMachineScaleSets/vmss-pixels"
)
TOKEN = {"Authorization": "Bearer any"}


class Doors:
    """A scale set with three VMs on a manual clock, served over both."""

    def __init__(self, clock: ManualClock, emulated: EmulatedScaleSet, server: RunningServer, ca_file: Path) -> None:
        assert server.https_url is not None
        self.clock = clock
        self.emulated = emulated
        self.server = server
        self.ca_file = ca_file
        self.port = urlsplit(server.https_url).port
        self.url = f"https://localhost:{self.port}"

    def get(self, path: str, host: str = "localhost") -> Any:
        """The JSON of a GET over https, by a client that checks all there is to check."""
        trusting = ssl.create_default_context(cafile=str(self.ca_file))
        assert trusting.verify_flags & ssl.VERIFY_X509_STRICT
        with closing(HTTPSConnection(host, self.port, context=trusting, timeout=10)) as connection:
            connection.request("GET", path, headers=TOKEN)
            return json.loads(connection.getresponse().read())

    def sdk(self, credential: Any) -> ComputeManagementClient:
        """Microsoft's client, trusting whom the environment says."""
        return ComputeManagementClient(
            credential,
            SUBSCRIPTION,
            base_url=self.url,
            credential_scopes=[SCOPE],
            retry_policy=RetryPolicy.no_retries(),
            polling_interval=0.02,
        )

    def principal(self, tenant: str, secret: str) -> ClientSecretCredential:
        """A service principal who signs in here."""
        options: dict[str, Any] = {"authority": self.url, "disable_instance_discovery": True}
        return ClientSecretCredential(tenant, "some-client", secret, **options)


@pytest.fixture
def doors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Doors]:
    for each in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(each, raising=False)
    clock = ManualClock()
    emulated = EmulatedScaleSet(clock.now, behaviour=Behaviour(latencies=Latencies().exact()))
    emulated.scale(Scale(capacity=3))
    clock.advance(timedelta(minutes=10))
    ca_file = tmp_path / "ca.pem"
    with serve(emulated, site=Site(page_size=2, stall=0.0), tls=Tls(ca_file=ca_file)) as server:
        yield Doors(clock, emulated, server, ca_file)


def trust(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an operator makes Python's clients trust the emulator."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(doors.ca_file))


# ── certificates ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_who_trusts_the_authority_is_let_in(doors: Doors, host: str) -> None:
    assert doors.get(SET, host)["name"] == "vmss-pixels"


# ── one site, two doors ───────────────────────────────────────────────────────────────────────────────────────────


def test_both_doors_lead_to_one_site_and_are_logged_in_one_log(doors: Doors) -> None:
    with closing(HTTPConnection(urlsplit(doors.server.url).netloc, timeout=10)) as plain:
        plain.request("POST", f"{SET}/deallocate", body=b'{"instanceIds": ["1"]}', headers=TOKEN)
        assert plain.getresponse().status == 202
    doors.clock.advance(timedelta(minutes=2))
    view = doors.get(f"{SET}/virtualMachines/1/instanceView")
    assert view["statuses"][1]["code"] == "PowerState/deallocated"
    assert [each.kind for each in doors.server.calls] == ["batch-deallocate", "get-vm"]


def test_https_is_there_only_if_it_is_asked_for() -> None:
    with serve(EmulatedScaleSet(ManualClock().now)) as server:
        assert server.https_url is None


def test_who_talks_plain_http_to_the_https_port_harms_nobody(doors: Doors, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(HTTPConnection("127.0.0.1", doors.port, timeout=10)) as lost:
        lost.request("GET", SET, headers=TOKEN)
        with pytest.raises(OSError, match=r".*"):
            lost.getresponse()
    assert doors.get(SET)["name"] == "vmss-pixels"
    doors.server.close()
    assert capsys.readouterr().err == ""


def test_who_connects_and_says_nothing_keeps_nobody_waiting(doors: Doors) -> None:
    with socket.create_connection(("127.0.0.1", doors.port)):
        assert doors.get(SET)["name"] == "vmss-pixels"


def test_an_ipv6_address_will_do_where_there_is_one(tmp_path: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback address")
    with serve(EmulatedScaleSet(ManualClock().now), "::1", tls=Tls(ca_file=tmp_path / "ca.pem")) as server:
        assert server.https_url is not None
        assert server.https_url.startswith("https://[::1]:")
        trusting = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        port = urlsplit(server.https_url).port
        with closing(HTTPSConnection("::1", port, context=trusting, timeout=10)) as connection:
            connection.request("GET", SET, headers=TOKEN)
            assert connection.getresponse().status == 200


# ── the SDK and the scaler ────────────────────────────────────────────────────────────────────────────────────────


def test_the_sdk_works_over_https_as_over_azures(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    trust(doors, monkeypatch)
    with doors.sdk(StaticToken()) as client:
        vms: Any = client.virtual_machine_scale_set_vms
        assert [each.instance_id for each in vms.list(*WHERE, expand="instanceView")] == ["0", "1", "2"]
        sets: Any = client.virtual_machine_scale_sets
        poller = sets.begin_deallocate(*WHERE, {"instanceIds": ["0"]})
        doors.clock.advance(timedelta(minutes=2))
        poller.result(20)
    assert doors.emulated.vms[0].power is PowerState.DEALLOCATED


def test_without_trust_no_token_is_sent(doors: Doors) -> None:
    with doors.sdk(StaticToken()) as client, pytest.raises(ServiceRequestError, match="CERTIFICATE_VERIFY_FAILED"):
        client.virtual_machine_scale_sets.get(*WHERE)
    assert len(doors.server.calls) == 0


def test_a_service_principal_signs_in_over_https(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    trust(doors, monkeypatch)
    with doors.principal(TENANT, "local-secret") as credential, doors.sdk(credential) as client:
        assert client.virtual_machine_scale_sets.get(*WHERE).sku is not None
    assert [each.kind for each in doors.server.calls] == ["directory", "token", "get-set"]


@pytest.mark.parametrize(
    ("tenant", "secret", "said"),
    [(TENANT, "wrong", "AADSTS7000215"), (SUBSCRIPTION, "local-secret", "check your tenant")],
)
def test_a_wrong_secret_and_a_strange_tenant_get_no_token(
    doors: Doors, monkeypatch: pytest.MonkeyPatch, tenant: str, secret: str, said: str
) -> None:
    trust(doors, monkeypatch)
    with doors.principal(tenant, secret) as credential, pytest.raises(ClientAuthenticationError, match=said):
        credential.get_token(SCOPE)


@pytest.fixture
def scale_set(doors: Doors) -> Iterator[ArmScaleSet]:
    """The scaler's own door, as AZURE_RESOURCE_MANAGER_URL=https://localhost:… makes it."""
    client = connect(SUBSCRIPTION, StaticToken(), endpoint=doors.url)
    clock = ManualClock()
    with closing(client.sdk):
        yield ArmScaleSet(client, *WHERE, clock=clock, gates=Gates(clock))


def test_the_scalers_own_door_works_over_https(
    doors: Doors, scale_set: ArmScaleSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(doors, monkeypatch)
    assert scale_set.view().capacity == 3
    pages = scale_set.list_instances()
    assert [each.ref.instance_id for each in pages.instances] == ["0", "1", "2"]
    scale_set.deallocate([pages.instances[1].ref], within=timedelta(minutes=1))
    assert doors.emulated.vms[1].power is PowerState.DEALLOCATING


def test_without_trust_the_scaler_finds_azure_unreachable(doors: Doors, scale_set: ArmScaleSet) -> None:
    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
        scale_set.view()
    assert len(doors.server.calls) == 0


def test_the_certificate_is_for_the_loopback_names_and_the_host_and_for_nobody_else() -> None:
    shown = secured(["azure.local", "192.0.2.7"])
    assert all(_accepted(shown.authority, shown.context, host) for host in ("localhost", "127.0.0.1", "::1"))
    assert all(_accepted(shown.authority, shown.context, host) for host in ("azure.local", "192.0.2.7"))
    assert not any(_accepted(shown.authority, shown.context, host) for host in ("azure.remote", "192.0.2.8"))
    assert not _accepted(secured().authority, shown.context, "localhost")


def _accepted(authority: bytes, context: ssl.SSLContext, host: str) -> bool:
    """A handshake in memory."""
    client_in, client_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    trusting = ssl.create_default_context(cadata=authority.decode())
    client = trusting.wrap_bio(client_in, client_out, server_hostname=host)
    server = context.wrap_bio(client_out, client_in, server_side=True)
    for side in (client, server, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLCertVerificationError:
            return False
    return client.version() is not None


def test_no_key_is_left_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch, ca_file = tmp_path / "scratch", tmp_path / "ca.pem"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    with serve(EmulatedScaleSet(ManualClock().now), tls=Tls(ca_file=ca_file)):
        assert list(scratch.iterdir()) == []
        written = ca_file.read_text()
    assert written.count("BEGIN CERTIFICATE") == 1
    assert "KEY" not in written
