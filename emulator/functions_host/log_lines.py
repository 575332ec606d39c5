"""The log as Azure shows it: a JSON object a line, of a record what Microsoft's Python worker forwards and no more.

The worker forwards message, level, logger name and invocation id; it drops `extra`. The host drops the record of an app
that carries no running invocation (python-worker issue 1860): what a background thread says. `function` is the host's:
it knows whose invocation that is. Only the lines of the host itself, of the logger `functions_host`, have more fields.
"""

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

HOST = "functions_host"
_SYSTEM = "azure.functions"  # how the worker's own loggers begin


class LogLines(logging.StreamHandler[TextIO]):
    """Writes log lines; `speaker` names the invocation of the current thread or task, if it has one."""

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
    """Make log lines of everything that is logged in this process."""
    logging.basicConfig(level=level, handlers=[LogLines(stream, speaker)], force=True)


def _rfc3339(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
