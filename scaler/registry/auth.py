"""A connection to Redis: address, identity, certificate and time-outs; in a clustered Redis, to the keys' node.

The prefix keeps all keys in a single slot. docs/decisions/0021 says why redis-py's RedisCluster, which is made for many
slots, is not used here.
"""

import ssl
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import redis
from azure.core.credentials import TokenCredential
from redis import exceptions
from redis.backoff import ConstantBackoff
from redis.commands.core import Script
from redis.retry import Retry

from scaler.errors import Refused

TIMEOUT = 5.0
"""Seconds until a silent Redis is given up: half of the shortest tick, and a thousand times a usual round trip."""
HEALTH_CHECK_EVERY = 30
"""Seconds of silence until a connection is pinged before use: Azure's load balancers drop idle connections."""
HOPS = 3
"""Times that a command is sent on to another node: for a move, for a second move meanwhile, and a spare."""

type Node = tuple[str, int]
"""Host and port."""


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


class Place:
    """The keys' node as far as known: the node of the URL, until Redis names another node."""

    def __init__(self, node: Node) -> None:
        self.of_the_url = self.now = node
        self._nodes = [node]

    def learn(self, *nodes: Node) -> None:
        """Note the other nodes of the cluster. The URL's node stays in the list: the name may lead to a new server."""
        self._nodes = list(dict.fromkeys((self.of_the_url, *nodes)))

    def after(self, node: Node) -> Node:
        """The node to ask after a failure: all nodes in turn."""
        number = self._nodes.index(node) if node in self._nodes else -1
        return self._nodes[(number + 1) % len(self._nodes)]

    def name(self, host: str) -> str:
        """The name for the node's certificate: the URL's name, if the cluster gives an address only."""
        return self.of_the_url[0] if _is_address(host) and not _is_address(self.of_the_url[0]) else host


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class _Connection(redis.Connection):
    """Connects to where the keys are at that time."""

    def __init__(self, *, place: Place, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._place = place

    def _connect(self) -> Any:
        self.host, self.port = self._place.now
        return super()._connect()  # type: ignore[no-untyped-call]


class _TlsConnection(_Connection, redis.SSLConnection):
    def _wrap_socket_with_ssl(self, sock: Any) -> Any:
        host, self.host = self.host, self._place.name(self.host)
        try:
            return super()._wrap_socket_with_ssl(sock)  # type: ignore[no-untyped-call]
        finally:
            self.host = host


class Client(redis.Redis):
    """A client for a Redis that may be clustered: a command follows MOVED and ASK without waiting.

    A failing node is an error at once; the next command asks another node. A plain Redis costs no extra request.
    """

    def __init__(self, *, connection_pool: redis.ConnectionPool, **options: Any) -> None:
        super().__init__(connection_pool=connection_pool, **options)
        where = connection_pool.connection_kwargs
        self._place = Place((where.get("host", "localhost"), int(where.get("port", 6379))))
        self._texts: dict[str, str] = {}
        kinds = {redis.Connection: _Connection, redis.SSLConnection: _TlsConnection}
        if connection_pool.connection_class in kinds:  # a Unix socket leads to one server only
            connection_pool.connection_class = kinds[connection_pool.connection_class]
            where["place"] = self._place

    def learn(self) -> None:
        """Ask for the nodes of the cluster. No cluster, or no right to ask: keep the known nodes."""
        try:
            slots: Any = super().execute_command("CLUSTER", "SLOTS")  # type: ignore[no-untyped-call]
        except exceptions.RedisError:
            return
        nodes = [(node[0].decode(), int(node[1])) for _, _, *nodes in slots for node in nodes if node[0]]
        self._place.learn(self._place.now, *nodes)

    def register_script(self, script: Any) -> Script:
        """Register a script as redis-py does, and keep the text for a node that may not have the script yet."""
        registered = super().register_script(script)
        self._texts[registered.sha] = script
        return registered

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command to the node where its keys are."""
        moved = False
        for _ in range(1 + HOPS):
            node = self._place.now
            try:
                answer = super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
            except exceptions.MovedError as error:
                moved = True
                self._go(_named(error, node))
            except exceptions.AskError as error:
                return self._asked(_named(error, node), args, options)
            except (exceptions.ConnectionError, exceptions.TimeoutError, exceptions.ClusterDownError):
                if self._place.now == node:  # nobody else has turned away meanwhile
                    self._go(self._place.after(node))
                raise
            else:
                if moved:
                    self.learn()
                return answer
        raise exceptions.TryAgainError(f"sent on {HOPS} times")

    def _go(self, node: Node) -> None:
        if node == self._place.now and node == self._place.after(node):
            return  # there is no other one
        self._place.now = node
        reconnect(self.connection_pool)

    def _asked(self, node: Node, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Ask this node, once: the slot is on its way there."""
        if args[0] == "EVALSHA" and args[1] in self._texts:
            args = ("EVAL", self._texts[args[1]], *args[2:])
        pool, place = self.connection_pool, Place(self._place.of_the_url)
        place.now = node
        connection = pool.connection_class(**pool.connection_kwargs | {"place": place})
        try:
            connection.connect()
            connection.send_command("ASKING")
            connection.read_response()
            connection.send_command(*args)
            return self.parse_response(connection, args[0], **options)  # type: ignore[no-untyped-call]
        finally:
            connection.disconnect()


def reconnect(pool: Any) -> None:
    """Make the connections of a pool anew: idle connections now, and used connections when they are given back."""
    with pool._lock:
        pool.disconnect(inuse_connections=False)
        for connection in pool._in_use_connections:
            connection.mark_for_reconnect()


def _named(error: exceptions.AskError, node: Node) -> Node:
    """The node named in a redirection. Without a host: another port of the same host."""
    return error.host or node[0], error.port
