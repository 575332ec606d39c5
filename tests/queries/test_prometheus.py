"""The Grafana dashboard and the rules for Prometheus: over all gauges that `scaler metrics` writes, and no others."""

import json
import re
from itertools import combinations
from pathlib import Path

import pytest
from queries.promtool import ROOT, promtool
from test_docs import slugs

MEASURES = {
    name
    for file in ("measures", "streams", "metrics")
    for name in re.findall(
        r'"((?:scaler|pixel_stream)_\w+)"', (ROOT / "scaler" / "cli" / f"{file}.py").read_text("utf-8")
    )
}
BOARD = json.loads((ROOT / "monitoring" / "grafana.json").read_text(encoding="utf-8"))
RULES = ROOT / "monitoring" / "prometheus-rules.yml"
TESTS = Path(__file__).parent / "prometheus-rules-test.yml"


def test_the_dashboard_shows_every_gauge_and_no_other() -> None:
    asked = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]
    assert len(MEASURES) > 15
    names = {name for query in asked for name in re.findall(r"\b(?:scaler|pixel_stream)_\w+", query)}
    assert {name.removesuffix("_bucket") for name in names} == MEASURES
    (variable,) = [each for each in BOARD["templating"]["list"] if each["type"] == "query"]
    assert set(re.findall(r"\bscaler_(?!set)\w+", variable["query"])) <= MEASURES


def test_the_panels_of_the_dashboard_stand_apart() -> None:
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"]) > 10
    for one, other in combinations([panel["gridPos"] for panel in BOARD["panels"]], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in BOARD["panels"])


def test_no_panel_is_bound_to_one_prometheus() -> None:
    sources = [panel["datasource"] for panel in BOARD["panels"]]
    sources += [target["datasource"] for panel in BOARD["panels"] for target in panel["targets"]]
    assert {source["uid"] for source in sources} == {"${datasource}"}
    assert "datasource" in {variable["name"] for variable in BOARD["templating"]["list"]}


def test_the_rules_ask_for_gauges_that_there_are_and_name_paragraphs_that_there_are() -> None:
    text = RULES.read_text(encoding="utf-8")
    assert set(re.findall(r"\bscaler_\w+", text)) <= MEASURES
    runbooks = re.findall(r"runbook: docs/operations.md#(.*)", text)
    assert len(runbooks) == text.count("- alert:") > 4
    assert set(runbooks) <= slugs(ROOT / "docs" / "operations.md")


@pytest.mark.long
@pytest.mark.parametrize("words", [("check", "rules", str(RULES)), ("test", "rules", str(TESTS))])
def test_promtool_takes_the_rules_and_sees_them_fire_and_stay_silent(words: tuple[str, ...]) -> None:
    assert promtool(*words) == ""
