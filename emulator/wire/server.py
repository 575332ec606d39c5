"""Sockets and threads: HTTP/1.1 with connections that stay open, as the SDK's pools expect.

Werkzeug's own server closes every connection after one answer, so this stands on the standard library's.
"""

import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Self

from emulator.scale_set import EmulatedScaleSet
from emulator.wire.app import App
from emulator.wire.calls import CallLog
from emulator.wire.exchange import Asked
from emulator.wire.hostile import Hostile, Reply
from emulator.wire.site import Site


class _Listener(ThreadingHTTPServer):
    """Knows its open connections, so that closing it leaves no thread behind."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], app: App, closing: Event) -> None:
        super().__init__(address, _Handler)
        self.app = app
        self.closing = closing
        self._open: set[socket.socket] = set()
        self._lock = Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End every connection; their threads end with them."""
        with self._lock:
            for each in self._open:
                with suppress(OSError):  # its client was faster
                    each.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else the second segment of an answer waits 40 ms for the first one's ACK
    wbufsize = -1  # head and body leave in one segment

    def _serve(self) -> None:
        reply = self.server.app.answer(self._asked())
        if reply is None:
            self.close_connection = True
            return
        try:
            self._write(reply)
        except ConnectionError:
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815

    def _asked(self) -> Asked:
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = int(headers.get("content-length") or 0)
        host = headers.get("host") or "{}:{}".format(*self.server.server_address[:2])
        return Asked(
            method=self.command,
            target=self.path,
            base=f"http://{host}",
            headers=headers,
            body=self.rfile.read(length) if length else b"",
        )

    def _write(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 204:
            self.send_header("content-length", str(reply.content_length))
        self.end_headers()
        for each in reply.pieces():
            if reply.pause:
                self.wfile.flush()
                self.server.closing.wait(reply.pause)
            self.wfile.write(each)
        self.wfile.flush()
        self.close_connection = self.close_connection or reply.length is not None

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class calls it so)
        """The log of calls says more."""


class RunningServer:
    """A server that is listening. Close it, or use it as a context manager."""

    def __init__(self, site: Site, host: str, port: int) -> None:
        closing = Event()
        self._app = App(site, closing.wait)
        self._listener = _Listener((host, port), self._app, closing)
        self._thread = Thread(target=self._listener.serve_forever, args=(0.05,), name="emulator", daemon=True)
        self._thread.start()
        self.site = site

    @property
    def url(self) -> str:
        """Scheme, host and port."""
        host, port = self._listener.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def calls(self) -> CallLog:
        """Every request so far."""
        return self._app.calls

    def ambush(self, how: Hostile, *, kind: str | None = None, times: int = 1, seconds: float = 2.0) -> None:
        """Spoil the next answers (to calls of `kind`, as the log of calls names them)."""
        self._app.ambush.plan(how, kind=kind, times=times, seconds=seconds)

    def close(self) -> None:
        """Stop listening and end every connection."""
        self._listener.closing.set()
        self._listener.shutdown()
        self._listener.hang_up()
        self._listener.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def serve(
    emulated: EmulatedScaleSet | Sequence[EmulatedScaleSet],
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    site: Site | None = None,
) -> RunningServer:
    """Serve these scale sets; port 0 takes a free one. `site` brings the settings, its scale sets are replaced."""
    scale_sets = (emulated,) if isinstance(emulated, EmulatedScaleSet) else tuple(emulated)
    return RunningServer(replace(site or Site(), scale_sets=scale_sets), host, port)
