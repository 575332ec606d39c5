"""Connections on which the head of an answer comes within its time as a whole: a byte now and then does not extend it.

The read time-out of a socket starts anew with every byte. What bounds the body is in `bounded`.

Closing a connection resets it. Otherwise the kernel goes on sending what nobody has acknowledged, for minutes, and an
order that was given up, or whose process was killed, arrives when the network is back: long after its horizon.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socket import SHUT_RD, SO_LINGER, SOL_SOCKET
from struct import pack
from threading import Timer
from typing import Any

from requests import Session
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_KEPT = 64  # connections kept open for the next request: as many as this process ever has requests at the same time
_LONGEST = 300.0  # seconds: what azure-core waits for a read unless it is told otherwise

# Linger for no time at all. Set before the connection is made, so that it holds during the handshakes too.
_SOCKET_OPTIONS = (*HTTPConnection.default_socket_options, (SOL_SOCKET, SO_LINGER, pack("ii", 1, 0)))


@contextmanager
def _in_time(connection: HTTPConnection) -> Iterator[None]:
    """Past its read time-out the connection is ended, and its reader told that it is broken."""

    def end() -> None:
        with suppress(OSError, ValueError, AttributeError):  # the head has come, or the connection gone, meanwhile
            connection.sock.shutdown(SHUT_RD)  # both ways it would say goodbye, after all that is still to be sent

    timer = Timer(float(connection.timeout or _LONGEST), end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class _Http(HTTPConnection):
    def getresponse(self) -> Any:
        with _in_time(self):
            return super().getresponse()


class _Https(HTTPSConnection):
    def getresponse(self) -> Any:
        with _in_time(self):
            return super().getresponse()


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, socket_options=_SOCKET_OPTIONS)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return super().proxy_manager_for(proxy, **options, socket_options=_SOCKET_OPTIONS)


def session(*, use_environment: bool) -> Session:
    """A session of such connections, without retries. `use_environment`: whether HTTPS_PROXY and its like count."""
    made = Session()
    made.trust_env = use_environment
    adapter = _Adapter(max_retries=0, pool_maxsize=_KEPT)
    for scheme in ("http://", "https://"):
        made.mount(scheme, adapter)
    return made
