"""A function app on this machine: loaded, and then fired by timers; or a single function, run once.

Timers fire as in the Functions host: no function overlaps itself, and different functions run in parallel. The next
firing is calculated from the start of a run. A long run is therefore followed by exactly one more run, at once, however
many firings were missed. An unreadable schedule fails the whole start, while the real host would put the function alone
"in error" and run the other functions.

The admin routes are those that an operator of timers needs; the paths are the real host's:
POST /admin/functions/{name}   202, and the function runs beside its timer (also if disabled) · 404
GET  /admin/functions          every function with its bindings
GET  /admin/host/status        "Running", and what runs
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from werkzeug.exceptions import NotFound
from werkzeug.routing import Map, Rule
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from emulator.functions_host import local_settings, ncrontab
from emulator.functions_host.local_settings import CannotStart
from emulator.functions_host.worker import Function, Worker, logger


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """A function, and when it is due."""

    function: Function
    schedule: ncrontab.Schedule
    runs_on_startup: bool


def timers_of(functions: Iterable[Function], environ: Mapping[str, str]) -> tuple[Timer, ...]:
    """A timer per function that is not disabled; raises CannotStart with every mistake at once."""
    timers, mistakes = [], []
    for function in functions:
        try:
            if not local_settings.disabled(function.name, environ):
                timers.append(_timer(function, environ))
        except CannotStart as mistake:
            mistakes.append(f"{function.name}: {mistake}")
    if mistakes:
        raise CannotStart("\n".join(mistakes))
    return tuple(timers)


async def keep_firing(timer: Timer, worker: Worker) -> None:
    """Fire a timer when due, until cancelled. Runs under way are not cancelled."""
    due = _now() if timer.runs_on_startup else timer.schedule.next_after(_now())
    while True:
        await _until(due)
        started = _now()
        await asyncio.shield(worker.fire(timer.function, "timer"))
        due = timer.schedule.next_after(started)


def _timer(function: Function, environ: Mapping[str, str]) -> Timer:
    written = function.timer["schedule"]
    setting = " ".join(local_settings.references(written)) or "schedule"
    return Timer(
        function=function,
        schedule=ncrontab.parse(local_settings.resolve(written, environ), setting=setting),
        runs_on_startup=bool(function.timer.get("runOnStartup")),
    )


async def _until(due: datetime) -> None:
    """Wait in steps of a minute at most: the loop's timers ignore the sleep of a laptop and changes of the clock."""
    while (seconds := (due - _now()).total_seconds()) > 0:  # noqa: ASYNC110 -- what it waits for is the time
        await asyncio.sleep(min(seconds, 60.0))


def _now() -> datetime:
    return datetime.now(UTC)


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
        return _json_answer([self._describe(function) for function in self._worker.functions.values()])

    def invoke(self, name: str) -> Response:
        function = self._worker.functions.get(name)
        if function is None:
            raise NotFound(f"There is no function {name}.")
        self._loop.call_soon_threadsafe(self._worker.fire, function, "admin")
        return Response(status=202)

    def status(self) -> Response:
        return _json_answer({"state": "Running", "runningInvocations": len(self._worker.running)})

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


def _json_answer(body: _Json) -> Response:
    return Response(json.dumps(body), mimetype="application/json")


# Whoever stops a process waits a second before it gets impatient; most ticks end in less.
_GRACE_SECONDS = 0.7
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Host:
    """A worker with an app, the app's timers, and the request to stop."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._timers: tuple[Timer, ...] = ()
        self._stop = asyncio.Event()
        for number in _STOP_SIGNALS:
            # The loop's own way wakes the loop: a plain handler is not run while nothing else wakes it.
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)

    async def load(self, app: Path) -> None:
        """Index the app at an absolute path, and read the app's schedules; raises CannotStart."""
        local_settings.check_host_json(app)
        await self._worker.index(app)
        self._timers = timers_of(self._worker.functions.values(), os.environ)

    async def once(self, name: str) -> bool:
        """Run a function to the end; False if the function failed, or the host was stopped first."""
        function = self._worker.functions.get(name)
        if function is None:
            known = ", ".join(self._worker.functions)
            raise CannotStart(f"there is no function {name!r}; this app has {known}")
        run = self._worker.fire(function, "once")
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait([run, stop], return_when=asyncio.FIRST_COMPLETED)
        return run.done() and run.result()

    async def serve(self, port: int | None, seconds: float | None) -> None:
        """Let the timers fire, and answer the admin routes on `port`, until a signal or for so many seconds."""
        facts: dict[str, object] = {"functions": [timer.function.name for timer in self._timers]}
        if port is not None:
            facts["port"] = serve(self._admin(), port)
        listeners = [asyncio.create_task(keep_firing(timer, self._worker)) for timer in self._timers]
        logger.info("host started", extra={"facts": facts})
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), timeout=seconds)
        for listener in listeners:
            listener.cancel()
        logger.info("host stopping", extra={"facts": {"running": len(self._worker.running)}})

    async def leave(self, code: int) -> None:
        """Wait a moment for running functions, then end the process with `code`.

        A synchronous function cannot be interrupted, and the interpreter would join the function's thread until the end
        of the watch. os._exit loses no output: both streams are line buffered, and orders to Azure are idempotent.
        """
        deadline = threading.Timer(_GRACE_SECONDS, os._exit, (code,))
        deadline.daemon = True
        deadline.start()
        for number in _STOP_SIGNALS:
            # A terminal signals the whole group, and who started us signals once more: that must not change the code.
            asyncio.get_running_loop().remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)
        await asyncio.gather(*self._worker.running)

    def _admin(self) -> Admin:
        timed = frozenset(timer.function.name for timer in self._timers)
        return Admin(self._worker, timed, asyncio.get_running_loop())
