"""One site, served over http and, where asked for, over https with an authority of its own."""

import socket
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

from emulator.scale_set import EmulatedScaleSet
from emulator.wire.app import App
from emulator.wire.calls import CallLog
from emulator.wire.certificates import secured
from emulator.wire.hostile import Hostile
from emulator.wire.listener import Listener
from emulator.wire.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """That https is wanted as well. Clients have to trust what is then in `ca_file`; no key is ever written there."""

    ca_file: Path
    port: int = 0


class RunningServer:
    """A server that is listening. Close it, or use it as a context manager."""

    def __init__(self, site: Site, host: str, port: int, tls: Tls | None) -> None:
        self.site = site
        self._closing = Event()
        self._app = App(site, self._closing.wait)
        with ExitStack() as opened:
            self._plain = self._listen(opened, host, port)
            self._secure = None if tls is None else self._listen(opened, host, tls.port, tls)
            self._close = opened.pop_all()

    def _listen(self, opened: ExitStack, host: str, port: int, tls: Tls | None = None) -> Listener:
        context = None
        if tls is not None:
            shown = secured((_name_of(host),))
            tls.ca_file.write_bytes(shown.authority)
            context = shown.context
        listener = Listener((host, port), self._app, self._closing, context)
        thread = Thread(target=listener.serve_forever, args=(0.05,), name=f"emulator-{listener.scheme}", daemon=True)
        thread.start()
        for each in (thread.join, listener.server_close, listener.hang_up, listener.shutdown):
            opened.callback(each)  # the last one first
        return listener

    @property
    def url(self) -> str:
        """Scheme, host and port of plain http."""
        return self._plain.url

    @property
    def https_url(self) -> str | None:
        """The same of https, where it was asked for."""
        return None if self._secure is None else self._secure.url

    @property
    def calls(self) -> CallLog:
        """Every request so far, over either."""
        return self._app.calls

    def ambush(self, how: Hostile, *, kind: str | None = None, times: int = 1, seconds: float = 2.0) -> None:
        """Spoil the next answers (to calls of `kind`, as the log of calls names them)."""
        self._app.ambush.plan(how, kind=kind, times=times, seconds=seconds)

    def close(self) -> None:
        """Stop listening and end every connection."""
        self._closing.set()
        self._close.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _name_of(host: str) -> str:
    """What a client calls this host: who listens on all addresses is found by this machine's name."""
    return socket.gethostname() if host in {"", "0.0.0.0", "::"} else host


def serve(
    emulated: EmulatedScaleSet | Sequence[EmulatedScaleSet],
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    site: Site | None = None,
    tls: Tls | None = None,
) -> RunningServer:
    """Serve these scale sets; port 0 takes a free one. `site` brings the settings, its scale sets are replaced."""
    scale_sets = [emulated] if isinstance(emulated, EmulatedScaleSet) else list(emulated)
    return RunningServer(replace(site or Site(), scale_sets=scale_sets), host, port, tls)
