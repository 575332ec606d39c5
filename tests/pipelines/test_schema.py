"""The pipelines keep to Microsoft's schema, and a planted mistake is found and named."""

from pathlib import Path
from typing import Any

import pytest
from pipelines.expand import PIPELINES, expanded
from pipelines.schema import complaints
from ruamel.yaml import YAML

FILES = sorted(PIPELINES.rglob("*.yml"))
WHOLE = [path for path in FILES if path.parent == PIPELINES]


def parsed(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def with_mistake(name: str, right: str, wrong: str) -> Any:
    """One of our own pipelines with one mistake in it."""
    text = (PIPELINES / name).read_text(encoding="utf-8")
    assert right in text, f"{name} has changed; plant the mistake elsewhere"
    return parsed(text.replace(right, wrong, 1))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_keeps_to_the_schema(path: Path) -> None:
    assert complaints(parsed(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.name)
def test_what_azure_would_run_keeps_to_the_schema(path: Path) -> None:
    assert complaints(expanded(path)) == []


@pytest.mark.parametrize(
    ("name", "right", "wrong", "found"),
    [
        ("build.yml", "condition: succ", "conditon: succ", "Additional properties are not allowed ('c"),
        ("build.yml", "artifact:", "artefact:", "('artefact' was unexpected)"),
        ("build.yml", "- job:", "- jobs:", "jobs.0: Additional properties are not allowed ('jobs' was unexpected)"),
        ("build.yml", "include:", "includes:", "trigger.branches: Additional properties are not allowed ('includes'"),
        ("build.yml", "PublishTestResults@2", "PublishTestResult@2", "task: 'PublishTestResult@2'"),
        ("build.yml", "Format: JUnit", "Format: JUnit5", "inputs.testResultsFormat: 'JUnit5' is not one of"),
        ("deploy.yml", "dependsOn:", "dependOn:", "stages.0: Additional properties are not allowed ('dependOn' was"),
        ("deploy.yml", "sequential", "first", "lockBehavior: 'first' does not match"),
        ("deploy.yml", "type: object", "type: objects", "parameters.0.type: 'objects' does not match"),
        ("templates/region.yml", "runOnce:", "runOne:", "jobs.0.strategy: Additional properties are not allowed"),
        ("templates/release.yml", "scriptType: bash", "", "steps.2.inputs: 'scriptType' is a required property"),
        ("templates/release.yml", "scriptType: bash", "scriptType: fish", "inputs.scriptType: 'fish' is not one of"),
        ("templates/release.yml", "inlineScript:", "inlinedScript:", "steps.2.inputs: Additional properties are not"),
        ("templates/release.yml", "azureSubscription", "azureConnection", "steps.2.inputs: Additional properties are"),
    ],
)
def test_a_mistake_is_found_and_named(name: str, right: str, wrong: str, found: str) -> None:
    said = complaints(with_mistake(name, right, wrong))
    assert any(found in each for each in said), said


def test_a_mistake_within_an_expression_is_found() -> None:
    template = "jobs:\n- ${{ if eq(parameters.a, 'b') }}:\n  - job: a\n    stps: []\n"
    assert complaints(parsed(template)) == ["jobs.0: Additional properties are not allowed ('stps' was unexpected)"]
