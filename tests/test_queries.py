"""The queries in docs/ and monitoring/ are read by Microsoft's own parser of the language."""

import json
import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from missing import missing

from infra.deployment.await_functions import query
from monitoring.assemble import TRACES, Scope, alerts_json, functions, rules, standalone, workbook_json

ROOT = Path(__file__).parent.parent
PARSER = ROOT / ".kusto" / "node_modules"
PAGES = sorted((ROOT / "docs").rglob("*.md"))

pytestmark = pytest.mark.long


def mistakes(*queries: str, scope: Scope = Scope.COMPONENT) -> list[list[str]]:
    """The mistakes in each query, with their lines; where the functions of monitoring/ are stored."""
    stored = [
        {"name": name, "parameters": "" if name == TRACES else "since: timespan = 1d", "body": body}
        for name, body in functions(scope).items()
    ]
    if not PARSER.exists():
        missing("Kusto's own parser is not installed (make kql)", "the queries are not read by it")
    done = subprocess.run(
        ["node", ROOT / "tests" / "queries" / "check.cjs"],
        input=json.dumps({"functions": stored, "queries": queries}),
        env=os.environ | {"NODE_PATH": str(PARSER)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found: list[list[str]] = json.loads(done.stdout)
    return found


def blocks(page: Path) -> list[str]:
    """The queries on a page."""
    return re.findall(r"^```kusto\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_every_query_in_the_docs_is_one_for_kusto() -> None:
    queries = {f"{page.name}, query {number}": query for page in PAGES for number, query in enumerate(blocks(page), 1)}
    assert {name for name in queries if name.startswith("operations.md")} != set()
    assert dict(zip(queries, mistakes(*queries.values()), strict=True)) == {name: [] for name in queries}


@pytest.mark.parametrize("scope", Scope)
def test_every_stored_function_is_one_for_kusto_in_either_scope(scope: Scope) -> None:
    """A function's body is a query by itself: the parser does not tell a caller of a mistake in it."""
    bodies = {name: f"let since = 1d;\n{body}" for name, body in functions(scope).items()}
    assert dict(zip(bodies, mistakes(*bodies.values(), scope=scope), strict=True)) == {name: [] for name in bodies}
    calls = [f"{name}(1h) | count" for name in bodies if name != TRACES]
    assert mistakes(*calls, scope=scope) == [[] for _ in calls]


def test_every_alert_and_every_query_of_the_workbook_is_one_for_kusto() -> None:
    queries = {rule["name"]: rule["query"] for rule in json.loads(alerts_json())}
    for item in json.loads(workbook_json())["items"]:
        if item["type"] == 3:
            queries[item["name"]] = item["content"]["query"].replace("{TimeRange:grain}", "5m")
    queries |= {f"{rule['name']}, in a workspace": standalone(rule["query"], "1h", Scope.WORKSPACE) for rule in rules()}
    assert dict(zip(queries, mistakes(*queries.values()), strict=True)) == {name: [] for name in queries}


def test_a_misspelt_operator_column_or_function_is_found() -> None:
    """A parser that knows neither the table nor the functions would find nothing in the docs either."""
    wrong = (
        "traces\n| were true",
        "traces\n| project timestmp",
        "traces\n| extend fact = parse_jsn(message)",
        "ScalerWaits(1h)\n| project waited",
    )
    assert [len(found) > 0 and found[0].startswith("line 2: KS") for found in mistakes(*wrong)] == [True] * 4


def test_the_question_of_a_deployment_is_one_that_kusto_reads() -> None:
    assert mistakes(query("pixels-scaler", datetime(2026, 11, 30, tzinfo=UTC))) == [[]]
