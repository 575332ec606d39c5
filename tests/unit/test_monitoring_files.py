"""alerts.json and workbook.json as Azure takes them, and each alert's paragraph for the operator at night."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from test_docs import slugs

from monitoring.assemble import ALERTS, HERE, TRACES, WORKBOOK, Scope, alerts_json, functions, workbook_json

RULES = json.loads(ALERTS.read_text(encoding="utf-8"))
BOOK = json.loads(WORKBOOK.read_text(encoding="utf-8"))
PAGE = HERE.parent / "docs" / "operations.md"
CHARTS = {"table", "tiles", "linechart", "barchart"}
_FREQUENCIES, _WINDOWS = {5, 10, 15, 30}, {5, 10, 15, 30, 45, 60}  # minutes that Azure takes


@pytest.mark.parametrize(("path", "fresh"), [(ALERTS, alerts_json), (WORKBOOK, workbook_json)])
def test_the_file_is_fresh(path: Path, fresh: Any) -> None:
    assert path.read_text(encoding="utf-8") == fresh(), "stale: run `python docs/generate.py`"


def minutes(duration: str) -> int:
    match = re.fullmatch(r"PT(\d+)M", duration)
    assert match is not None
    return int(match[1])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["name"])
def test_a_rule_is_one_for_azure(rule: dict[str, Any]) -> None:
    assert list(rule) == [
        *("name", "displayName", "description", "severity", "query", "windowSize", "evaluationFrequency"),
        *("operator", "threshold", "timeAggregation", "runbook"),
    ]
    assert rule["severity"] in range(5)
    assert minutes(rule["windowSize"]) in _WINDOWS
    assert minutes(rule["evaluationFrequency"]) in _FREQUENCIES
    assert minutes(rule["windowSize"]) >= max(10, minutes(rule["evaluationFrequency"]))
    assert (rule["operator"], rule["threshold"], rule["timeAggregation"]) == ("GreaterThan", 0, "Count")
    assert f"let since = {minutes(rule['windowSize'])}m;" in rule["query"]
    assert len(json.dumps(rule)) < 64 * 1024


def test_each_rule_has_a_paragraph_of_its_own_and_each_paragraph_a_rule() -> None:
    anchors = {rule["runbook"].removeprefix("docs/operations.md#") for rule in RULES}
    assert len(anchors) == len(RULES)
    assert anchors == {slug for slug in slugs(PAGE) if slug.startswith("alert-")}
    for anchor in anchors:
        paragraph = PAGE.read_text(encoding="utf-8").partition(f"### Alert: {anchor.removeprefix('alert-')}\n")[2]
        assert len(paragraph.partition("\n### ")[0].split()) > 20


def test_no_query_calls_a_function_that_it_does_not_bring_along() -> None:
    queries = [rule["query"] for rule in RULES] + [item["content"].get("query", "") for item in BOOK["items"]]
    for query in queries:
        brought = set(re.findall(r"^let (\w+) =", query, re.M))
        assert set(re.findall(r"\bScaler[A-Z]\w*", query)) <= brought
        assert "(since)" not in query.replace("ago(since)", "")


def test_only_one_function_knows_the_scope() -> None:
    component, workspace = functions(Scope.COMPONENT), functions(Scope.WORKSPACE)
    assert {name for name in component if component[name] != workspace[name]} == {TRACES}
    assert all(not re.search(r"\b(traces|AppTraces)\b", body) for name, body in component.items() if name != TRACES)


def test_the_workbook_is_one_for_azure() -> None:
    assert BOOK["version"] == "Notebook/1.0"
    names = [item["name"] for item in BOOK["items"]]
    assert len(names) == len(set(names))
    (time,) = [item for item in BOOK["items"] if item["type"] == 9]
    assert [parameter["name"] for parameter in time["content"]["parameters"]] == ["TimeRange"]
    queries = [item for item in BOOK["items"] if item["type"] == 3]
    assert len(queries) > 10
    for item in queries:
        content = item["content"]
        assert content["timeContextFromParameter"] == "TimeRange"
        assert (content["queryType"], content["resourceType"]) == (0, "microsoft.insights/components")
        assert content["visualization"] in CHARTS
        assert set(re.findall(r"\{(\w+)", content["query"])) <= {"TimeRange"}


def test_the_workbook_has_its_sections_in_this_order() -> None:
    titles = [item["name"].removeprefix("section: ") for item in BOOK["items"] if item["name"].startswith("section: ")]
    assert titles == ["Verdict", "Visitors", "Machines", "Held back", "Cost", "Failures", "Controllers"]
