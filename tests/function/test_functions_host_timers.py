"""Timers fire on time, never over themselves, beside each other, and end when the host is told to."""

import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from function.host_process import HostProcess, run_host, write_app

EVERY_SECOND = "* * * * * *"

PULSE = """
@app.timer_trigger(arg_name="timer", schedule="%EVERY_SECOND%")
def pulse(timer: func.TimerRequest) -> None:
    log.info("pulse")
"""
# Lasts until somebody writes to the gate.
SLOW = """
@app.timer_trigger(arg_name="timer", schedule="%EVERY_SECOND%")
def slow(timer: func.TimerRequest) -> None:
    log.info("began")
    (Path(__file__).parent / "gate").read_text()
    log.info("ended")
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "gate")
    return write_app(tmp_path, PULSE + SLOW, EVERY_SECOND=EVERY_SECOND)


def moment(line: dict[str, str]) -> datetime:
    return datetime.fromisoformat(line["time"])


def second(line: dict[str, str]) -> datetime:
    return moment(line).replace(microsecond=0)


def test_a_timer_fires_in_every_second_that_its_schedule_names(
    tmp_path: Path, start_host: Callable[..., HostProcess]
) -> None:
    host = start_host("--app", write_app(tmp_path, PULSE, EVERY_SECOND=EVERY_SECOND))
    assert host.line("host started")["functions"] == ["pulse"]
    first, other = host.line("pulse"), host.line("pulse")
    assert second(other) > second(first)
    assert host.line("function succeeded")["reason"] == "timer"


def test_an_overrun_holds_nobody_else_up_and_is_made_up_for_once_and_at_once(
    app: Path, start_host: Callable[..., HostProcess]
) -> None:
    host = start_host("--app", app)
    host.line("began")
    meanwhile = [line["message"] for _ in range(3) for line in host.lines_until("pulse")]
    assert "began" not in meanwhile

    (app / "gate").write_text("go on")
    ended, again = host.line("ended"), host.line("began")
    assert moment(again) - moment(ended) < timedelta(seconds=0.5)

    (app / "gate").write_text("go on")
    assert second(host.line("began")) > second(again)


def test_the_host_ends_within_a_second_though_a_function_does_not(
    app: Path, start_host: Callable[..., HostProcess]
) -> None:
    host = start_host("--app", app)
    host.line("began")
    # Twice the promise, for machines that are busy with other tests.
    assert host.stop(signal.SIGTERM, within=2.0) == 0


def test_the_host_ends_at_a_keyboard_interrupt(tmp_path: Path, start_host: Callable[..., HostProcess]) -> None:
    host = start_host("--app", write_app(tmp_path, PULSE, EVERY_SECOND="0 0 0 * * *"))
    host.line("host started")
    assert host.stop(signal.SIGINT) == 0


def test_one_run_that_is_interrupted_has_not_succeeded(app: Path, start_host: Callable[..., HostProcess]) -> None:
    host = start_host("--app", app, "--once", "slow")
    host.line("began")
    assert host.stop() == 1


def test_the_host_ends_by_itself_after_the_time_it_was_given(tmp_path: Path) -> None:
    app = write_app(tmp_path, PULSE, EVERY_SECOND="0 0 0 * * *")
    assert run_host("--app", app, "--for", "0.1").returncode == 0


def test_a_disabled_function_does_not_fire(app: Path, start_host: Callable[..., HostProcess]) -> None:
    host = start_host("--app", app, AzureWebJobs__slow__Disabled="true")
    assert host.line("host started")["functions"] == ["pulse"]
    assert "began" not in [line["message"] for line in host.lines_until("pulse")]
