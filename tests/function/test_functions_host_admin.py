"""The admin routes are those of the real host, so that a script that calls one can call the other."""

import json
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from function.host_process import HostProcess, run_host, write_app

APP = """
@app.timer_trigger(arg_name="timer", schedule="%AT_MIDNIGHT%", run_on_startup=False)
def works(timer: func.TimerRequest) -> None:
    log.info("worked")

@app.timer_trigger(arg_name="timer", schedule="%AT_MIDNIGHT%", run_on_startup=False)
def rests(timer: func.TimerRequest) -> None:
    log.info("worked")
"""

type Call = Callable[[str, str], tuple[int, str]]


@pytest.fixture
def host(tmp_path: Path, start_host: Callable[..., HostProcess]) -> HostProcess:
    settings = {"AT_MIDNIGHT": "0 0 0 * * *", "AzureWebJobs.rests.Disabled": "true"}
    return start_host("--app", write_app(tmp_path, APP, **settings), "--port", "0")


@pytest.fixture
def call(host: HostProcess) -> Call:
    port = host.line("host started")["port"]

    def request(method: str, path: str) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        body = json.dumps({"input": ""}) if method == "POST" else None
        connection.request(method, path, body, {"Content-Type": "application/json"})
        with connection.getresponse() as response:
            answer = response.status, response.read().decode()
        connection.close()
        return answer

    return request


def test_a_function_is_invoked_by_hand(host: HostProcess, call: Call) -> None:
    assert call("POST", "/admin/functions/works") == (202, "")
    assert host.line("worked")["function"] == "works"
    assert host.line("function succeeded")["reason"] == "admin"


def test_a_disabled_function_can_still_be_invoked_by_hand(host: HostProcess, call: Call) -> None:
    assert call("POST", "/admin/functions/rests") == (202, "")
    assert host.line("worked")["function"] == "rests"


def test_the_functions_are_listed_with_their_bindings(call: Call) -> None:
    status, body = call("GET", "/admin/functions")
    works, rests = json.loads(body)
    binding: dict[str, Any] = {
        "direction": "IN",
        "type": "timerTrigger",
        "name": "timer",
        "schedule": "%AT_MIDNIGHT%",
        "runOnStartup": False,
    }
    assert status == 200
    assert works == {"name": "works", "config": {"bindings": [binding]}, "isDisabled": False}
    assert (rests["name"], rests["isDisabled"]) == ("rests", True)


def test_a_port_that_is_taken_is_named(host: HostProcess, tmp_path: Path) -> None:
    port = str(host.line("host started")["port"])
    finished = run_host("--app", tmp_path, "--port", port)
    assert finished.returncode == 2
    assert f"--port {port}: " in finished.stderr
