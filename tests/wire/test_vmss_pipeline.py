"""One pipeline for looks and orders, and the SDK's models only for those who order."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest
from azure.core.credentials import AccessTokenInfo, TokenCredential, TokenRequestOptions
from clock import ManualClock
from wire.scripted_arm import SUBSCRIPTION, Asked, Said, ScriptedArm, StaticToken, json_said, ref, set_body

from scaler.vmss.client import connect
from scaler.vmss.gates import Gates
from scaler.vmss.scale_set import ArmScaleSet

LOOK_AND_THEN = """
import sys
from wire.test_vmss_pipeline import MINUTE, CountingToken, connected
from wire.scripted_arm import ref
with connected(CountingToken()) as (scale_set, server):
    scale_set.view()
    print("azure.mgmt.compute" in sys.modules)
    {how}
    print("azure.mgmt.compute" in sys.modules, [asked.method for asked in server.asked])
"""
MINUTE = timedelta(minutes=1)


class CountingToken(StaticToken):
    """A credential that knows how often it was asked."""

    asked = 0

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        type(self).asked += 1
        return super().get_token_info(*scopes, options=options)


def accepting(asked: Asked) -> Said:
    return json_said(set_body()) if asked.method == "GET" else Said(status=202)


@contextmanager
def connected(credential: TokenCredential) -> Iterator[tuple[ArmScaleSet, ScriptedArm]]:
    """A scale set of which nothing has been asked yet."""
    clock = ManualClock()
    with (
        closing(ScriptedArm(accepting)) as server,
        closing(connect(SUBSCRIPTION, credential, endpoint=server.endpoint)) as client,
    ):
        yield ArmScaleSet(client, "rg", "Pixels", clock=clock, gates=Gates(clock)), server


@pytest.mark.parametrize(
    ("how", "asked"), [("scale_set.start([ref(1)], within=MINUTE)", ["GET", "POST"]), ("scale_set.prepare()", ["GET"])]
)
def test_only_an_order_imports_the_models_of_the_sdk_or_whoever_prepares_for_one(how: str, asked: list[str]) -> None:
    paths = [path for path in sys.path if path]
    program = f"import sys; sys.path[:0] = {paths!r}\n{LOOK_AND_THEN.format(how=how)}"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["False", f"True {asked}"]


def test_looks_and_orders_share_their_token() -> None:
    credential = CountingToken()
    with connected(credential) as (scale_set, _):
        scale_set.view()
        scale_set.start([ref(1)], within=MINUTE)
    assert credential.asked == 1
