"""Signing in to Redis with Entra ID tokens: a newer token in time, and then connections that are made with it.

docs/decisions/0008 says why no library renews the tokens.
"""

from collections.abc import Callable
from threading import Lock, Thread
from time import time
from typing import Any

import redis
from azure.core.credentials import TokenCredential
from redis import exceptions
from redis.auth.token import JWToken
from redis.credentials import CredentialProvider

from scaler.errors import Refused, ScalerError
from scaler.registry.auth import Client, reconnect
from scaler.registry.failures import Explained

SCOPE = "https://redis.azure.com/.default"
"""Whom the tokens are for: every Redis of Azure's."""
RENEW_AT = 0.4
"""The share of a token's remaining life after which another token is asked for, again and again. azure-identity hands
out the old token until 5 minutes before its end, so a new token has at least 3 minutes left, as Azure wants."""
AGAIN = 5.0
"""Seconds until a renewal that failed is tried again."""


def connect_as(
    identity: TokenCredential, url: str, manners: dict[str, Any], report: Callable[[Exception], None]
) -> redis.Redis:
    """A client that signs in as an identity, at every new connection.

    `report` is called by the thread that renews a token. The log of that thread never reaches Azure: the Functions
    host drops a record without a running invocation.
    """
    signing_in = SigningIn(identity, report)
    options = manners | {"credential_provider": signing_in, "redis_connect_func": signing_in.introduce}
    return Client.from_pool(_Pool.from_url(url, **options))


class _Pool(redis.ConnectionPool):
    def get_connection(self, *args: Any, **options: Any) -> Any:
        self.connection_kwargs["credential_provider"].renew(self)
        return super().get_connection(*args, **options)


class SigningIn(CredentialProvider):
    """The identity's token. Taking a connection begins a due renewal, and does not wait for the new token."""

    def __init__(self, identity: TokenCredential, report: Callable[[Exception], None]) -> None:
        self._identity = identity
        self._report = report
        self._held: JWToken | None = None
        self._renew_at = 0.0  # of the host's clock
        self._renewing = Lock()
        self._failing = False

    def get_credentials(self) -> tuple[str, str]:
        """Object id and token for a new connection. A silent endpoint is waited for by all at once and not in turn."""
        try:
            token = self._held if self._held is not None and not self._held.is_expired() else self._asked()
        except ScalerError as error:
            raise Explained(error) from error
        return token.try_get("oid"), token.get_value()

    def introduce(self, connection: redis.Connection) -> None:
        """Sign a new connection in as redis-py does; the error of a refused token names the identity."""
        try:
            connection.on_connect()  # type: ignore[no-untyped-call]
        except exceptions.AuthenticationError as error:
            stranger = (
                f"Redis at {connection.host}:{connection.port} refuses the identity with object id"
                f" {self.get_credentials()[0]}: assign it to this Redis (a user of that name, a data access policy), or"
                f" check AZURE_CLIENT_ID; an assignment takes minutes to work ({error})"
            )
            raise Explained(Refused(stranger, "WRONGPASS")) from error

    def renew(self, pool: redis.ConnectionPool) -> None:
        """Ask for a newer token if one is due, in another thread; then make the connections anew.

        An outage is reported once: connections serve until their token ends, and new ones sign in with the old token.
        """
        if self._held is not None and time() >= self._renew_at and self._renewing.acquire(blocking=False):
            Thread(target=self._renew, args=(self._held, pool), daemon=True).start()

    def _renew(self, held: JWToken, pool: redis.ConnectionPool) -> None:
        try:
            if self._asked().get_value() != held.get_value():
                reconnect(pool)
            self._failing = False
        except ScalerError as error:
            self._renew_at = time() + AGAIN
            if not self._failing:
                self._report(error)
            self._failing = True
        finally:
            self._renewing.release()

    def _asked(self) -> JWToken:
        try:
            token = JWToken(self._identity.get_token(SCOPE).token)
        except ScalerError:
            raise
        except Exception as error:  # not a JSON web token, or not one with an expiry
            raise _unusable(str(error)) from error
        if token.is_expired():
            raise _unusable("it has expired already; is this machine's clock right?")
        if not token.try_get("oid"):
            raise _unusable("it names nobody (no oid)")
        self._held, self._renew_at = token, time() + RENEW_AT * token.ttl() / 1000
        return token


def _unusable(why: str) -> Refused:
    return Refused(f"no token for Redis: the identity's token cannot be used: {why}")
