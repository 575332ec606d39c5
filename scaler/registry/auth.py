"""A connection to Redis: where, as whom, and how long to wait for it."""

from typing import Any

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from scaler.errors import Refused

TIMEOUT = 5.0
"""Seconds until a silent Redis is given up: half of the shortest tick, and a thousand times a usual round trip."""
HEALTH_CHECK_EVERY = 30
"""Seconds of silence after which a connection is pinged first: Azure's load balancers drop idle ones after minutes."""


def connect(
    *,
    url: str | None = None,
    host: str | None = None,
    port: int = 6380,
    ssl: bool = True,
    password: str | None = None,
) -> redis.Redis:
    """A client for this url (redis:// or rediss://), else for this host. Nothing is sent before the first command."""
    if url:
        return redis.Redis.from_pool(_pool_for(url))
    return redis.Redis(host=host or "localhost", port=port, ssl=ssl, password=password or None, **_manners())


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


def _pool_for(url: str) -> redis.ConnectionPool:
    try:
        return redis.ConnectionPool.from_url(url, **_manners())
    except ValueError as error:
        raise Refused(f"REDIS_URL is not a Redis url: {error}") from error
