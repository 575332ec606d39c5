"""A connection to Redis: address, identity, certificate and time-outs."""

import ssl
from collections.abc import Callable
from typing import Any

import redis
from azure.core.credentials import TokenCredential
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from scaler.errors import Refused
from scaler.registry.cluster import Client

TIMEOUT = 5.0
"""Seconds until a silent Redis is given up: half of the shortest tick, and a thousand times a usual round trip."""
HEALTH_CHECK_EVERY = 30
"""Seconds of silence until a connection is pinged before use: Azure's load balancers drop idle connections."""


def connect(
    *,
    url: str,
    ca_file: str | None = None,
    identity: TokenCredential | None = None,
    report: Callable[[Exception], None] = lambda _: None,
) -> redis.Redis:
    """A client for a url (redis:// or rediss://). The first command connects.

    Where Redis is clustered the client goes to the node that has the keys.

    ca_file: a CA to trust besides the system's. identity: sign in with Entra ID tokens instead of a password. report:
    called in another thread, once for each outage in which a token was not renewed.
    """
    manners = _manners() | (_tls(ca_file) if url.startswith("rediss://") else {})
    try:
        if identity is None:
            return Client.from_pool(redis.ConnectionPool.from_url(url, **manners))
        # Imported only where it is asked for: a cold start pays for every import.
        from scaler.registry.entra import connect_as  # noqa: PLC0415

        return connect_as(identity, url, manners, report)
    except ValueError as error:
        raise Refused(f"REDIS_URL is not a Redis url: {error}") from error


def _manners() -> dict[str, Any]:
    return {
        "protocol": 2,  # every tier and proxy speaks it
        "socket_timeout": TIMEOUT,
        "socket_connect_timeout": TIMEOUT,
        "health_check_interval": HEALTH_CHECK_EVERY,
        # One retry: a connection that idled to death is replaced unnoticed. A write that was carried out but not
        # answered is refused the second time (its row has changed); the next tick sees what happened.
        "retry": Retry(ConstantBackoff(0.1), 1),
    }


def _tls(ca_file: str | None) -> dict[str, Any]:
    """Certificate and host name are always checked; redis-py's defaults are spelled out, lest they change."""
    return {
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_min_version": ssl.TLSVersion.TLSv1_2,
        "ssl_ca_certs": ca_file,
    }
