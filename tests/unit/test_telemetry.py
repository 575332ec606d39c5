"""The log: constants for messages, facts beside them, one line for each thing."""

import logging
from datetime import timedelta

import pytest
from builders import NOW, instance, notes, record, ref, row, sighting, vm

from scaler.actuate import Outcome, Result
from scaler.errors import Throttled, Unreachable
from scaler.model.lifecycle import Edge, Owner, step
from scaler.model.plan import Plan, Refusal, Start, Step, Why
from scaler.model.row import Complaint
from scaler.report import Report
from scaler.telemetry import Telemetry

STEP = Step(
    why=Why.HORIZON_PASSED,
    vm_id=vm(1),
    change=step(Edge.ADMIT, Owner.RECONCILER, row(1, None, notes()), record(), notes(), NOW),
    facts={"warm": True},
)


def report(**fields: object) -> Report:
    return Report(plan=Plan(), **fields)  # type: ignore[arg-type]


def logged(caplog: pytest.LogCaptureFixture, event: str) -> list[logging.LogRecord]:
    return [line for line in caplog.records if getattr(line, "event", "") == event]


def test_a_step_is_one_line_with_everything_an_operator_asks_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Telemetry("reconciler").report(report(outcomes=(Outcome(step=STEP, result=Result.DONE),)))
    (line,) = logged(caplog, "step")
    assert line.getMessage() == Why.HORIZON_PASSED
    said = {each: getattr(line, each) for each in ("controller", "vm_id", "instance_id", "edge", "order", "facts")}
    assert said == {
        "controller": "reconciler",
        "vm_id": vm(1),
        "instance_id": "1",
        "edge": "ADMIT",
        "order": "",
        "facts": {"warm": True},
    }


def test_a_failed_step_is_a_warning_that_names_the_error(caplog: pytest.LogCaptureFixture) -> None:
    order = Start(ref=ref(1), rests_on=sighting())
    failed = Outcome(
        step=Step(why=Why.RESERVED, vm_id=vm(1), order=order), result=Result.FAILED, error=Unreachable("no answer")
    )
    Telemetry("starter").report(report(outcomes=(failed,)))
    (line,) = logged(caplog, "step")
    assert (line.levelname, line.__dict__["error"]) == ("WARNING", "Unreachable: no answer")
    assert instance(1).ref.instance_id == line.__dict__["instance_id"]


def test_an_alarm_is_an_error_and_a_breaker_is_not(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    held = (Refusal(why=Why.ALL_MARKS_REFUSED, alarm=True), Refusal(why=Why.BREAKER, vm_id=vm(1)))
    Telemetry("reconciler").report(Report(plan=Plan(refusals=held)))
    assert [line.levelname for line in logged(caplog, "held")] == ["ERROR", "INFO"]


def test_what_is_left_alone_is_said_once_with_its_key(caplog: pytest.LogCaptureFixture) -> None:
    telemetry = Telemetry("reconciler")
    complaint = Complaint(key="vmss:instance:x", why="not JSON")
    for _ in range(3):
        telemetry.report(report(complaints=(complaint,)))
    (line,) = logged(caplog, "complaint")
    assert line.__dict__["key"] == "vmss:instance:x"


def test_a_tick_without_anything_to_say_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Telemetry("cleaner").report(report(machines=9))
    assert caplog.records == []


def test_waiting_for_a_budget_is_not_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Telemetry("cleaner").failed(Throttled("no budget for list requests now", timedelta(seconds=7)))
    (line,) = logged(caplog, "held")
    assert (line.levelname, line.__dict__["facts"]) == ("INFO", {"retry_after_s": 7.0})


def test_a_tick_that_could_not_be_done_is_one_clear_line(caplog: pytest.LogCaptureFixture) -> None:
    Telemetry("cleaner").failed(Unreachable("Redis at host:6379 does not answer"))
    assert [line.getMessage() for line in caplog.records] == ["tick failed: Redis at host:6379 does not answer"]
