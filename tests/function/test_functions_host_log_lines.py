"""A log line holds what Microsoft's worker forwards of a record, and no record that Azure's host would drop."""

import io
import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from emulator.functions_host.worker import LogLines

INVOCATION = {"function": "cleaner", "invocation_id": "42"}


def lines(record: logging.LogRecord, speaker: Mapping[str, str]) -> list[dict[str, Any]]:
    stream = io.StringIO()
    LogLines(stream, lambda: speaker).handle(record)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def written(record: logging.LogRecord) -> dict[str, Any]:
    (line,) = lines(record, INVOCATION)
    return line


def record(**attributes: object) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": "app", "levelname": "INFO", "msg": "%s stopped", "args": ("one",), "created": 0.25, **attributes}
    )


@pytest.mark.parametrize("extra", [{}, {"instances": 3}, {"facts": {"x": 1}}, {"event": "step"}])
def test_of_a_record_only_what_the_worker_forwards_arrives(extra: dict[str, object]) -> None:
    assert written(record(**extra)) == {
        "time": "1970-01-01T00:00:00.250Z",
        "level": "INFO",
        "logger": "app",
        "message": "one stopped",
        **INVOCATION,
    }


@pytest.mark.parametrize("logger", ["app", "scaler", "azure.identity", "root"])
def test_what_no_invocation_says_does_not_arrive(logger: str) -> None:
    assert lines(record(name=logger), {}) == []


@pytest.mark.parametrize(("logger", "level"), [("functions_host", "INFO"), ("azure.functions", "WARNING")])
def test_what_the_host_and_the_worker_say_of_themselves_needs_no_invocation(logger: str, level: str) -> None:
    said = record(name=logger, levelname=level, levelno=logging.getLevelName(level))
    assert [line["message"] for line in lines(said, {})] == ["one stopped"]


def test_an_exception_is_part_of_the_message() -> None:
    error = ValueError("boom")
    assert written(record(exc_info=(ValueError, error, None)))["message"] == "one stopped\nValueError: boom"
