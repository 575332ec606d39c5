"""Lines of the functions host's log, and what is worth showing of them."""

import json
from datetime import UTC, datetime

import pytest

from scaler.telemetry import written
from simulator.happenings import Ticked, Told, Trouble
from simulator.parts.functions_host import heard, is_ready

TIME = "2026-01-01T12:00:00.500Z"


def line(sentence: str = "a message", *, level: str = "INFO", function: str = "cleaner", **facts: object) -> str:
    """One of the scaler's."""
    message = written(sentence, facts)
    said = {"time": TIME, "level": level, "logger": "scaler", "message": message, "function": function}
    return json.dumps(said)


def line_of_the_host(**fields: object) -> str:
    return json.dumps({"time": TIME, "level": "INFO", "logger": "functions_host", "message": "a message", **fields})


def test_a_step_is_told_with_all_that_the_scaler_says_of_it() -> None:
    step = {"event": "step", "controller": "starter", "vm_id": "vm", "edge": "OPEN", "order": "", "result": "done"}
    told = heard(line(**step, why="it runs", error="", facts={"session": "ann"}))
    assert told == Told(
        at=datetime(2026, 1, 1, 12, 0, 0, 500_000, tzinfo=UTC),
        event="step",
        controller="starter",
        why="it runs",
        vm_id="vm",
        session="ann",
        edge="OPEN",
        result="done",
    )


def test_a_failed_tick_is_told_by_its_message_and_the_function_it_ran_in() -> None:
    told = heard(line("tick failed: Redis is away", level="WARNING", event="tick_failed", why="Redis is away"))
    assert isinstance(told, Told)
    assert (told.controller, told.why) == ("cleaner", "tick failed: Redis is away")


def test_a_tick_and_a_function_that_returned_are_signs_of_life() -> None:
    at = datetime(2026, 1, 1, 12, 0, 0, 500_000, tzinfo=UTC)
    assert heard(line(event="evaluation", controller="starter")) == Ticked(at=at, controller="starter")
    ended = line_of_the_host(function="cleaner", message="function succeeded")
    assert heard(ended) == Ticked(at=at, controller="cleaner")


@pytest.mark.parametrize("text", [line(), line(event="settled"), line_of_the_host(message="host started")])
def test_what_says_nothing_new_is_not_shown(text: str) -> None:
    assert heard(text) is None


def test_a_scale_set_is_named_where_no_machine_is() -> None:
    capacity = heard(line(event="step", controller="provisioner", vm_id="", scale_set="vmss-pixels", why="below"))
    refusal = heard(line(event="held", controller="provisioner", vm_id="", why="paused", facts={"scale_set": "vmss-2"}))
    start = heard(line(event="step", controller="starter", vm_id="vm", scale_set="vmss-pixels", why="reserved"))
    assert [each.scale_set for each in (capacity, refusal, start) if isinstance(each, Told)] == [
        "vmss-pixels",
        "vmss-2",
        "",
    ]


def test_an_error_of_the_host_is_a_trouble_in_one_line() -> None:
    exception = "Traceback (most recent call last):\n  File …\nValueError: no such thing"
    trouble = heard(line_of_the_host(level="ERROR", function="cleaner", exception=exception))
    assert isinstance(trouble, Trouble)
    assert trouble.what == "cleaner: a message: ValueError: no such thing"
    assert trouble.controller == "cleaner"
    assert not trouble.fatal


@pytest.mark.parametrize("text", ["Segmentation fault", "[1, 2]", "{"])
def test_a_line_that_is_no_log_line_is_shown_as_it_is(text: str) -> None:
    trouble = heard(text)
    assert isinstance(trouble, Trouble)
    assert text in trouble.what


@pytest.mark.parametrize("wrong", [{"facts": "none"}, {"vm_id": None}, {"why": 7}, {"controller": []}])
def test_a_step_with_a_strange_fact_is_told_all_the_same(wrong: dict[str, object]) -> None:
    assert isinstance(heard(line(event="step", **wrong)), Told)  # type: ignore[arg-type]


def test_the_host_is_ready_when_it_says_so() -> None:
    assert is_ready(line_of_the_host(message="host started"))
    assert not is_ready(line_of_the_host(message="host stopping"))
    assert not is_ready("host started")
