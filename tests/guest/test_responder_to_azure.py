"""From a player's page that closes to Azure's health: the real responder, asked as the extension asks it."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from contract.registries import free_port

from emulator.behaviour import Behaviour
from emulator.health.extension import State
from emulator.health.responder import Polling
from emulator.orders import Scale
from emulator.scale_set import EmulatedScaleSet

RESPONDER = Path(__file__).parents[2] / "guest" / "responder.mjs"
SPEED = 100  # of Azure; the responder has its own time


class Signalling:
    """A signalling server's REST interface: one streamer, and as many players as a test says."""

    def __init__(self) -> None:
        self.players: list[str] = []
        signalling = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                streamer = {"streamerId": "s", "type": "Streamer", "streaming": True, "subscribers": signalling.players}
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps([streamer]).encode())

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@contextmanager
def responding(signalling: Signalling, folder: Path) -> Iterator[str]:
    """The real responder beside it; its address."""
    port = free_port()
    settings = {
        "port": port,
        "signalling": f"http://127.0.0.1:{signalling.server.server_port}",
        "state": str(folder / "state.json"),
        "grace_seconds": 0.5,
        "poll_seconds": 0.1,
    }
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    with subprocess.Popen(["node", RESPONDER, folder / "settings.json"], stdout=subprocess.DEVNULL) as process:
        try:
            yield f"http://127.0.0.1:{port}/health"
        finally:
            process.terminate()


def until(done: Callable[[], bool]) -> None:
    """Wait until it is so."""
    ends = time.monotonic() + 60
    while not done():
        assert time.monotonic() < ends


@pytest.mark.long
@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
def test_a_machine_turns_unhealthy_once_its_player_has_closed_the_page(tmp_path: Path) -> None:
    signalling = Signalling()
    emulated = EmulatedScaleSet(lambda: datetime.now(UTC), behaviour=Behaviour().at_speed(SPEED))
    emulated.scale(Scale(capacity=1))

    def shows(state: State, reason: str) -> bool:
        found = emulated.read_vm("0").health
        return found is not None and found.state is state and reason in found.metrics

    with responding(signalling, tmp_path) as url, Polling(emulated, url, every=0.05):
        until(lambda: shows(State.HEALTHY, "ready"))
        signalling.players = ["ann"]
        until(lambda: shows(State.HEALTHY, "occupied"))
        signalling.players = []
        until(lambda: shows(State.UNHEALTHY, "nobody-any-more"))
