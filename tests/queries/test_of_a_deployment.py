"""What a deployment asks the log at its end, asked of lines that the scaler wrote."""

from datetime import timedelta

import pytest
from builders import NOW
from queries.kusto import Kusto, recorded

from infra.deployment.await_functions import query
from scaler.errors import Unreachable
from scaler.model.plan import Plan
from scaler.model.policy import Policy
from scaler.report import Report
from scaler.telemetry import Telemetry

pytestmark = pytest.mark.long
OF_THIS_APP = "cloud_RoleName =~ 'pixels-scaler' and "  # a column that our table of lines does not have


def answered(since: timedelta) -> dict[str, tuple[int, int]]:
    """Rows without and with errors by controller: a starter in peace, a cleaner whom Redis does not answer."""
    away = Unreachable("Redis at host:6379 does not answer")
    with recorded(lambda: NOW) as lines:
        starter, cleaner = (Telemetry(name, Policy(), NOW.timestamp) for name in ("starter", "cleaner"))
        starter.report(Report(plan=Plan()))
        cleaner.failed_tick(away, away)
    asked = query("pixels-scaler", NOW + since)
    assert OF_THIS_APP in asked
    rows = Kusto(lines).ask(asked.replace(OF_THIS_APP, ""), NOW)
    return {row["name"]: (row["successes"], row["failures"]) for row in rows}


def test_a_row_with_errors_is_a_failure_and_a_row_without_is_a_success() -> None:
    assert answered(since=-timedelta(seconds=1)) == {"starter": (1, 0), "cleaner": (0, 1)}


def test_rows_of_the_package_before_do_not_count() -> None:
    assert answered(since=timedelta(0)) == {}
