"""Admin routes of the Functions host that an operator of timers needs; the paths are the real host's.

POST /admin/functions/{name}   202, and the function runs beside its timer (also if disabled) · 404
GET  /admin/functions          every function with its bindings
GET  /admin/host/status        "Running", and what runs
"""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Mapping

from werkzeug.exceptions import NotFound
from werkzeug.routing import Map, Rule
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from emulator.functions_host.local_settings import CannotStart
from emulator.functions_host.worker import Function, Worker

type _Json = dict[str, object] | list[dict[str, object]]

_LOOPBACK = "127.0.0.1"  # no key is asked for, unlike in Azure, hence nothing but this machine may call
_ROUTES = Map(
    [
        Rule("/admin/functions", endpoint="functions", methods=["GET"]),
        Rule("/admin/functions/<name>", endpoint="invoke", methods=["POST"]),
        Rule("/admin/host/status", endpoint="status", methods=["GET"]),
    ]
)


class Admin:
    """The routes over a worker; requests arrive on other threads than the worker's loop."""

    def __init__(self, worker: Worker, timed: frozenset[str], loop: asyncio.AbstractEventLoop) -> None:
        self._worker = worker
        self._timed = timed
        self._loop = loop
        self._endpoints: Mapping[str, Callable[..., Response]] = {
            "functions": self.functions,
            "invoke": self.invoke,
            "status": self.status,
        }

    def answer(self, request: Request) -> Response:
        """The answer to a request; raises werkzeug's HTTPException, which is an answer too."""
        endpoint, arguments = _ROUTES.bind_to_environ(request.environ).match()
        return self._endpoints[endpoint](**arguments)

    def functions(self) -> Response:
        return _answer([self._describe(function) for function in self._worker.functions.values()])

    def invoke(self, name: str) -> Response:
        function = self._worker.functions.get(name)
        if function is None:
            raise NotFound(f"There is no function {name}.")
        self._loop.call_soon_threadsafe(self._worker.fire, function, "admin")
        return Response(status=202)

    def status(self) -> Response:
        return _answer({"state": "Running", "runningInvocations": len(self._worker.running)})

    def _describe(self, function: Function) -> dict[str, object]:
        bindings = list(function.bindings)
        return {"name": function.name, "config": {"bindings": bindings}, "isDisabled": function.name not in self._timed}


def serve(admin: Admin, port: int) -> int:
    """Answer on a port (0: a free port) in a separate thread; returns the port."""
    try:
        listener = socket.create_server((_LOOPBACK, port))
    except OSError as mistake:
        raise CannotStart(f"--port {port}: {mistake.strerror}; choose another one") from None
    with listener:
        server = make_server(_LOOPBACK, port, Request.application(admin.answer), threaded=True, fd=listener.fileno())
    threading.Thread(target=server.serve_forever, name="admin", daemon=True).start()
    return server.port


def _answer(body: _Json) -> Response:
    return Response(json.dumps(body), mimetype="application/json")
