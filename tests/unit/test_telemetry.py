"""The log: one line for each thing, a sentence and its facts in a message, said when it is news."""

import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from builders import NOW, POLICY, instance, notes, record, ref, row, sighting, vm
from hostile.values import ESCAPE

from scaler.actuate import Outcome, Result
from scaler.errors import Throttled, Unreachable
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Cloud, Fleet
from scaler.model.lifecycle import note, step
from scaler.model.plan import Plan, Refusal, Start, Step, Why
from scaler.model.row import Complaint, Snapshot
from scaler.report import Report
from scaler.telemetry import Telemetry, read, written

STEP = Step(
    why=Why.HORIZON_PASSED,
    vm_id=vm(1),
    change=step(Edge.ADMIT, Actor.RECONCILER, row(1, None, notes()), record(), notes(), NOW),
    facts={"warm": True},
)
WOULD = Report(plan=Plan(), would=(Step(why=Why.NEW_AT_REST, vm_id=vm(1)),))
IDLE = Report(plan=Plan())
ALARM = Refusal(why=Why.ALL_MARKS_REFUSED, alarm=True)
BREAKER = Refusal(why=Why.BREAKER, vm_id=vm(1))


def report(*refusals: Refusal, **fields: object) -> Report:
    return Report(plan=Plan(refusals=refusals), **fields)  # type: ignore[arg-type]


def telemetry() -> Telemetry:
    """The reconciler's, within one minute."""
    return Telemetry("reconciler", seconds=lambda: 7.0)


@pytest.fixture(autouse=True)
def everything(caplog: pytest.LogCaptureFixture) -> None:
    """Not only warnings."""
    caplog.set_level(logging.INFO)


def logged(caplog: pytest.LogCaptureFixture, event: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Level, sentence and facts of each line."""
    lines = [(each.levelname, *read(each.getMessage())) for each in caplog.records]
    return [line for line in lines if line[2]["event"] == event]


def test_a_step_is_one_line_with_everything_an_operator_asks_for(caplog: pytest.LogCaptureFixture) -> None:
    telemetry().report(report(outcomes=(Outcome(step=STEP, result=Result.DONE),)))
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
    start = Step(why=Why.RESERVED, vm_id=vm(1), order=Start(ref=ref(1), rests_on=sighting()))
    failed = Outcome(step=start, result=Result.FAILED, error=Unreachable("no answer"))
    telemetry().report(report(outcomes=(failed,)))
    ((level, _, facts),) = logged(caplog, "step")
    assert (level, facts["error"]) == ("WARNING", "Unreachable: no answer")
    assert instance(1).ref.instance_id == facts["instance_id"]


def test_a_step_and_a_refusal_name_their_scale_set_without_an_order_too(caplog: pytest.LogCaptureFixture) -> None:
    """Instance ids repeat across scale sets."""
    snapshot = Snapshot(now=NOW, rows={vm(1): row(1, record(), notes())})
    fleet = Fleet.join(snapshot, Cloud().showing(sighting(), instance(2)), POLICY)
    steps = (STEP, Step(why=Why.NOTED, vm_id=vm(2), change=note(row(2), notes(2))))
    outcomes = tuple(Outcome(step=each, result=Result.DONE) for each in steps)
    telemetry().report(report(BREAKER, outcomes=outcomes, cloud=fleet.cloud, fleet=fleet))
    told = logged(caplog, "step") + logged(caplog, "held")
    assert [facts["scale_set"] for _, _, facts in told] == ["vmss-pixels"] * 3


def test_what_stays_held_back_is_said_once_and_an_alarm_is_an_error_in_each_tick(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = telemetry()
    for number in range(3):
        log.report(report(Refusal(why=Why.BREAKER, vm_id=vm(1), facts={"number": number}), ALARM))
    assert [level for level, _, _ in logged(caplog, "held")] == ["ERROR", "INFO", "ERROR", "ERROR"]


@pytest.mark.parametrize(
    ("ticks", "times"),
    [
        ([report(BREAKER), *[IDLE] * 20, report(BREAKER)], 2),
        ([report(Refusal(why=why, vm_id=vm(n))) for why, n in ((Why.BREAKER, 1), (Why.RIPE, 1), (Why.BREAKER, 2))], 3),
        ([WOULD, WOULD, IDLE, WOULD, *[IDLE] * 20, WOULD], 2),  # a tick need not look at Azure
    ],
)
def test_another_reason_and_what_was_not_so_for_a_while_is_said_again(
    caplog: pytest.LogCaptureFixture, ticks: list[Report], times: int
) -> None:
    log = telemetry()
    for tick in ticks:
        log.report(tick)
    assert len(logged(caplog, "held") + logged(caplog, "would")) == times


def test_a_tick_that_fails_as_a_whole_writes_its_evaluation(caplog: pytest.LogCaptureFixture) -> None:
    seconds, before = iter((0.0, 10.0, 20.0, 61.0)), None
    log = Telemetry("cleaner", seconds=lambda: next(seconds))
    for _ in range(4):
        error = Unreachable("no answer")
        log.failed_tick(error, before)
        before = error
    assert len(logged(caplog, "tick_failed")) == 1
    rows = [facts for _, _, facts in logged(caplog, "evaluation")]
    assert [(row["ticks"], row["errors"], row.get("scale_sets", {})) for row in rows] == [
        (1, {"Unreachable": 1}, {}),
        (3, {"Unreachable": 3}, {}),
    ]


def test_no_number_of_other_refusals_hides_an_alarm(caplog: pytest.LogCaptureFixture) -> None:
    telemetry().report(report(*[BREAKER] * 5_000, ALARM))
    assert [line for line in logged(caplog, "held") if line[0] == "ERROR"]


def test_after_a_thousand_complaints_the_next_hour_begins_anew(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    log = Telemetry("reconciler", seconds=lambda: now)
    told = []
    for hour in range(3):
        now = hour * 3600.0
        caplog.clear()
        for tick in (0, 0, 1):
            keys = (f"vmss:instance:{hour}-{tick}-{number}" for number in range(20_000 * tick + 1))
            log.report(report(complaints=tuple(Complaint(key=key, why="not JSON") for key in keys)))
        lines = logged(caplog, "complaint")
        assert (len(lines), "the rest is not told" in lines[-1][1]) == (1_001, True)
        told.append([facts["key"] for _, _, facts in lines if "key" in facts])
    assert [len(set(keys)) for keys in told] == [len(keys) for keys in told] == [1_000] * 3
    assert all(keys[0] == f"vmss:instance:{hour}-0-0" for hour, keys in enumerate(told))


def test_ticks_without_anything_to_say_are_one_evaluation(caplog: pytest.LogCaptureFixture) -> None:
    log = telemetry()
    for _ in range(3):
        log.report(IDLE)
    assert [read(each.getMessage())[1]["event"] for each in caplog.records] == ["evaluation"]


def test_waiting_for_a_budget_is_not_a_failure_and_an_answer_that_does_not_come_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    telemetry().failed(Throttled("no budget for list requests now", timedelta(seconds=7)))
    telemetry().failed(Unreachable("Redis at host:6379 does not answer"))
    ((level, _, facts),) = logged(caplog, "held")
    assert (level, facts["facts"]) == ("INFO", {"retry_after_s": 7.0})
    ((level, sentence, facts),) = logged(caplog, "tick_failed")
    assert (level, sentence) == ("WARNING", "tick failed: Redis at host:6379 does not answer")
    assert facts["error"] == "Unreachable"


# -- one message


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
