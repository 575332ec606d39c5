"""alerts.json and workbook.json from their sources: each query stands for itself, with the functions put into it.

Functions that are stored in a workspace are not seen by a query whose scope is an Application Insights resource, and
that is where alert rules and workbooks look.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ALERTS, WORKBOOK = HERE / "alerts.json", HERE / "workbook.json"
RUNBOOK = "docs/operations.md"
TRACES = "ScalerTraces"
EVERY_MINUTES = 5
_CALL = re.compile(r"\b(Scaler[A-Z]\w*)(?:\(since\))?")
_ALWAYS = "90d"  # the workbook's own time range is narrower
_RESOURCE = "microsoft.insights/components"
_HOURS = (1, 4, 12, 24, 72, 168, 720)


class Scope(StrEnum):
    """Where a query is asked: the tables of the two have different names."""

    COMPONENT = "component"  # an Application Insights resource
    WORKSPACE = "workspace"  # a Log Analytics workspace


def functions(scope: Scope) -> Mapping[str, str]:
    """The bodies of the stored functions by name, without the comments. All but ScalerTraces take `since`."""
    found = {path.name.removesuffix(".kql"): path for path in sorted((HERE / "functions").glob("*.kql"))}
    bodies = {name: re.sub(r"^//.*\n", "", path.read_text(encoding="utf-8")).rstrip() for name, path in found.items()}
    own = {f"{TRACES}.{each}" for each in Scope}
    return {TRACES: bodies[f"{TRACES}.{scope}"], **{name: body for name, body in bodies.items() if name not in own}}


def standalone(query: str, since: str, scope: Scope = Scope.COMPONENT) -> str:
    """The query with the functions that it calls as `let` statements before it."""
    bodies = functions(scope)
    lets = [f"let {name} = {_CALL.sub(r'\1', bodies[name])};" for name in _called(query, bodies)]
    return "\n".join((f"let since = {since};", *lets, _CALL.sub(r"\1", query.strip())))


def _called(query: str, bodies: Mapping[str, str]) -> Iterator[str]:
    """The functions of a query, every function after its own needs."""
    found = dict[str, None]()
    for name in _CALL.findall(query):
        found |= dict.fromkeys((*_called(bodies[name], bodies), name))
    yield from found


def rules() -> list[dict[str, Any]]:
    """The alert rules as alerts.toml has them."""
    found: list[dict[str, Any]] = _read("alerts.toml")["rule"]
    return found


def alerts_json() -> str:
    """alerts.json: for infra's Bicep, or any other program that makes rules of them."""
    return _written([_alert(rule) for rule in rules()])


def _alert(rule: Mapping[str, Any]) -> Mapping[str, object]:
    return {
        "name": f"scaler-{rule['name']}",
        "displayName": f"Scaler: {rule['title']}",
        "description": rule["description"],
        "severity": rule["severity"],
        "query": standalone(rule["query"], f"{rule['minutes']}m"),
        "windowSize": f"PT{rule['minutes']}M",
        "evaluationFrequency": f"PT{EVERY_MINUTES}M",
        "operator": "GreaterThan",
        "threshold": 0,
        "timeAggregation": "Count",
        "runbook": f"{RUNBOOK}#alert-{rule['name']}",
    }


def workbook_json() -> str:
    """workbook.json: the serialized data of a workbook whose source is an Application Insights resource."""
    items: list[object] = [_text("# The pixel streaming scaler", "title"), _time_range()]
    for section in _read("workbook.toml")["section"]:
        title = section["title"]
        items.append(_text("\n\n".join(filter(None, (f"## {title}", section.get("text")))), f"section: {title}"))
        items += map(_query, section["item"])
    return _written({"version": "Notebook/1.0", "items": items, "isLocked": False, "$schema": _SCHEMA})


_SCHEMA = "https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json"


def _text(markdown: str, name: str) -> Mapping[str, object]:
    return {"type": 1, "content": {"json": markdown}, "name": name}


def _time_range() -> Mapping[str, object]:
    milliseconds = [hours * 3_600_000 for hours in _HOURS]
    parameter = {
        "id": "b6b3c1f6-7c0c-4d0a-9d52-5d1f0a7f1a01",
        "version": "KqlParameterItem/1.0",
        "name": "TimeRange",
        "label": "Time",
        "type": 4,
        "isRequired": True,
        "value": {"durationMs": 24 * 3_600_000},
        "typeSettings": {"selectableValues": [{"durationMs": each} for each in milliseconds], "allowCustom": True},
    }
    content = {
        "version": "KqlParameterItem/1.0",
        "parameters": [parameter],
        "style": "pills",
        "queryType": 0,
        "resourceType": _RESOURCE,
    }
    return {"type": 9, "content": content, "name": "time"}


def _query(item: Mapping[str, Any]) -> Mapping[str, object]:
    content = {
        "version": "KqlItem/1.0",
        "query": standalone(item["query"], _ALWAYS),
        "size": 0,
        "title": item["title"],
        "timeContextFromParameter": "TimeRange",
        "queryType": 0,
        "resourceType": _RESOURCE,
        "visualization": item["chart"],
    }
    content |= {"noDataMessage": item["none"], "noDataMessageStyle": 3} if "none" in item else {}
    wide = {"customWidth": str(item["width"])} if "width" in item else {}
    return {"type": 3, "content": content, **wide, "name": item["title"]}


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((HERE / name).read_text(encoding="utf-8"))


def _written(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
