"""How the door is set up: where the token may go, what a missing identity looks like, and what a challenge costs."""

import json
import logging
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta

import pytest
from azure.core.credentials import AccessTokenInfo, TokenRequestOptions
from azure.identity import ManagedIdentityCredential
from clock import ManualClock
from wire.scripted_arm import (
    STALL,
    SUBSCRIPTION,
    Asked,
    Said,
    ScriptedArm,
    StaticToken,
    json_said,
    opened,
    ref,
    set_body,
    wired,
)

from scaler.errors import Refused, Unreachable, Unsent
from scaler.model.instance import InstanceId, InstanceRef, ScaleSetName
from scaler.ports import ScaleSet
from scaler.vmss.client import Bounds, connect
from scaler.vmss.credential import managed_identity
from scaler.vmss.gates import Gates
from scaler.vmss.scale_set import ArmScaleSet

MINUTE = timedelta(minutes=1)
SECRET = "eyJ-a-token-that-nobody-may-read"
TOKEN = {"access_token": SECRET, "expires_in": "3600", "expires_on": "4000000000", "token_type": "Bearer"}


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
    with closing(connect(SUBSCRIPTION, StaticToken(), endpoint=endpoint)):
        pass


@pytest.mark.parametrize(("group", "name"), [("", "vmss"), ("rg", ""), ("..", "vmss"), ("rg", "a/b"), ("rg", "a?b")])
def test_names_that_would_lead_elsewhere_are_refused(group: str, name: str) -> None:
    client, clock = connect(SUBSCRIPTION, StaticToken(), endpoint="http://127.0.0.1:1"), ManualClock()
    with closing(client), pytest.raises(ValueError, match="names"):
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


LOOK_AND_THEN = """
import sys
from wire.test_vmss_client import MINUTE
from wire.scripted_arm import Said, json_said, ref, set_body, wired
with wired(lambda asked: json_said(set_body()) if asked.method == "GET" else Said(status=202)) as wire:
    wire.scale_set.view()
    print("azure.mgmt.compute" in sys.modules)
    {how}
    print("azure.mgmt.compute" in sys.modules, [asked.method for asked in wire.asked])
"""


@pytest.mark.parametrize(
    ("how", "asked"),
    [("wire.scale_set.start([ref(1)], within=MINUTE)", ["GET", "POST"]), ("wire.scale_set.prepare()", ["GET"])],
)
def test_only_an_order_imports_the_models_of_the_sdk_or_whoever_prepares_for_one(how: str, asked: list[str]) -> None:
    paths = [path for path in sys.path if path]
    program = f"import sys; sys.path[:0] = {paths!r}\n{LOOK_AND_THEN.format(how=how)}"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["False", f"True {asked}"]


# ── the identity ────────────────────────────────────────────────────────────────────────────────────────────────────


class Identity:
    """An App Service's managed identity, and ARM beside it, on one scripted server."""

    def __init__(self) -> None:
        self.token = json_said(TOKEN)
        self.server = ScriptedArm(self._script)

    def _script(self, asked: Asked) -> Said:
        if asked.path.startswith("/msi"):
            return self.token
        return json_said(set_body()) if asked.method == "GET" else Said(status=202)


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> Iterator[Identity]:
    """It, and a proxy in the environment that would get to see the token."""
    it = Identity()
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{it.server.endpoint}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "s3cret")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        for each in (name, name.lower()):
            monkeypatch.setenv(each, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with closing(it.server):
        yield it


@pytest.fixture
def scale_set(identity: Identity) -> Iterator[ScaleSet]:
    credential = managed_identity("client-1")
    assert isinstance(credential, ManagedIdentityCredential)
    with closing(credential), opened(identity.server.endpoint, ManualClock(), token=credential) as scale_set:
        yield scale_set


def test_looks_and_orders_share_a_token_for_arm_that_no_proxy_sees(identity: Identity, scale_set: ScaleSet) -> None:
    scale_set.view()
    scale_set.view()
    scale_set.start([ref(1)], within=MINUTE)
    token, *calls = identity.server.asked
    assert "resource=https://management.azure.com&" in token.path
    assert "client_id=client-1" in token.path
    assert [each.headers["authorization"] for each in calls] == [f"Bearer {SECRET}"] * 3


@pytest.mark.parametrize(
    "token",
    [
        json_said({"error": "invalid_request", "error_description": "Identity not found"}, 400),
        json_said({"statusCode": 500, "message": "oh"}, 500),
        json_said({"error": "no", "access_token": SECRET}),
        json_said({"access_token": SECRET}),
        json_said(TOKEN | {"access_token": [SECRET]}),
        json_said(TOKEN | {"access_token": f"{SECRET}\n"}),
        json_said({"access_token": SECRET, "expires_on": "soon"}),
        json_said({"access_token": SECRET, "expires_on": "9" * 400}),
        json_said([SECRET]),
        json_said(SECRET),
        json_said({}),
        Said(body=b"<html>", headers={"content-type": "text/html"}),
        Said(body=json.dumps(TOKEN).encode()[:-9]),
    ],
    ids=lambda said: said.body[:60],
)
def test_an_identity_that_gives_no_token_is_refused_asked_once_and_not_quoted(
    token: Said, identity: Identity, scale_set: ScaleSet, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.ERROR, "azure.identity")  # as function_app.py does
    identity.token = token
    with pytest.raises(Refused, match="AZURE_CLIENT_ID") as refused:
        scale_set.view()
    assert len(identity.server.asked) == 1
    for secret in (SECRET, "s3cret"):
        assert secret not in str(refused.value)
        assert secret not in caplog.text


def test_an_identity_endpoint_that_is_away_is_unreachable(identity: Identity, scale_set: ScaleSet) -> None:
    identity.server.close()
    with pytest.raises(Unreachable, match="identity endpoint"):
        scale_set.start([ref(1)], within=MINUTE)


@pytest.mark.parametrize("odd", ["line\nbreak", "line\r\nX-Evil: yes", " blank ", "", "\u0442oken"])
def test_what_cannot_be_a_token_is_not_sent_and_not_told(odd: str) -> None:
    token = StaticToken(f"s3cret{odd}" if odd else odd)
    with wired(lambda _: pytest.fail("nothing is asked with such a token"), token=token) as wire:
        with pytest.raises(Refused) as refused:
            wire.scale_set.view()
        assert "s3cret" not in str(refused.value)


# ── ARM refuses a token and asks for another one ────────────────────────────────────────────────────────────────────


CLAIMS = b64encode(b'{"access_token":{"nbf":{"essential":true,"value":"1"}}}').decode()


def challenge(said: str) -> Said:
    error = {"error": {"code": "InvalidAuthenticationToken", "message": "the token was revoked"}}
    return json_said(error, 401, www_authenticate=said)


REVOKED = challenge(f'Bearer realm="", error="insufficient_claims", claims="{CLAIMS}"')


@dataclass(frozen=True)
class SlowToken(StaticToken):
    """A credential that takes its time for a token with claims."""

    takes: Callable[[], object] = lambda: None

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        if (options or {}).get("claims"):
            self.takes()
        return super().get_token_info(*scopes, options=options)


@pytest.mark.parametrize(("seconds", "sent"), [(39, 2), (40, 1), (600, 1)])
def test_an_order_is_sent_again_only_while_it_has_time(seconds: float, sent: int) -> None:
    slow = SlowToken(takes=lambda: wire.clock.advance(timedelta(seconds=seconds)))
    answers = iter([REVOKED, Said(status=202)])
    with wired(lambda _: next(answers), token=slow) as wire:
        if sent == 2:
            wire.scale_set.start([ref(1)], within=timedelta(seconds=40))
        else:
            with pytest.raises(Unsent):
                wire.scale_set.start([ref(1)], within=timedelta(seconds=40))
        assert [each.method for each in wire.asked] == ["POST"] * sent


def test_an_order_that_was_sent_again_and_not_answered_may_have_arrived() -> None:
    answers = iter([REVOKED, STALL])
    with wired(lambda _: next(answers), Bounds(read=timedelta(seconds=0.5))) as wire:
        with pytest.raises(Unreachable) as raised:
            wire.scale_set.start([ref(1)], within=MINUTE)
        assert not raised.value.never_sent


@pytest.mark.parametrize("said", ['Bearer claims="!!!", error="insufficient_claims"', "Bearer", "\x7f"])
def test_a_challenge_that_is_none_is_answered_once_at_most(said: str) -> None:
    with wired(lambda _: challenge(said)) as wire:
        with pytest.raises(Refused):
            wire.scale_set.view()
        assert len(wire.asked) <= 2
