"""How the door is set up: where the token may go, and what a missing identity looks like."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from azure.identity import ManagedIdentityCredential
from clock import ManualClock
from wire.scripted_arm import SUBSCRIPTION, Asked, Said, ScriptedArm, StaticToken, json_said, ref, set_body, wired

from scaler.errors import Refused, Unreachable
from scaler.model.instance import InstanceId, InstanceRef, ScaleSetName
from scaler.vmss.client import connect
from scaler.vmss.credential import managed_identity
from scaler.vmss.gates import Gates
from scaler.vmss.scale_set import ArmScaleSet

MINUTE = timedelta(minutes=1)
TOKEN = {"access_token": "t-1", "expires_in": "3600", "expires_on": "4000000000", "token_type": "Bearer"}


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://management.azure.com",
        "http://127.0.0.1.evil.example",
        "http://localhost@evil.example",
        "http://169.254.169.254",
        "ftp://management.azure.com",
        "https://management.azure.com/path",
        "https://management.azure.com?query",
        "management.azure.com",
        "",
    ],
)
def test_the_token_is_never_sent_in_the_clear_to_another_machine(endpoint: str) -> None:
    with pytest.raises(ValueError, match=r"https|in the clear"):
        connect(SUBSCRIPTION, StaticToken(), endpoint=endpoint)


@pytest.mark.parametrize("endpoint", ["https://management.azure.com", "http://localhost:1", "http://[::1]:1"])
def test_https_and_an_emulator_on_this_machine_are_fine(endpoint: str) -> None:
    with closing(connect(SUBSCRIPTION, StaticToken(), endpoint=endpoint).sdk):
        pass


def test_no_proxy_sees_what_is_sent_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with wired(lambda _: json_said(set_body())) as wire:
        assert wire.scale_set.view().capacity == 3


@pytest.mark.parametrize(("group", "name"), [("", "vmss"), ("rg", ""), ("..", "vmss"), ("rg", "a/b"), ("rg", "a?b")])
def test_names_that_would_lead_elsewhere_are_refused(group: str, name: str) -> None:
    client, clock = connect(SUBSCRIPTION, StaticToken(), endpoint="http://127.0.0.1:1"), ManualClock()
    with closing(client.sdk), pytest.raises(ValueError, match="names"):
        ArmScaleSet(client, group, name, clock=clock, gates=Gates(clock))


@pytest.mark.parametrize("order", ["start", "power_off", "deallocate", "delete"])
def test_no_order_can_mean_all_machines_or_those_of_another_scale_set(order: str) -> None:
    here, elsewhere = ScaleSetName("pixels"), ScaleSetName("others")
    with wired(lambda _: Said(status=202)) as wire:
        for scale_set, instance_id in ((here, "*"), (here, ""), (here, "1/../2"), (here, "1\n"), (elsewhere, "1")):
            wrong = InstanceRef(scale_set=scale_set, instance_id=InstanceId(instance_id), vm_id=ref(1).vm_id)
            with pytest.raises(ValueError, match="not an instance"):
                getattr(wire.scale_set, order)([ref(1), wrong], within=MINUTE)
        with pytest.raises(ValueError, match="no instances"):
            getattr(wire.scale_set, order)([], within=MINUTE)
        assert wire.asked == []


class Identity:
    """An App Service's managed identity, and ARM beside it, on one scripted server."""

    def __init__(self) -> None:
        self.token = json_said(TOKEN)
        self.server = ScriptedArm(self._script)

    def _script(self, asked: Asked) -> Said:
        return self.token if asked.path.startswith("/msi") else json_said(set_body())


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> Iterator[Identity]:
    it = Identity()
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{it.server.endpoint}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "secret")
    with closing(it.server):
        yield it


@pytest.fixture
def scale_set(identity: Identity) -> Iterator[ArmScaleSet]:
    credential, clock = managed_identity("client-1"), ManualClock()
    assert isinstance(credential, ManagedIdentityCredential)
    with closing(credential):
        client = connect(SUBSCRIPTION, credential, endpoint=identity.server.endpoint)
        with closing(client.sdk):
            yield ArmScaleSet(client, "rg", "Pixels", clock=clock, gates=Gates(clock))


def test_the_managed_identity_is_asked_once_for_a_token_for_arm(identity: Identity, scale_set: ArmScaleSet) -> None:
    scale_set.view()
    scale_set.view()
    token, *looks = identity.server.asked
    assert "resource=https://management.azure.com&" in token.path
    assert "client_id=client-1" in token.path
    assert [each.headers["authorization"] for each in looks] == ["Bearer t-1", "Bearer t-1"]


@pytest.mark.parametrize(
    "token",
    [
        json_said({"error": "invalid_request", "error_description": "Identity not found"}, 400),
        json_said({"statusCode": 500, "message": "oh"}, 500),
        json_said({"access_token": "t"}),
        json_said({}),
        json_said([]),
        Said(body=b"<html>", headers={"Content-Type": "text/html"}),
        Said(body=json.dumps(TOKEN).encode()[:-9]),
    ],
)
def test_an_identity_that_gives_no_token_is_refused_and_asked_once(
    token: Said, identity: Identity, scale_set: ArmScaleSet
) -> None:
    identity.token = token
    with pytest.raises(Refused, match="AZURE_CLIENT_ID"):
        scale_set.view()
    assert len(identity.server.asked) == 1


def test_an_identity_endpoint_that_is_away_is_unreachable(identity: Identity, scale_set: ArmScaleSet) -> None:
    identity.server.close()
    with pytest.raises(Unreachable, match="identity endpoint"):
        scale_set.start([ref(1)], within=MINUTE)
