"""The operators' page of a run: `scaler web` in a process of its own, where the libraries of the page are installed."""

import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec

from scaler.cli.web.command import PORT
from simulator.parts import child
from simulator.parts.environment import ROOT

_NEEDS = ("htpy", "starlette", "uvicorn")
_LOOPBACK = "127.0.0.1"
_END_WITHIN = 3.0  # seconds; a browser may keep a connection open


@contextmanager
def page(variables: Mapping[str, str], *, wanted: bool) -> Iterator[str]:
    """The page's address, until the end of the block; empty if not wanted, or without the libraries."""
    if not wanted or any(find_spec(name) is None for name in _NEEDS):
        yield ""
        return
    port = _free_port()
    command = (sys.executable, "-m", "scaler", "web", "--port", str(port))
    process = child.start(command, environment=variables, folder=ROOT)
    try:
        yield f"http://{_LOOPBACK}:{port}/"
    finally:
        child.end(process, within=_END_WITHIN)


def _free_port() -> int:
    """The usual port, so that an open browser tab shows the next run too; another one while somebody has the port."""
    for port in (PORT, 0):
        try:
            with socket.create_server((_LOOPBACK, port)) as place:
                return int(place.getsockname()[1])
        except OSError:
            continue
    return PORT
