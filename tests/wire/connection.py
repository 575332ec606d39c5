"""One plain connection to a served scale set: what goes over it byte for byte, without any SDK."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from clock import ManualClock

from emulator.behaviour import Behaviour, Latencies
from emulator.orders import Scale
from emulator.scale_set import EmulatedScaleSet
from emulator.switches import Switches
from emulator.wire.server import RunningServer, serve
from emulator.wire.site import SUBSCRIPTION, Site

SET = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-pixels"
    "/providers/Microsoft.Compute/virtualMachineScaleSets/vmss-pixels"
)
TOKEN = {"Authorization": "Bearer any"}


class Wire:
    """One connection to a served scale set on a manual clock."""

    def __init__(self, clock: ManualClock, emulated: EmulatedScaleSet, server: RunningServer) -> None:
        self.clock = clock
        self.emulated = emulated
        self.server = server
        self.connection = HTTPConnection(urlsplit(server.url).netloc, timeout=10)

    def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: Any = None
    ) -> tuple[HTTPResponse, bytes]:
        """One request over the one connection."""
        content = None if body is None else json.dumps(body).encode()
        self.connection.request(method, path, body=content, headers=TOKEN if headers is None else headers)
        answer = self.connection.getresponse()
        return answer, answer.read()

    def get(self, path: str = SET) -> Any:
        """The JSON of a GET."""
        return json.loads(self.ask("GET", path)[1])

    def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str, str]:
        """Status, code and target of the refusal that this gets."""
        answer, content = self.ask(method, path, body=body)
        error = json.loads(content)["error"]
        return answer.status, error["code"], error.get("target", "")


@contextmanager
def wired(site: Site | None = None, **switches: Any) -> Iterator[Wire]:
    """To a scale set with three VMs that have been running for a while."""
    clock = ManualClock()
    behaviour = Behaviour(latencies=Latencies().exact(), switches=Switches(**switches))
    emulated = EmulatedScaleSet(clock.now, behaviour=behaviour)
    emulated.scale(Scale(capacity=3))
    clock.advance(timedelta(minutes=10, milliseconds=700))
    with serve(emulated, site=site or Site(page_size=2, stall=0.0)) as server:
        made = Wire(clock, emulated, server)
        with closing(made.connection):
            yield made
