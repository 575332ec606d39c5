"""A log entry is one line, and a program reads the facts back, whatever text a fact holds."""

import json

import pytest
from hostile.values import ESCAPE

from scaler.model.plan import Why
from scaler.telemetry import read, written


def kusto(message: str) -> object:
    """What `parse_json(substring(message, indexof(message, "{")))` is in a query."""
    return json.loads(message[message.index("{") :])


def test_a_message_is_a_sentence_and_its_facts() -> None:
    message = written(Why.RESERVED, {"event": "step", "vm_id": "a", "error": "", "facts": {"session": "s-1", "n": 0}})
    assert message == 'reserved {"event": "step", "vm_id": "a", "facts": {"session": "s-1", "n": 0}}'
    assert read(message) == ("reserved", {"event": "step", "vm_id": "a", "facts": {"session": "s-1", "n": 0}})


@pytest.mark.parametrize(
    "text", [ESCAPE, "{", 'set PREFIX="{vmss}"', '"}', "a\nb\r\u2028c", "\udce4", "ü 中", "\\", "%s"]
)
def test_a_query_finds_the_facts_whatever_a_sentence_or_a_fact_holds(text: str) -> None:
    message = written(text, {"why": text, text: 1, "facts": {"session": text, "list": [text]}})
    assert message.isprintable()
    assert kusto(message) == read(message)[1]
    assert read(written("x", {"why": "{vmss}"}))[1] == {"why": "{vmss}"}


@pytest.mark.parametrize("message", ["", "no facts", "set {x} to {y}", "[1]", "it ends {", 'a list {"a": 1} and more'])
def test_a_message_of_somebody_else_is_a_sentence_without_facts(message: str) -> None:
    assert read(message) == (message, {})
