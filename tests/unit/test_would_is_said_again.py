"""What would be done: said when it begins, and again when it begins again."""

import logging

import pytest
from builders import vm

from scaler.model.plan import Plan, Step, Why
from scaler.report import Report
from scaler.telemetry import Telemetry, read

WOULD = Step(why=Why.NEW_AT_REST, vm_id=vm(1))


def test_what_was_done_or_allowed_meanwhile_is_said_again_when_it_is_withheld_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    telemetry = Telemetry("reconciler")
    for would in ((WOULD,), (WOULD,), (), (WOULD,), *[()] * 20, (WOULD,)):  # a tick need not look at Azure
        telemetry.report(Report(plan=Plan(), would=would))
    said = [read(line.getMessage()) for line in caplog.records]
    assert [sentence for sentence, facts in said if facts["event"] == "would"] == [f"would: {Why.NEW_AT_REST}"] * 2
