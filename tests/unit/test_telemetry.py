"""The log: one line for each thing, its facts in the message."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from builders import NOW, POLICY, instance, notes, record, ref, row, sighting, vm

from scaler.actuate import Outcome, Result
from scaler.errors import Throttled, Unreachable
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Cloud, Fleet
from scaler.model.lifecycle import note, step
from scaler.model.plan import Plan, Refusal, Start, Step, Why
from scaler.model.row import Complaint, Snapshot
from scaler.report import Report
from scaler.telemetry import Telemetry, read

STEP = Step(
    why=Why.HORIZON_PASSED,
    vm_id=vm(1),
    change=step(Edge.ADMIT, Actor.RECONCILER, row(1, None, notes()), record(), notes(), NOW),
    facts={"warm": True},
)


def report(**fields: object) -> Report:
    return Report(plan=Plan(), **fields)  # type: ignore[arg-type]


def logged(caplog: pytest.LogCaptureFixture, event: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Level, sentence and facts of each line."""
    lines = [(each.levelname, *read(each.getMessage())) for each in caplog.records]
    return [line for line in lines if line[2]["event"] == event]


def test_a_step_is_one_line_with_everything_an_operator_asks_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Telemetry("reconciler").report(report(outcomes=(Outcome(step=STEP, result=Result.DONE),)))
    (line,) = logged(caplog, "step")
    assert line[:2] == ("INFO", Why.HORIZON_PASSED)
    assert line[2] == {
        "event": "step",
        "controller": "reconciler",
        "why": Why.HORIZON_PASSED,
        "result": "done",
        "vm_id": vm(1),
        "instance_id": "1",
        "edge": "ADMIT",
        "facts": {"warm": True},
    }


def test_a_failed_step_is_a_warning_that_names_the_error(caplog: pytest.LogCaptureFixture) -> None:
    order = Start(ref=ref(1), rests_on=sighting())
    failed = Outcome(
        step=Step(why=Why.RESERVED, vm_id=vm(1), order=order), result=Result.FAILED, error=Unreachable("no answer")
    )
    Telemetry("starter").report(report(outcomes=(failed,)))
    ((level, _, facts),) = logged(caplog, "step")
    assert (level, facts["error"]) == ("WARNING", "Unreachable: no answer")
    assert instance(1).ref.instance_id == facts["instance_id"]


def test_an_alarm_is_an_error_and_a_breaker_is_not(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    held = (Refusal(why=Why.ALL_MARKS_REFUSED, alarm=True), Refusal(why=Why.BREAKER, vm_id=vm(1)))
    Telemetry("reconciler").report(Report(plan=Plan(refusals=held)))
    assert [level for level, _, _ in logged(caplog, "held")] == ["ERROR", "INFO"]


def test_what_stays_held_back_is_said_once_and_an_alarm_in_each_tick(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    alarm = Refusal(why=Why.ALL_MARKS_REFUSED, alarm=True)
    telemetry = Telemetry("reconciler", seconds=lambda: 7.0)
    for number in range(3):
        held = Refusal(why=Why.BREAKER, vm_id=vm(1), facts={"number": number})
        telemetry.report(Report(plan=Plan(refusals=(held, alarm))))
    assert [level for level, _, _ in logged(caplog, "held")] == ["ERROR", "INFO", "ERROR", "ERROR"]


def test_what_was_not_held_back_for_a_while_is_said_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    held = Report(plan=Plan(refusals=(Refusal(why=Why.BREAKER, vm_id=vm(1)),)))
    telemetry = Telemetry("reconciler", seconds=lambda: 7.0)
    for each in (held, *[report()] * 20, held):
        telemetry.report(each)
    assert len(logged(caplog, "held")) == 2


def test_another_reason_and_another_machine_are_said_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    telemetry = Telemetry("reconciler", seconds=lambda: 7.0)
    for why, machine in ((Why.BREAKER, 1), (Why.RIPE, 1), (Why.BREAKER, 2)):
        telemetry.report(Report(plan=Plan(refusals=(Refusal(why=why, vm_id=vm(machine)),))))
    assert len(logged(caplog, "held")) == 3


def test_a_tick_that_fails_as_a_whole_writes_its_evaluation(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    seconds, before = iter((0.0, 10.0, 20.0, 61.0)), None
    telemetry = Telemetry("cleaner", seconds=lambda: next(seconds))
    for _ in range(4):
        error = Unreachable("no answer")
        telemetry.failed_tick(error, before)
        before = error
    assert len(logged(caplog, "tick_failed")) == 1
    rows = [facts for _, _, facts in logged(caplog, "evaluation")]
    assert [(row["ticks"], row["errors"], row.get("scale_sets", {})) for row in rows] == [
        (1, {"Unreachable": 1}, {}),
        (3, {"Unreachable": 3}, {}),
    ]


def test_no_number_of_other_refusals_hides_an_alarm(caplog: pytest.LogCaptureFixture) -> None:
    held = (*[Refusal(why=Why.BREAKER, vm_id=vm(1))] * 5_000, Refusal(why=Why.ALL_MARKS_REFUSED, alarm=True))
    Telemetry("reconciler").report(Report(plan=Plan(refusals=held)))
    assert [(level, sentence) for level, sentence, _ in logged(caplog, "held")] == [("ERROR", Why.ALL_MARKS_REFUSED)]


def test_what_is_held_back_names_its_scale_set(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    fleet = Fleet.join(Snapshot(now=NOW, rows={vm(1): row(1, record(), notes())}), Cloud(), POLICY)
    held = Refusal(why=Why.BREAKER, vm_id=vm(1))
    Telemetry("reconciler").report(Report(plan=Plan(refusals=(held,)), fleet=fleet))
    ((_, _, facts),) = logged(caplog, "held")
    assert facts["scale_set"] == "vmss-pixels"


def test_what_is_left_alone_is_said_once_with_its_key(caplog: pytest.LogCaptureFixture) -> None:
    telemetry = Telemetry("reconciler", seconds=lambda: 0.0)
    complaint = Complaint(key="vmss:instance:x", why="not JSON")
    for _ in range(3):
        telemetry.report(report(complaints=(complaint,)))
    ((_, _, facts),) = logged(caplog, "complaint")
    assert facts["key"] == "vmss:instance:x"


def test_after_a_thousand_complaints_the_next_hour_begins_anew(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    telemetry = Telemetry("reconciler", seconds=lambda: now)
    told = []
    for hour in range(3):
        now = hour * 3600.0
        caplog.clear()
        for tick in range(2):
            keys = (f"vmss:instance:{hour}-{tick}-{number}" for number in range(2_000))
            telemetry.report(report(complaints=tuple(Complaint(key=key, why="not JSON") for key in keys)))
        told.append([facts["key"] for _, _, facts in logged(caplog, "complaint") if "key" in facts])
    assert [len(keys) for keys in told] == [1_000] * 3
    assert all(keys[0] == f"vmss:instance:{hour}-0-0" for hour, keys in enumerate(told))


def test_ticks_without_anything_to_say_are_one_evaluation(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    telemetry = Telemetry("cleaner", seconds=lambda: 7.0)
    for _ in range(3):
        telemetry.report(report())
    assert [read(each.getMessage())[1]["event"] for each in caplog.records] == ["evaluation"]


def test_a_step_without_an_order_names_its_scale_set_too(caplog: pytest.LogCaptureFixture) -> None:
    """Instance ids repeat across scale sets."""
    caplog.set_level(logging.INFO)
    snapshot = Snapshot(now=NOW, rows={vm(1): row(1, record(), notes())})
    fleet = Fleet.join(snapshot, Cloud().showing(sighting(), instance(2)), POLICY)
    steps = (STEP, Step(why=Why.NOTED, vm_id=vm(2), change=note(row(2), notes(2))))
    outcomes = tuple(Outcome(step=each, result=Result.DONE) for each in steps)
    Telemetry("reconciler").report(report(outcomes=outcomes, cloud=fleet.cloud, fleet=fleet))
    assert [facts["scale_set"] for _, _, facts in logged(caplog, "step")] == ["vmss-pixels"] * 2


def test_waiting_for_a_budget_is_not_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Telemetry("cleaner").failed(Throttled("no budget for list requests now", timedelta(seconds=7)))
    ((level, _, facts),) = logged(caplog, "held")
    assert (level, facts["facts"]) == ("INFO", {"retry_after_s": 7.0})


def test_a_tick_that_could_not_be_done_is_one_clear_line(caplog: pytest.LogCaptureFixture) -> None:
    Telemetry("cleaner").failed(Unreachable("Redis at host:6379 does not answer"))
    ((level, sentence, facts),) = logged(caplog, "tick_failed")
    assert (level, sentence) == ("WARNING", "tick failed: Redis at host:6379 does not answer")
    assert facts["error"] == "Unreachable"
