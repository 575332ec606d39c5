"""The token in hand while the identity endpoint is away: until it ends, and not a moment longer."""

from time import time

import pytest
from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.identity import CredentialUnavailableError

from scaler.errors import Refused, Unreachable
from scaler.vmss.credential import Guarded

ARM, REDIS = "https://management.azure.com/.default", "https://redis.azure.com/.default"


class Scripted:
    """Implements azure.core.credentials.TokenCredential: gives what it is told to give, time after time."""

    def __init__(self, gives: AccessTokenInfo | Exception) -> None:
        self.gives = gives
        self.asked = 0

    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        """As the older protocol has it."""
        token = self.get_token_info(*scopes)
        return AccessToken(token.token, token.expires_on)

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """The next."""
        self.asked += 1
        if isinstance(self.gives, Exception):
            raise self.gives
        return self.gives


def token(left: int, *, due_in: int | None = None) -> AccessTokenInfo:
    """One that ends in so many seconds."""
    now = int(time())
    return AccessTokenInfo(f"t-{left}", now + left, refresh_on=None if due_in is None else now + due_in)


AWAY = ServiceRequestError("connection refused")


def test_a_token_serves_while_the_endpoint_is_away() -> None:
    credential = Scripted(token(100))
    guarded = Guarded(credential)
    guarded.get_token(ARM)
    credential.gives = AWAY
    assert guarded.get_token_info(ARM).token == "t-100"
    credential.gives = token(200)
    assert guarded.get_token_info(ARM).token == "t-200"


def test_a_token_that_has_ended_serves_nobody() -> None:
    credential = Scripted(token(-1))
    guarded = Guarded(credential)
    guarded.get_token(ARM)
    credential.gives = AWAY
    with pytest.raises(Unreachable, match="identity endpoint"):
        guarded.get_token(ARM)


def test_a_token_for_one_is_no_token_for_another() -> None:
    credential = Scripted(token(100))
    guarded = Guarded(credential)
    guarded.get_token(ARM)
    credential.gives = AWAY
    with pytest.raises(Unreachable):
        guarded.get_token(REDIS)


def test_a_token_that_arm_has_refused_is_not_given_again() -> None:
    credential = Scripted(token(100))
    guarded = Guarded(credential)
    guarded.get_token_info(ARM)
    credential.gives = AWAY
    with pytest.raises(Unreachable):
        guarded.get_token_info(ARM, options={"claims": "revoked", "enable_cae": True})


def test_a_token_that_is_due_is_asked_for_once_a_minute_and_not_on_every_call() -> None:
    guarded = Guarded(Scripted(token(1000, due_in=-1)))
    due = guarded.get_token_info(ARM).refresh_on
    assert due is not None
    assert 50 < due - time() <= 60
    untouched = token(1000, due_in=500)
    assert Guarded(Scripted(untouched)).get_token_info(ARM) is untouched


def test_silence_is_told_from_a_refusal_however_deep_it_lies() -> None:
    try:
        raise CredentialUnavailableError("no response from the IMDS endpoint.") from AWAY
    except CredentialUnavailableError as wrapped:
        with pytest.raises(Unreachable, match="identity endpoint does not answer: no response from the IMDS"):
            Guarded(Scripted(wrapped)).get_token(ARM)
    with pytest.raises(Refused, match="AZURE_CLIENT_ID"):
        Guarded(Scripted(ClientAuthenticationError("Identity not found"))).get_token(ARM)
