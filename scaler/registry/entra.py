"""Signing in to Redis with Entra ID tokens: redis-entraid renews the tokens, and no failure ends the renewals.

docs/decisions/0008 lists the habits of redis-entraid that are mended here, and why the library is used all the same.
"""

from collections.abc import Callable
from threading import Lock
from time import time
from typing import Any

import redis
from azure.core.credentials import TokenCredential
from redis import exceptions
from redis.auth.err import RequestTokenErr
from redis.auth.idp import IdentityProviderInterface
from redis.auth.token import SimpleToken, TokenInterface
from redis.auth.token_manager import RetryPolicy, TokenManagerConfig
from redis.credentials import StreamingCredentialProvider
from redis_entraid.cred_provider import EntraIdCredentialsProvider  # type: ignore[import-untyped]
from redis_entraid.identity_provider import DefaultAzureCredentialProvider  # type: ignore[import-untyped]

from scaler.errors import Refused, ScalerError
from scaler.registry.auth import Client, reconnect
from scaler.registry.failures import Explained

SCOPE = "https://redis.azure.com/.default"
"""Whom the tokens are for: every Redis of Azure's."""
RENEW_AT = 0.4
"""Share of what is left of a token after which another is asked for, over and over. The libraries below hand out the
old one until 5 minutes before its end; so whoever gets a new one has at least 3 left, which is what Azure wants."""
AGAIN = 5.0
"""Seconds until a renewal is tried again when the token it should replace has ended."""

_CONFIG = TokenManagerConfig(
    expiration_refresh_ratio=RENEW_AT,
    lower_refresh_bound_millis=0,
    token_request_execution_timeout_in_ms=0,  # read by nobody; the credential has timeouts of its own
    retry_policy=RetryPolicy(max_attempts=0, delay_in_ms=0),  # the next tick, or the next renewal, is the retry
)


def connect_as(
    identity: TokenCredential, url: str, manners: dict[str, Any], report: Callable[[Exception], None]
) -> redis.Redis:
    """A client that signs in as an identity, at every new connection. A closed client renews no tokens.

    `report` is called by the thread that renews tokens. The log of that thread never reaches Azure: the Functions
    host drops a record without a running invocation.
    """
    signing_in = SigningIn(identity, report)
    pool = RenewedPool.from_url(url, credential_provider=signing_in, redis_connect_func=signing_in.introduce, **manners)
    client = _Client(connection_pool=pool, credential_provider=signing_in)  # this is what subscribes to renewals
    client.auto_close_connection_pool = True  # as from_pool does
    return client


class _Client(Client):
    def close(self) -> None:
        super().close()
        self.connection_pool.connection_kwargs["credential_provider"].close()


class RenewedPool(redis.ConnectionPool):
    """A pool whose connections are made anew for a new token.

    redis-py would send AUTH over each idle connection while it holds the pool's lock, and stop at the first dead one.
    """

    _token = ""

    def re_auth_callback(self, token: TokenInterface) -> None:
        """Make the connections anew, if the token is a new one."""
        with self._lock:
            if token.get_value() != self._token:
                self._token = token.get_value()
                reconnect(self)


class SigningIn(StreamingCredentialProvider):
    """redis-entraid's credentials provider, with failures that redis-py cleans up after and the scaler understands."""

    def __init__(self, identity: TokenCredential, report: Callable[[Exception], None]) -> None:
        self._source = _Source(DefaultAzureCredentialProvider(identity, (SCOPE,)), report)
        self._provider = EntraIdCredentialsProvider(self._source, _CONFIG)
        self._starting = Lock()

    def get_credentials(self) -> tuple[str, str]:
        """Object id and token for a new connection; the first one starts the renewals."""
        try:
            if not self.is_streaming():
                self._source.request_token()  # a silent endpoint is waited for here, by all at once and not in turn
                with self._starting:
                    return self._ask()
            return self._ask()
        except RequestTokenErr as error:
            reason = error.args[0]
            told = reason if isinstance(reason, ScalerError) else Refused(f"no token for Redis: {reason}")
            raise Explained(told) from error

    def _ask(self) -> tuple[str, str]:
        object_id, token = self._provider.get_credentials()
        return object_id, token

    def introduce(self, connection: redis.Connection) -> None:
        """Sign a new connection in as redis-py does; the error of a refused token names the identity."""
        try:
            connection.on_connect()  # type: ignore[no-untyped-call]
        except exceptions.AuthenticationError as error:
            stranger = (
                f"Redis at {connection.host}:{connection.port} refuses the identity with object id"
                f" {self._source.object_id}: assign it to this Redis (a user of that name, a data access policy), or"
                f" check AZURE_CLIENT_ID; an assignment takes minutes to work ({error})"
            )
            raise Explained(Refused(stranger, "WRONGPASS")) from error

    def on_next(self, callback: Callable[[Any], None]) -> None:
        """redis-py subscribes the pool."""
        self._provider.on_next(callback)

    def on_error(self, callback: Callable[[Exception], None]) -> None:
        """Report a failed renewal: redis-py's own listener would raise in a background thread, unheard."""
        self._provider.on_error(self._source.report)

    def is_streaming(self) -> bool:
        """Whether renewals were started."""
        return bool(self._provider.is_streaming())

    def close(self) -> None:
        """No further renewals."""
        self._source.close()


class _Source(IdentityProviderInterface):
    """Where tokens come from. A renewal does not fail here: redis-py's manager makes no further one after an error."""

    def __init__(self, provider: IdentityProviderInterface, report: Callable[[Exception], None]) -> None:
        self._provider = provider
        self._report = report
        self._held: TokenInterface | None = None
        self._failing = False
        self._closed = False

    @property
    def object_id(self) -> str:
        """The object id in the latest token."""
        return self._held.try_get("oid") if self._held is not None else "(unknown)"

    def close(self) -> None:
        """The next renewal is the last: it fails."""
        self._closed = True

    def request_token(self, force_refresh: bool = False) -> TokenInterface:
        """A token. `force_refresh` is how redis-py's manager asks for a renewal."""
        if self._closed and force_refresh:
            raise _unusable("nobody wants it any more")
        try:
            self._held = self._asked(force_refresh)
        except RequestTokenErr as error:
            if not force_refresh or self._held is None:
                raise
            if not self._failing:
                self.report(error)
            self._failing = True
            return _held_for_now(self._held)
        self._failing = False
        return self._held

    def report(self, error: Exception) -> None:
        """Report an outage once: open connections serve until their token ends, new connections have to wait."""
        if not self._closed:
            self._report(error)

    def _asked(self, force_refresh: bool) -> TokenInterface:
        try:
            token = self._provider.request_token(force_refresh)
        except RequestTokenErr:
            raise
        except Exception as error:  # not a JSON web token, or not one with an expiry
            raise _unusable(str(error)) from error
        if token.is_expired():
            raise _unusable("it has expired already; is this machine's clock right?")
        if not token.try_get("oid"):
            raise _unusable("it names nobody (no oid)")
        return token


def _unusable(why: str) -> RequestTokenErr:
    return RequestTokenErr(f"the identity's token cannot be used: {why}")  # type: ignore[no-untyped-call]


def _held_for_now(held: TokenInterface) -> TokenInterface:
    """The old token, with times that make the manager come back soon."""
    now = time() * 1000
    return SimpleToken(held.get_value(), now + AGAIN * 1000 / RENEW_AT, now, {"oid": held.try_get("oid")})
