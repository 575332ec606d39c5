"""Sockets and threads: HTTP/1.1 with connections that stay open, as the SDK's pools expect; plain or over TLS.

Werkzeug's own server closes every connection after one answer; the standard library's server keeps connections open.
"""

import socket
import ssl
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock
from typing import Any

from emulator.wire.answer_faults import Reply
from emulator.wire.app import App
from emulator.wire.exchange import Asked


class Listener(ThreadingHTTPServer):
    """Knows all open connections, so that closing the listener leaves no thread behind. With a context: TLS only."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], app: App, closing: Event, context: ssl.SSLContext | None = None
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)
        self.app = app
        self.closing = closing
        self.scheme = "http" if context is None else "https"
        self._context = context
        self._open: set[socket.socket] = set()
        self._lock = Lock()

    @property
    def url(self) -> str:
        """Scheme, host and port; who listens on all addresses is called localhost."""
        host, port = self.server_address[:2]
        shown = "localhost" if host in {"0.0.0.0", "::"} else f"[{host!s}]" if ":" in str(host) else host
        return f"{self.scheme}://{shown!s}:{port}"

    def get_request(self) -> tuple[socket.socket, Any]:
        """The next connection; the TLS handshake is left to the connection's thread."""
        connection, address = super().get_request()
        if self._context is not None:
            connection = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End all connections, and so their threads."""
        with self._lock:
            for each in self._open:
                with suppress(OSError):  # its client was faster
                    socket.socket.shutdown(each, socket.SHUT_RDWR)  # not the SSL socket's own: its thread still reads


class _Handler(BaseHTTPRequestHandler):
    server: Listener
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else the second segment of an answer waits 40 ms for the first one's ACK
    wbufsize = -1  # head and body leave in one segment

    def _serve(self) -> None:
        try:
            asked = self._asked()
        except ValueError:
            self.send_error(HTTPStatus.BAD_REQUEST, "The length of the content is not a number.")
            self.close_connection = True
            return
        reply = self.server.app.answer(asked)
        if reply is None:
            self.close_connection = True
        else:
            self._write(reply)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815

    def _asked(self) -> Asked:
        headers = {name.lower(): value for name, value in self.headers.items()}
        host = headers.get("host") or self.server.url.partition("://")[2]
        return Asked(
            method=self.command,
            target=self.path,
            base=f"{self.server.scheme}://{host}",
            headers=headers,
            body=self._body(headers),
        )

    def _body(self, headers: dict[str, str]) -> bytes:
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return b"".join(iter(self._chunk, b""))
        length = headers.get("content-length", "0").strip()
        if not length.isdecimal():
            raise ValueError(length)
        return self._whole(int(length))

    def _chunk(self) -> bytes:
        content = self._whole(int(self.rfile.readline().partition(b";")[0], 16))
        self.rfile.readline()
        return content

    def _whole(self, size: int) -> bytes:
        """The body of the announced length. Raises ConnectionAbortedError if the request breaks off."""
        content = self.rfile.read(size)
        if len(content) < size:
            raise ConnectionAbortedError
        return content

    def _write(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != HTTPStatus.NO_CONTENT:
            self.send_header("content-length", str(reply.content_length))
        self.end_headers()
        for each in reply.pieces() if self.command != "HEAD" else ():
            if reply.pause:
                self.wfile.flush()
                self.server.closing.wait(reply.pause)
            self.wfile.write(each)
        self.wfile.flush()
        self.close_connection = self.close_connection or reply.length is not None

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, ssl.SSLError):  # gone, or a client that does not trust us and has said so to its user
            self.close_connection = True

    def finish(self) -> None:
        with suppress(ConnectionError):  # the rest of an answer, to somebody who is gone
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class calls it so)
        """The log of calls says more."""
