"""The log as a table that answers Kusto queries: DuckDB, by duckdb-kql; and a recorder of the log."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb_kql

_SEVERITY = {"INFO": 1, "WARNING": 2, "ERROR": 3, "CRITICAL": 4}  # as Application Insights numbers levels


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the log as a row of `traces`."""

    at: datetime
    message: str
    severity: int


def lines_in(log: Path) -> list[Line]:
    """The scaler's lines in the log of a run (LOG=FILE)."""
    found = [json.loads(text) for text in log.read_text(encoding="utf-8").splitlines()]
    return [
        Line(at=datetime.fromisoformat(line["time"]), message=line["message"], severity=_SEVERITY[line["level"]])
        for line in found
        if line["logger"] == "scaler"
    ]


class _Recorder(logging.Handler):
    def __init__(self, now: Callable[[], datetime], lines: list[Line]) -> None:
        super().__init__()
        self._now, self._lines = now, lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(Line(at=self._now(), message=record.getMessage(), severity=_SEVERITY[record.levelname]))


@contextmanager
def recorded(now: Callable[[], datetime]) -> Iterator[list[Line]]:
    """The lines of the scaler's log until the end of the block, at the times of that clock."""
    log, lines = logging.getLogger("scaler"), list[Line]()
    recorder, level = _Recorder(now, lines), log.level
    log.addHandler(recorder)
    log.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        log.removeHandler(recorder)
        log.setLevel(level)


class Kusto:
    """A table of these lines. Queries are asked as of a moment: `ago(since)` goes back from there, nothing is later."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._connection = duckdb_kql.connect()
        self._connection.execute("create table traces (timestamp timestamp, message varchar, severityLevel integer)")
        columns = [
            [line.at.replace(tzinfo=None) for line in lines],
            [line.message for line in lines],
            [line.severity for line in lines],
        ]
        self._connection.execute("insert into traces select unnest(?), unnest(?), unnest(?)", columns)

    def ask(self, query: str, now: datetime) -> list[dict[str, Any]]:
        """The rows of the answer."""
        moment = f"datetime({now.replace(tzinfo=None).isoformat()})"
        asked = query.replace("timestamp > ago(since)", f"timestamp between (({moment} - since) .. {moment})")
        assert "ago(" not in asked, "a query goes back from the true time"
        found = duckdb_kql.query(self._connection, asked)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
