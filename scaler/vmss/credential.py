"""Who the scaler is to Azure: the managed identity, with failures in the scaler's words and no waiting in the SDK."""

from azure.core.credentials import AccessToken, AccessTokenInfo, TokenCredential, TokenRequestOptions
from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from azure.identity import ManagedIdentityCredential

from scaler.errors import Refused, Unreachable

# The identity endpoint is on the same host or one hop away. No retries: the next tick is the retry.
_CONNECT, _READ = 2, 5


def managed_identity(client_id: str | None = None) -> TokenCredential:
    """The user-assigned identity with that client id; without one, the system-assigned identity."""
    return ManagedIdentityCredential(
        client_id=client_id or None, connection_timeout=_CONNECT, read_timeout=_READ, retry_total=0
    )


class Guarded:
    """A credential that raises scaler.errors: an identity that is not there looks like nothing else in the log."""

    def __init__(self, credential: TokenCredential) -> None:
        self._credential = credential

    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        """A token, as the SDK's older protocol asks for it."""
        token = self.get_token_info(*scopes)
        return AccessToken(token.token, token.expires_on)

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """A token. Raises Unreachable when the identity endpoint does not answer, Refused for everything else."""
        try:
            return self._ask(*scopes, options=options or {})
        except (ServiceRequestError, ServiceResponseError) as error:
            raise Unreachable(f"the identity endpoint does not answer: {error}") from error
        except Exception as error:
            remedy = "is a managed identity assigned, and is AZURE_CLIENT_ID its client id?"
            raise Refused(f"no token for Azure: {remedy} {error}", type(error).__name__) from error

    def _ask(self, *scopes: str, options: TokenRequestOptions) -> AccessTokenInfo:
        newer = getattr(self._credential, "get_token_info", None)
        if newer is not None:
            found: AccessTokenInfo = newer(*scopes, options=options)
            return found
        token = self._credential.get_token(*scopes)
        return AccessTokenInfo(token.token, token.expires_on)
