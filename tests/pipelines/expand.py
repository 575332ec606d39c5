"""A pipeline as Azure would run it: templates put in, parameters bound, `${{ each }}` written out.

The expressions of this project's pipelines are expanded; any other expression is refused, so that none is passed over.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

PIPELINES = Path(__file__).parents[2] / ".azure-pipelines"

_EXPRESSION = re.compile(r"\$\{\{\s*([^{}]+?)\s*\}\}")
_EACH = re.compile(r"\$\{\{\s*each (\w+) in (.+?)\s*\}\}")
_CALL = re.compile(r"convertToJson\((.+)\)")
_PATH = re.compile(r"\w+(\.\w+)*")
_TYPES: Mapping[str, tuple[type, ...]] = {"string": (str,), "object": (dict, list)}

type Names = Mapping[str, Any]


class Unusable(Exception):
    """Azure would refuse to run it; the message says why."""


def load(path: Path) -> dict[str, Any]:
    """The file as it is written."""
    content: dict[str, Any] = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    return content


def expanded(path: Path) -> dict[str, Any]:
    """The whole pipeline, run with the defaults of its parameters."""
    pipeline: dict[str, Any] = _value(load(path), _bound(path, {}), path)
    pipeline.pop("parameters", None)
    return pipeline


def _bound(path: Path, passed: Mapping[str, Any]) -> Names:
    """What `parameters` means in a file."""
    declared = {each["name"]: each for each in load(path).get("parameters", ())}
    problems = [f"has no parameter {name}" for name in passed if name not in declared]
    values = {name: each["default"] for name, each in declared.items() if "default" in each} | dict(passed)
    problems += [f"needs the parameter {name}" for name in declared if name not in values]
    if not problems:
        wrong = [name for name, each in declared.items() if not isinstance(values[name], _TYPES[each["type"]])]
        problems += [f"takes no {values[name]!r} as {name}" for name in wrong]
    if problems:
        raise Unusable(f"{path.name} " + ", ".join(problems))
    return {"parameters": values}


def _value(node: Any, names: Names, path: Path) -> Any:
    if isinstance(node, dict):
        return {key: node[key] if key == "parameters" else _value(node[key], names, path) for key in node}
    if isinstance(node, list):
        return [each for item in node for each in _items(item, names, path)]
    return _text(node, names) if isinstance(node, str) else node


def _items(item: Any, names: Names, path: Path) -> Iterator[Any]:
    """What one item of a list becomes."""
    each = _EACH.fullmatch(next(iter(item))) if isinstance(item, dict) else None
    if each is not None:
        (body,) = item.values()
        for value in _evaluated(each[2], names):
            yield from _value(body, {**names, each[1]: value}, path)
    elif isinstance(item, dict) and "template" in item:
        yield from _template(item, names, path)
    else:
        yield _value(item, names, path)


def _template(item: Mapping[str, Any], names: Names, path: Path) -> list[Any]:
    target = path.parent / item["template"]
    if not target.exists():
        raise Unusable(f"{path.name}: there is no {item['template']}")
    passed = {name: _value(value, names, path) for name, value in item.get("parameters", {}).items()}
    content = _value(load(target), _bound(target, passed), target)
    (kind,) = content.keys() - {"parameters"}
    found: list[Any] = content[kind]
    return found


def _text(text: str, names: Names) -> Any:
    whole = _EXPRESSION.fullmatch(text)
    if whole is not None:
        return _evaluated(whole[1], names)
    return _EXPRESSION.sub(lambda found: str(_evaluated(found[1], names)), text)


def _evaluated(expression: str, names: Names) -> Any:
    call = _CALL.fullmatch(expression)
    if call is not None:
        return json.dumps(_evaluated(call[1], names), indent=2)
    if not _PATH.fullmatch(expression):
        raise Unusable(f"an expression that expand.py does not know: {expression}")
    value: Any = names
    for name in expression.split("."):
        if name not in value:
            raise Unusable(f"{expression}: there is no {name}")
        value = value[name]
    return value
