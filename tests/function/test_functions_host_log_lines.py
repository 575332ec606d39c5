"""A log line is one JSON object that keeps what the record knows."""

import io
import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from emulator.functions_host.log_lines import LogLines


def written(record: logging.LogRecord, speaker: Mapping[str, str]) -> dict[str, Any]:
    stream = io.StringIO()
    LogLines(stream, lambda: speaker).handle(record)
    (line,) = stream.getvalue().splitlines()
    decoded: dict[str, Any] = json.loads(line)
    return decoded


def record(**attributes: object) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": "app", "levelname": "INFO", "msg": "%s stopped", "args": ("one",), "created": 0.25, **attributes}
    )


def test_a_line_says_when_how_grave_who_and_what() -> None:
    assert written(record(), {}) == {
        "time": "1970-01-01T00:00:00.250Z",
        "level": "INFO",
        "logger": "app",
        "message": "one stopped",
    }


def test_a_line_names_the_function_that_speaks() -> None:
    line = written(record(), {"function": "cleaner", "invocation_id": "42"})
    assert (line["function"], line["invocation_id"]) == ("cleaner", "42")


def test_extras_are_fields_of_the_line() -> None:
    line = written(record(instances=3, ids=["a", "b"], none=None, details={"x": 1.5}), {})
    assert (line["instances"], line["ids"], line["none"], line["details"]) == (3, ["a", "b"], None, {"x": 1.5})


def test_what_json_cannot_write_becomes_text() -> None:
    line = written(record(at=datetime(2026, 11, 21, tzinfo=UTC), ratio=float("nan")), {})
    assert (line["at"], line["ratio"]) == ("2026-11-21 00:00:00+00:00", "nan")


def test_an_extra_does_not_overwrite_a_field() -> None:
    line = written(record(time="noon"), {})
    assert (line["time"], line["extra_time"]) == ("1970-01-01T00:00:00.250Z", "noon")


def test_an_exception_is_text() -> None:
    error = ValueError("boom")
    line = written(record(exc_info=(ValueError, error, None)), {})
    assert line["exception"] == "ValueError: boom"


def test_a_message_of_many_lines_is_one_line() -> None:
    assert written(record(msg="a\nb", args=()), {})["message"] == "a\nb"


def test_the_warning_that_every_timer_app_causes_is_not_written() -> None:
    stream = io.StringIO()
    LogLines(stream, dict).handle(record(msg="Auth level is not applied to non http function app. Ref: …", args=()))
    assert stream.getvalue() == ""
