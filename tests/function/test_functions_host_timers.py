"""Timers fire on time, never over themselves, beside each other; `--once` runs one function and tells how it went."""

import json
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


WORKS = """
@app.timer_trigger(arg_name="timer", schedule="%SCHEDULE%")
def works(timer: func.TimerRequest) -> None:
    log.info("worked", extra={"instances": 3})
"""
WORKS_ASYNC = """
@app.timer_trigger(arg_name="timer", schedule="%SCHEDULE%")
async def works(timer: func.TimerRequest) -> None:
    log.info("worked", extra={"past_due": timer.past_due})
"""
RAISES = """
@app.timer_trigger(arg_name="timer", schedule="%SCHEDULE%")
def raises(timer: func.TimerRequest) -> None:
    raise RuntimeError("the registry is on fire")
"""
HTTP = """
@app.route(route="hello")
def hello(req: func.HttpRequest) -> str:
    return "hello"
"""


@pytest.mark.parametrize("function", [WORKS, WORKS_ASYNC], ids=["sync", "async"])
def test_a_function_that_succeeds_exits_with_0_and_its_lines_name_it(tmp_path: Path, function: str) -> None:
    finished = run_host("--app", write_app(tmp_path, function, SCHEDULE="0 * * * * *"), "--once", "works")
    assert (finished.returncode, finished.stderr) == (0, "")
    worked, succeeded = (json.loads(line) for line in finished.stdout.splitlines())
    assert (worked["logger"], worked["message"], worked["function"]) == ("app", "worked", "works")
    assert worked["invocation_id"] == succeeded["invocation_id"]
    assert (succeeded["message"], succeeded["function"], succeeded["reason"]) == ("function succeeded", "works", "once")


def test_a_function_that_raises_exits_with_1_and_its_exception_is_told(tmp_path: Path) -> None:
    finished = run_host("--app", write_app(tmp_path, RAISES, SCHEDULE="0 * * * * *"), "--once", "raises")
    assert finished.returncode == 1
    line = json.loads(finished.stdout.splitlines()[-1])
    assert (line["level"], line["message"]) == ("ERROR", "function failed")
    assert line["error"] == "RuntimeError: the registry is on fire"
    assert 'raise RuntimeError("the registry is on fire")' in line["exception"]


def test_an_unknown_function_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    finished = run_host("--app", write_app(tmp_path, WORKS, SCHEDULE="0 * * * * *"), "--once", "nobody")
    assert finished.returncode == 2
    assert "there is no function 'nobody'; this app has works" in finished.stderr


def test_all_unusable_schedules_are_named_at_once(tmp_path: Path) -> None:
    finished = run_host("--app", write_app(tmp_path, WORKS + RAISES.replace("%SCHEDULE%", "%OTHER%"), OTHER="hourly"))
    assert finished.returncode == 2
    assert "works: %SCHEDULE% does not resolve to a value: set SCHEDULE in" in finished.stderr
    assert "raises: OTHER: 'hourly' is no schedule" in finished.stderr


def test_a_trigger_other_than_a_timer_is_refused(tmp_path: Path) -> None:
    finished = run_host("--app", write_app(tmp_path, HTTP))
    assert finished.returncode == 2
    assert "hello has no timer" in finished.stderr


def test_an_app_that_cannot_be_imported_is_refused_with_the_reason(tmp_path: Path) -> None:
    finished = run_host("--app", write_app(tmp_path, "import a_module_that_nobody_wrote"))
    assert finished.returncode == 2
    assert "No module named 'a_module_that_nobody_wrote'" in finished.stderr
