"""Waits until every controller has told of a tick without an error since a deployment; deploy.yml's last step.

What it asks is Application Insights, where each controller writes an evaluation row a minute. It needs Python and the
Azure CLI, signed in. Telemetry arrives minutes late, hence the patience.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

FUNCTIONS = ("provisioner", "reconciler", "starter", "cleaner")
_SETTLING = timedelta(minutes=1)  # the old package may still be running, and both say the same of themselves
_PATIENCE = timedelta(minutes=12)  # settling, a row of the slowest timer, and late telemetry
_EVERY = timedelta(seconds=20)
_HOPELESS = 3  # so many rows with errors, and none without: one may be a Redis that was just failing over
_QUERY = (
    "traces | where cloud_RoleName =~ '{app}' and timestamp > datetime({since})"
    """ | where message contains '"event": "evaluation"'"""
    " | extend row = parse_json(substring(message, indexof(message, '{{')))"
    " | extend name = tostring(row.controller), errors = tostring(row.errors)"
    " | summarize successes = countif(isempty(errors)), failures = countif(isnotempty(errors)) by name"
)
"""Empty facts are left out of a row (scaler/telemetry/lines.py), so `errors` is there only where there were some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """How many rows one controller has written since the deployment, without and with errors."""

    successes: int
    failures: int


type Ask = Callable[[], Mapping[str, Runs]]


def verdict(seen: Mapping[str, Runs]) -> str | None:
    """Empty: each function has succeeded. None: not yet. Else what is wrong."""
    hopeless = [name for name, each in seen.items() if not each.successes and each.failures >= _HOPELESS]
    if hopeless:
        return f"{', '.join(hopeless)}: every tick had errors; the function app's log says why (docs/operations.md)"
    return "" if all(name in seen and seen[name].successes for name in FUNCTIONS) else None


def watch(ask: Ask, monotonic: Callable[[], float], sleep: Callable[[timedelta], None]) -> str:
    """Ask until there is a verdict, or until it takes too long."""
    until = monotonic() + _PATIENCE.total_seconds()
    while (found := verdict(seen := ask())) is None:
        if monotonic() >= until:
            missing = ", ".join(name for name in FUNCTIONS if name not in seen or not seen[name].successes)
            return (
                f"nothing good of {missing} in {_PATIENCE}: has the host started? The settings' mistakes are in the log"
            )
        sleep(_EVERY)
    return found


def query(app: str, since: datetime) -> str:
    """In the language of Application Insights."""
    return _QUERY.format(app=app, since=since.strftime("%Y-%m-%dT%H:%M:%SZ"))


def read(answer: str) -> Mapping[str, Runs]:
    """The one table of an answer, by the name of the function."""
    (table,) = json.loads(answer)["tables"]
    columns = [column["name"] for column in table["columns"]]
    rows = (dict(zip(columns, row, strict=True)) for row in table["rows"])
    return {row["name"]: Runs(successes=int(row["successes"]), failures=int(row["failures"])) for row in rows}


def main() -> int:
    options = _options()
    asked = query(options.app, datetime.now(UTC) + _SETTLING)
    where = ("--app", options.app, "--resource-group", options.resource_group)  # infra/ gives both the same name
    command = ["az", "monitor", "app-insights", "query", *where, "--analytics-query", asked, "--output", "json"]

    def ask() -> Mapping[str, Runs]:
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
        return read(done.stdout)

    found = watch(ask, time.monotonic, lambda pause: time.sleep(pause.total_seconds()))
    print(found or "every controller has ticked without an error since the deployment")  # noqa: T201
    return 1 if found else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--app", required=True, help="name of the function app, and of its Application Insights")
    parser.add_argument("--resource-group", required=True, help="of both")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
