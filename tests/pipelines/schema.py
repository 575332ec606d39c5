"""Microsoft's schema of Azure Pipelines, as check-jsonschema carries it, made fit for what Azure itself accepts."""

import json
from collections import defaultdict
from functools import cache
from importlib.resources import files
from typing import Any

from check_jsonschema.transforms.azure_pipelines import AZURE_TRANSFORM  # type: ignore[import-untyped]
from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

_ANOTHER_TASK, _ANOTHER_KIND, _ANOTHER_TYPE = 1_000, 10_000, 100_000  # misfits, from the likely to the absurd
_READABLE = 200  # characters of a message: some repeat the whole pipeline


def complaints(pipeline: Any) -> list[str]:
    """What is wrong with a pipeline or a template, `${{ if }}` and `${{ each }}` included: where, and what."""
    unwrapped = AZURE_TRANSFORM(pipeline)
    plain = (each for error in _validator().iter_errors(unwrapped) for each in _plain(error))
    return [f"{'.'.join(map(str, each.absolute_path)) or 'top'}: {each.message[:_READABLE]}" for each in plain]


@cache
def _validator() -> Draft7Validator:
    vendored = files("check_jsonschema.builtin_schemas").joinpath("vendor", "azure-pipelines.json")
    schema = json.loads(vendored.read_text(encoding="utf-8"))
    for variant in schema["definitions"]["task"]["anyOf"]:
        _accept_aliases(variant["properties"].get("inputs", {}))
    return Draft7Validator(schema)


def _accept_aliases(inputs: dict[str, Any]) -> None:
    """`azureSubscription` is an alias of an input: a keyword of Microsoft's own that no validator of JSON knows."""
    properties = inputs.get("properties", {})
    for name, value in list(properties.items()):
        for alias in value.get("aliases", ()):
            properties.setdefault(alias, value)
            if name in inputs.get("required", ()):
                inputs["required"].remove(name)
                inputs.setdefault("allOf", []).append({"anyOf": [{"required": [alias]}, {"required": [name]}]})


def _plain(error: ValidationError) -> list[ValidationError]:
    """What is wrong with the shape that was meant: of some hundred that do not fit, the one that fits best."""
    return [each for missed in _meant(error) for each in _plain(missed)] if error.context else [error]


def _meant(error: ValidationError) -> list[ValidationError]:
    shapes: defaultdict[object, list[ValidationError]] = defaultdict(list)
    for each in error.context or ():
        shapes[each.schema_path[0]].append(each)
    return min(shapes.values(), key=lambda missed: sum(map(_misfit, missed)))


def _misfit(error: ValidationError) -> int:
    """The first key of a step, a job or a stage says what it is, and the name of a task which inputs it has."""
    if error.absolute_path and error.absolute_path[-1] == "task":
        return _ANOTHER_TASK
    if error.validator == "type":
        return _ANOTHER_TYPE
    if (
        isinstance(error.instance, dict)
        and isinstance(error.schema, dict)
        and error.validator == "additionalProperties"
    ):
        unexpected = [key for key in error.instance if key not in error.schema.get("properties", {})]
        return _ANOTHER_KIND if next(iter(error.instance)) in unexpected else len(unexpected)
    return 1
