"""Every log record as one JSON object on a line of its own, with all that was said in its `extra`.

The fields `time`, `level`, `logger` and `message` are always there; `function` and `invocation_id` where the record was
written by an invocation; `exception` where there was one. An extra of a name that is already taken is `extra_<name>`.
"""

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class LogLines(logging.StreamHandler[TextIO]):
    """Writes log lines; `speaker` names the invocation of the current thread or task, if it has one."""

    def __init__(self, stream: TextIO, speaker: Callable[[], Mapping[str, str]]) -> None:
        super().__init__(stream)
        self._speaker = speaker
        self.addFilter(_worth_reading)

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _rfc3339(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **self._speaker(),
        }
        if record.exc_info:
            line["exception"] = logging.Formatter().formatException(record.exc_info)
        for name, value in vars(record).items():
            if name not in _OF_EVERY_RECORD:
                line[f"extra_{name}" if name in line else name] = _jsonable(value)
        return json.dumps(line)


def install(stream: TextIO, level: int, speaker: Callable[[], Mapping[str, str]]) -> None:
    """Make log lines of everything that is logged in this process."""
    logging.basicConfig(level=level, handlers=[LogLines(stream, speaker)], force=True)
    if level > logging.DEBUG:
        # Both speak of every request or invocation, and host.json keeps the former quiet in Azure too.
        logging.getLogger("azure").setLevel(logging.WARNING)
        logging.getLogger("werkzeug").setLevel(logging.WARNING)


def _worth_reading(record: logging.LogRecord) -> bool:
    """azure-functions warns about every app without an http function, while indexing it."""
    return not str(record.msg).startswith("Auth level is not applied to non http function app")


def _rfc3339(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _jsonable(value: object) -> object:
    """The value itself if JSON has a way to write it, else its text."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return str(value)
    return value
