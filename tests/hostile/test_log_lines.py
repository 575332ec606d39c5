"""The log under attack: one printable line for each thing, of a bounded length, and a bounded number of them."""

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import NOW, notes, record, ref, row, sighting, vm
from clock import ManualClock
from contract.registries import memory_house
from hostile.values import ESCAPE
from hostile.world import TOKEN, a_world

from scaler.actuate import Outcome, Result
from scaler.errors import LONGEST_LINE, Garbled, Missing, Refused, ScalerError, Throttled, Unreachable, in_one_line
from scaler.model.edges import Actor
from scaler.model.instance import InstanceId, SessionId
from scaler.model.lifecycle import note, place
from scaler.model.plan import Plan, Refusal, Start, Step, Why
from scaler.model.row import Complaint, Status
from scaler.report import Report
from scaler.telemetry import Telemetry, read

LONG = "x" * 10_000_000
ERRORS = (
    Unreachable(ESCAPE),
    Garbled(LONG),
    Refused(ESCAPE + LONG, ESCAPE, 400),
    Missing(LONG),
    Throttled(ESCAPE, timedelta(seconds=1)),
)


def facts(line: logging.LogRecord) -> dict[str, Any]:
    """What its message holds."""
    return read(line.getMessage())[1]


def assert_fit(caplog: pytest.LogCaptureFixture) -> None:
    """Every record is a single line without characters that a terminal obeys."""
    assert caplog.records
    for line in caplog.records:
        message = line.getMessage()
        assert message.isprintable(), message[:200]
        assert len(message) <= 5 * LONGEST_LINE
        assert facts(line)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_is_one_line_wherever_it_comes_from(error: ScalerError, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert str(error).isprintable()
    telemetry = Telemetry("cleaner")
    telemetry.failed(error)
    order = Start(ref=ref(1), rests_on=sighting())
    step = Step(why=Why.RESERVED, vm_id=vm(1), order=order, facts={"session": ESCAPE + LONG})
    telemetry.report(Report(plan=Plan(), outcomes=(Outcome(step=step, result=Result.FAILED, error=error),)))
    assert_fit(caplog)


def test_what_a_queue_manager_wrote_is_quoted_not_obeyed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    odd = record(1, Status.RESERVED, session_id=SessionId(ESCAPE), instance_id=InstanceId(ESCAPE + LONG))
    unplaced = row(1, odd, None)
    steps = (
        Step(why=Why.INDEX_REPAIR, vm_id=vm(1), change=place(unplaced, Status.RESERVED), facts={ESCAPE[:4]: 1}),
        Step(why=Why.NOTED, vm_id=vm(1), change=note(row(1, odd, notes(instance_id=InstanceId(ESCAPE))), notes())),
    )
    refusals = (Refusal(why=Why.BREAKER, facts={"session": ESCAPE}),)
    complaints = (Complaint(key="vmss:instance:x", why=f"its status is {ESCAPE}{LONG}"),)
    outcomes = tuple(Outcome(step=step, result=Result.DONE) for step in steps)
    Telemetry("starter").report(Report(plan=Plan(refusals=refusals), outcomes=outcomes, complaints=complaints))
    assert_fit(caplog)
    assert str(NOW) not in caplog.text


def test_steps_without_end_are_counted_and_those_with_an_order_are_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    repair = Step(why=Why.INDEX_REPAIR, vm_id=vm(1), change=place(row(1, record()), None))
    start = Step(why=Why.RESERVED, vm_id=vm(2), order=Start(ref=ref(2), rests_on=sighting()))
    outcomes = [Outcome(step=step, result=Result.DONE) for step in (*[repair] * 60_000, start)]
    held = (Refusal(why=Why.BREAKER, vm_id=vm(1)),) * 60_000
    Telemetry("reconciler").report(Report(plan=Plan(refusals=held), outcomes=tuple(outcomes)))
    assert len(caplog.records) < 4_100
    assert [line for line in caplog.records if facts(line).get("order") == "Start"]
    assert facts(caplog.records[-1])["done"] == {"note": 60_000, "Start": 1}
    assert facts(caplog.records[-1])["held"] == {Why.BREAKER: 60_000}


@pytest.mark.parametrize("text", ["", "plain", "ü \u4e2d", "x" * LONGEST_LINE])
def test_what_is_a_line_stays_as_it_is(text: str) -> None:
    assert in_one_line(text) == text


def test_neither_token_nor_password_is_in_a_log_however_talkative(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with a_world(memory_house(clock), clock) as world:
        world.serves_a_visitor()
        world.between.spoil = lambda _, said: replace(said, body=b"<html>").having(content_length="6")
        world.tick_all()
        world.between.spoil = None
        assert isinstance(world.tick(Actor.PROVISIONER), Report)
    assert caplog.records
    for line in caplog.records:
        assert TOKEN not in line.getMessage()
        assert TOKEN not in str(vars(line))
        assert line.exc_text is None or TOKEN not in line.exc_text
