"""ARM refuses a token and asks for another one: the order is sent again within its time, or not at all."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
from azure.core.credentials import AccessTokenInfo, TokenRequestOptions
from clock import ManualClock
from wire.scripted_arm import STALL, SUBSCRIPTION, Asked, Said, ScriptedArm, StaticToken, json_said, ref

from scaler.errors import Unreachable, Unsent
from scaler.vmss.client import Bounds, connect
from scaler.vmss.gates import Gates
from scaler.vmss.scale_set import ArmScaleSet

WITHIN = timedelta(seconds=40)
CLAIMS = b64encode(b'{"access_token":{"nbf":{"essential":true,"value":"1"}}}').decode()
CHALLENGE = json_said(
    {"error": {"code": "InvalidAuthenticationToken", "message": "the token was revoked"}},
    401,
    www_authenticate=f'Bearer realm="", error="insufficient_claims", claims="{CLAIMS}"',
)


@dataclass(frozen=True)
class SlowToken(StaticToken):
    """A credential that takes its time for a token with claims."""

    takes: Callable[[], object] = lambda: None

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        if (options or {}).get("claims"):
            self.takes()
        return super().get_token_info(*scopes, options=options)


@contextmanager
def challenged(seconds: float, then: Said) -> Iterator[tuple[ArmScaleSet, ScriptedArm]]:
    """An ARM that challenges the first order, and a credential that needs so long for the answer."""
    clock = ManualClock()
    asked: list[Asked] = []

    def script(request: Asked) -> Said:
        asked.append(request)
        return CHALLENGE if len(asked) == 1 else then

    token = SlowToken(takes=lambda: clock.advance(timedelta(seconds=seconds)))
    bounds = Bounds(read=timedelta(seconds=0.5))
    with (
        closing(ScriptedArm(script)) as server,
        closing(connect(SUBSCRIPTION, token, endpoint=server.endpoint, bounds=bounds)) as client,
    ):
        yield ArmScaleSet(client, "rg", "Pixels", clock=clock, gates=Gates(clock)), server


@pytest.mark.parametrize(("seconds", "sent"), [(39, 2), (40, 1), (600, 1)])
def test_an_order_is_sent_again_only_while_it_has_time(seconds: float, sent: int) -> None:
    with challenged(seconds, Said(status=202)) as (scale_set, server):
        if sent == 2:
            scale_set.start([ref(1)], within=WITHIN)
        else:
            with pytest.raises(Unsent):
                scale_set.start([ref(1)], within=WITHIN)
        assert [each.method for each in server.asked] == ["POST"] * sent


def test_an_order_that_was_sent_again_and_not_answered_may_have_arrived() -> None:
    with challenged(1, STALL) as (scale_set, _), pytest.raises(Unreachable) as raised:
        scale_set.start([ref(1)], within=WITHIN)
    assert not raised.value.never_sent
