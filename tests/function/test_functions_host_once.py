"""`--once` runs one function and tells by its exit code how it went; what keeps the host from starting is explained."""

import json
from pathlib import Path

import pytest
from function.host_process import run_host, write_app

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
