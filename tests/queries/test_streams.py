"""What the recipes ask of Prometheus: the rules for GPUs over texts of exporters, and the queries for Kubernetes."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import parser
from queries.promtool import ROOT, promtool
from ruamel.yaml import YAML

RULES = ROOT / "monitoring" / "prometheus-gpu-rules.yml"
SCRAPE = ROOT / "monitoring" / "prometheus-gpu-scrape.yml"
KUBERNETES = ROOT / "monitoring" / "kubernetes"
EXPORTERS = ROOT / "tests" / "exporters"
VMS = {"dcgm": "a", "nvidia_gpu": "b", "windows": "c"}
GIB = 2**30

type Series = Iterator[Mapping[str, str]]


def series(name: str, labels: Mapping[str, str], values: str) -> Mapping[str, str]:
    """A series for promtool; JSON quotes a label as Prometheus does."""
    return {
        "series": f"{name}{{{','.join(f'{key}={json.dumps(text)}' for key, text in labels.items())}}}",
        "values": values,
    }


def scraped(exporter: str) -> Series:
    """The text of an exporter, scraped every half minute; its time of engines grows by 15 and its memory by nothing."""
    text = (EXPORTERS / f"{exporter}.prom").read_text(encoding="utf-8")
    for family in parser.text_string_to_metric_families(text):
        for each in family.samples:
            name = each.name if each.name in text else each.name.removesuffix("_total")  # which this parser adds
            grows = f"{int(each.value)}+15x20" if name.endswith("time_seconds") else f"{each.value:f}x20"
            yield series(name, each.labels | {"vm": VMS[exporter], "instance": exporter}, grows)


def allocated(**by_vm: str) -> Series:
    """Machines as two node exporters tell of them."""
    for vm, values in by_vm.items():
        for instance in ("one", "two"):
            labels = {"vm": vm, "scale_set": "pixels", "tier": "cold", "instance": instance}
            yield series("pixel_stream_allocated", labels, values)


def asked(folder: Path, found: list[Mapping[str, str]], answers: Mapping[str, Mapping[str, float]]) -> str:
    """What promtool complains of, where these queries have these answers after five minutes."""
    tests = [
        {"expr": query, "eval_time": "5m", "exp_samples": [{"labels": key, "value": n} for key, n in answer.items()]}
        for query, answer in answers.items()
    ]
    file = folder / "test.yml"
    file.write_text(
        json.dumps(
            {
                "rule_files": [str(RULES)],
                "evaluation_interval": "30s",
                "tests": [{"interval": "30s", "input_series": found, "promql_expr_test": tests}],
            }
        )
    )
    return promtool("test", "rules", str(file))


def recipe(name: str) -> list[Any]:
    """The documents of a recipe."""
    with (KUBERNETES / name).open(encoding="utf-8") as file:
        return list(YAML(typ="safe").load_all(file))


def of(metric: str, vm: str) -> str:
    return f'{metric}{{vm="{vm}",scale_set="pixels",tier="cold"}}'


@pytest.mark.long
@pytest.mark.parametrize("words", [("rules", str(RULES)), ("config", str(SCRAPE))])
def test_promtool_takes_the_rules_and_the_scraping(words: tuple[str, ...]) -> None:
    assert promtool("check", *words) == ""


def test_a_machine_can_write_no_metric_but_those_of_the_rules() -> None:
    with SCRAPE.open(encoding="utf-8") as file:
        (job,) = YAML(typ="safe").load(file)["scrape_configs"]
    (kept,) = job["metric_relabel_configs"]
    metrics = set(re.findall(r"\b(?:DCGM|nvidia_smi|windows_gpu|pixel_stream)_\w+", RULES.read_text(encoding="utf-8")))
    passing = {name for name in metrics | {"scaler_paused"} if re.fullmatch(kept["regex"], name)}
    assert passing == {name for name in metrics if not name.startswith("pixel_stream")}
    assert len(passing) == 8


@pytest.mark.long
def test_each_exporter_is_joined_with_the_tier_of_a_machine_that_a_session_has(tmp_path: Path) -> None:
    found = [each for name in VMS for each in scraped(name)]
    use, encoder, memory = (
        f"pixel_stream:gpu_{what}" for what in ("utilization:ratio", "encoder_utilization:ratio", "memory_used:bytes")
    )
    answers = {
        use: {of(use, "a"): 0.63, of(use, "b"): 0.87, of(use, "c"): 1.0},  # two processes, 15 s each in 30 s
        encoder: {of(encoder, "a"): 0.24, of(encoder, "b"): 0.31, of(encoder, "c"): 0.5},
        memory: {of(memory, "a"): 3.5 * GIB, of(memory, "b"): 5.0 * GIB, of(memory, "c"): 2.0 * GIB},
    }
    assert asked(tmp_path, [*found, *allocated(a="1x20", b="1x20", c="1x20")], answers) == ""
    free = {name: {key: n for key, n in told.items() if 'vm="b"' in key} for name, told in answers.items()}
    assert asked(tmp_path, [*found, *allocated(a="0x20", b="1x20", d="1x20")], free) == ""


@pytest.mark.long
def test_a_number_that_dcgm_does_not_know_is_no_use_of_a_gpu(tmp_path: Path) -> None:
    blank = [series(f"DCGM_FI_DEV_{each}", {"vm": "a"}, "9223372036854775794x20") for each in ("GPU_UTIL", "FB_USED")]
    empty: dict[str, Mapping[str, float]] = {
        "pixel_stream:gpu_utilization:ratio": {},
        "pixel_stream:gpu_memory_used:bytes": {},
    }
    assert asked(tmp_path, [*blank, *allocated(a="1x20")], empty) == ""


@pytest.mark.long
def test_the_queries_for_kubernetes_count_each_session_once(tmp_path: Path) -> None:
    (keda,) = recipe("keda.yaml")
    (trigger,) = keda["spec"]["triggers"]
    (rule,) = recipe("prometheus-adapter.yaml")[0]["rules"]["external"]
    adapter = rule["metricsQuery"].replace("<<.Series>>", rule["seriesQuery"])
    all_of, some_of = (adapter.replace("<<.LabelMatchers>>", each) for each in ("", 'scale_set="pixels"'))
    keda_asks = trigger["metadata"]["query"]
    busy = [*allocated(a="1x20", b="0x20", c="1x20"), series("scaler_paused", {"instance": "one"}, "1x20")]
    assert asked(tmp_path, busy, {query: {"{}": 2} for query in (keda_asks, all_of, some_of)}) == ""
    empty = [series("scaler_paused", {"instance": "one"}, "0x20")]
    assert asked(tmp_path, empty, {keda_asks: {"{}": 0}, all_of: {}}) == ""
    assert asked(tmp_path, [], {keda_asks: {}}) == ""  # KEDA's fallback


def test_the_autoscaler_asks_for_what_the_adapter_offers() -> None:
    (rules, autoscaler) = recipe("prometheus-adapter.yaml")
    (metric,) = autoscaler["spec"]["metrics"]
    (rule,) = rules["rules"]["external"]
    assert metric["external"]["metric"]["name"] == rule["name"]["as"]
    (keda,) = recipe("keda.yaml")
    assert keda["spec"]["triggers"][0]["metadata"]["threshold"] == metric["external"]["target"]["averageValue"]
