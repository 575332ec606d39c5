"""The app's code, run by azure-functions-runtime, Azure's own library for Python 3.13 and later.

The library expects protobuf messages, but only reads and writes attributes; so plain namespaces will do. The library's
registry of functions is global: one app per process.

The log is as in Azure: a JSON object per line, with the parts of a record that Microsoft's Python worker forwards. The
worker forwards message, level, logger name and invocation id, and drops `extra`. The host drops an app's record without
a running invocation (python-worker issue 1860), such as records of background threads. `function` is added by the host,
which knows the function of an invocation. Only the host's own lines, of the logger `functions_host`, have more fields.
"""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TextIO
from uuid import uuid4

import azure_functions_runtime as runtime

from emulator.functions_host.local_settings import CannotStart

HOST = "functions_host"
_SYSTEM = "azure.functions"  # how the worker's own loggers begin


class LogLines(logging.StreamHandler[TextIO]):
    """Writes log lines; `speaker` names the invocation of the current thread or task, if any."""

    def __init__(self, stream: TextIO, speaker: Callable[[], Mapping[str, str]]) -> None:
        super().__init__(stream)
        self._speaker = speaker
        self.setFormatter(logging.Formatter())
        self.addFilter(self._arrives)

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _rfc3339(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": super().format(record),  # with the traceback, where there is one: the worker does the same
            **self._speaker(),
        }
        if record.name == HOST:
            line |= vars(record).get("facts", {})
        return json.dumps(line)

    def _arrives(self, record: logging.LogRecord) -> bool:
        if record.name.startswith(_SYSTEM):
            return record.levelno >= logging.WARNING
        return record.name == HOST or bool(self._speaker())


def install(stream: TextIO, level: int, speaker: Callable[[], Mapping[str, str]]) -> None:
    """Write all records of this process as log lines."""
    logging.basicConfig(level=level, handlers=[LogLines(stream, speaker)], force=True)


def _rfc3339(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


logger = logging.getLogger(HOST)

# ScheduleStatus is null as for any schedule that the real host does not monitor: those faster than a minute.
_TIMER_PAYLOAD = json.dumps({"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": False})
_NO_TRACE = SimpleNamespace(trace_parent="", trace_state="", attributes={})
_NO_RETRY = SimpleNamespace(retry_count=0, max_retry_count=0, exception=None)


class _Message(SimpleNamespace):
    """A protobuf message of any class, with the enum members that the runtime looks for on message classes."""

    Failure, Success = 0, 1
    undefined, out, inout = 0, 1, 2

    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802 -- protobuf's name
        return next((kind for kind in ("data", "json", "string", "bytes") if hasattr(self, kind)), None)


class _Protos:
    """The module of message classes: any name is a class."""

    def __getattr__(self, name: str) -> type[_Message]:
        message = type(name, (_Message,), {})
        setattr(self, name, message)
        return message


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function as the worker describes it to the host."""

    name: str
    function_id: str
    bindings: tuple[Mapping[str, Any], ...]

    @property
    def timer(self) -> Mapping[str, Any]:
        """The timer's binding; `schedule` may still contain %NAME%."""
        for binding in self.bindings:
            if binding["type"] == "timerTrigger":
                return binding
        raise CannotStart(f"{self.name} has no timer, and this stand-in knows no other trigger; use `func start`")


class Worker:
    """Indexes an app and runs the app's functions: synchronous functions on threads, async functions on the loop."""

    def __init__(self) -> None:
        self.functions: Mapping[str, Function] = {}
        self.running: set[asyncio.Task[bool]] = set()
        self._names: dict[str, str] = {}  # invocation id -> function, while it runs

    async def index(self, app: Path) -> None:
        """Import the function_app.py of a folder (an absolute path), and index the functions."""
        sys.path.insert(0, str(app))
        runtime.start_threadpool_executor()
        response = await runtime.worker_init_request(_init_request(app))
        if response.result.status != _Message.Success:
            mistake = response.result.exception
            raise CannotStart(f"function_app.py: {mistake.message}\n{mistake.stack_trace}")
        listing = await runtime.functions_metadata_request(_request())
        if listing.function_metadata_results is None:
            raise CannotStart(f"{app} has no function_app.py; name the app's folder with --app")
        self.functions = {described.name: _function(described) for described in listing.function_metadata_results}

    def fire(self, function: Function, reason: str) -> asyncio.Task[bool]:
        """Run a function once, now; the task says whether it succeeded, and never raises."""
        task = asyncio.create_task(self._run(function, reason))
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        return task

    def speaker(self) -> dict[str, str]:
        """The function and the invocation of the current thread or task; empty outside of invocations."""
        invocation_id = runtime.invocation_id_cv.get()
        if invocation_id not in self._names:
            return {}
        return {"function": self._names[invocation_id], "invocation_id": invocation_id}

    async def _run(self, function: Function, reason: str) -> bool:
        invocation_id = str(uuid4())
        runtime.invocation_id_cv.set(invocation_id)  # the runtime itself does so for synchronous functions only
        self._names[invocation_id] = function.name
        started = time.monotonic()
        try:
            response = await runtime.invocation_request(_invocation(function, invocation_id))
            facts = {"reason": reason, "duration_ms": round(1000 * (time.monotonic() - started), 1)}
            return _report(response.result, facts)
        finally:
            del self._names[invocation_id]


def _report(result: Any, facts: dict[str, object]) -> bool:
    if result.status == _Message.Success:
        logger.info("function succeeded", extra={"facts": facts})
        return True
    mistake = result.exception
    facts |= {"error": mistake.message, "exception": mistake.stack_trace}
    logger.error("function failed", extra={"facts": facts})
    return False


def _function(described: Any) -> Function:
    return Function(
        name=described.name,
        function_id=described.function_id,
        bindings=tuple(json.loads(binding) for binding in described.raw_bindings),
    )


def _request(**parts: object) -> SimpleNamespace:
    return SimpleNamespace(request=SimpleNamespace(**parts), properties={"protos": _Protos(), "host": "127.0.0.1"})


def _init_request(app: Path) -> SimpleNamespace:
    return _request(
        worker_init_request=SimpleNamespace(capabilities={}, function_app_directory=str(app)),
    )


def _invocation(function: Function, invocation_id: str) -> SimpleNamespace:
    timer = _Message(name=function.timer["name"], data=_Message(json=_TIMER_PAYLOAD))
    return _request(
        invocation_request=SimpleNamespace(
            invocation_id=invocation_id,
            function_id=function.function_id,
            input_data=[timer],
            trigger_metadata={},
            trace_context=_NO_TRACE,
            retry_context=_NO_RETRY,
        )
    )
