"""A server of the test's own on a loopback port: one thread a connection, all of which end with it."""

import socket
from collections.abc import Callable
from contextlib import closing, suppress
from threading import Event, Thread


class Loopback:
    """Serves each connection by `serve`, until it is closed."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self.closing = Event()
        self._serve_one = serve
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._connections: list[socket.socket] = []
        self._threads = [Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """End every connection, and every thread."""
        self.closing.set()
        for each in (self._listener, *self._connections):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections.append(connection)
            thread = Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with closing(connection), suppress(OSError):  # the client may have had enough
            self._serve_one(connection)
