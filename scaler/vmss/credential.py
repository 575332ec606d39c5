"""Who the scaler is to Azure: the managed identity, with failures in the scaler's words and no waiting in the SDK."""

import re
from collections.abc import Iterator
from time import time

from azure.core.credentials import AccessToken, AccessTokenInfo, TokenCredential, TokenRequestOptions
from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from azure.identity import ManagedIdentityCredential

from scaler.errors import Refused, ScalerError, Unreachable

# The identity endpoint is on the same host or one hop away. No retries: the next tick is the retry.
_CONNECT, _READ = 2, 5
_TOKEN = re.compile(r"[!-~]+")
_ASK_AGAIN = 60  # seconds; azure-core asks on every call for a token that is due, even of an endpoint that is silent


def managed_identity(client_id: str | None = None) -> TokenCredential:
    """The user-assigned identity with the client id; without a client id, the system-assigned identity."""
    return ManagedIdentityCredential(
        client_id=client_id or None,
        connection_timeout=_CONNECT,
        read_timeout=_READ,
        retry_total=0,
        use_env_settings=False,  # HTTP_PROXY would see the token: the endpoint is on this host, and speaks plain http
    )


class Guarded:
    """A credential that raises scaler.errors: the log tells a missing identity from every other failure.

    The token is kept: an identity endpoint that is away costs nothing before the token ends.
    """

    def __init__(self, credential: TokenCredential) -> None:
        self._credential = credential
        self._held: dict[tuple[str, ...], AccessTokenInfo] = {}

    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        """A token, as the SDK's older protocol asks for it."""
        token = self.get_token_info(*scopes)
        return AccessToken(token.token, token.expires_on)

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """A token. Raises Unreachable when the identity endpoint does not answer, Refused for everything else."""
        wanted = options or {}
        try:
            found = self._ask(*scopes, options=wanted)
        except Exception as error:
            held = self._held.get(scopes)
            if held is None or held.expires_on <= time() or wanted.get("claims"):  # claims: ARM refuses the held one
                raise _in_our_words(error) from error
            found = held
        self._held[scopes] = _unhurried(found)
        return self._held[scopes]

    def _ask(self, *scopes: str, options: TokenRequestOptions) -> AccessTokenInfo:
        newer = getattr(self._credential, "get_token_info", None)
        if newer is not None:
            found: AccessTokenInfo = newer(*scopes, options=options)
        else:
            token = self._credential.get_token(*scopes)
            found = AccessTokenInfo(token.token, token.expires_on)
        if not _TOKEN.fullmatch(found.token):  # the HTTP library would tell the log what it cannot send
            raise ValueError("what came is no token")
        return found


def _unhurried(token: AccessTokenInfo) -> AccessTokenInfo:
    """The token, with a new time to ask again: a due token without a successor must not cause a request per call."""
    now = int(time())
    if token.refresh_on is None or token.refresh_on > now:
        return token
    return AccessTokenInfo(token.token, token.expires_on, token_type=token.token_type, refresh_on=now + _ASK_AGAIN)


def _in_our_words(error: Exception) -> ScalerError:
    if isinstance(error, ScalerError):  # a credential that knows better what is missing
        return error
    if any(isinstance(cause, ServiceRequestError | ServiceResponseError) for cause in _causes(error)):
        return Unreachable(f"the identity endpoint does not answer: {error}")
    remedy = "is a managed identity assigned, and is AZURE_CLIENT_ID its client id?"
    told, _, _ = str(error).partition("\nContent: ")  # behind it the SDK quotes what it cannot read: perhaps a token
    return Refused(f"no token for Azure: {remedy} {told}", type(error).__name__)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and its causes: the SDK wraps a silent metadata service as "no identity"."""
    while error is not None:
        yield error
        error = error.__cause__
