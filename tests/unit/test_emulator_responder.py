"""A real responder is asked as the extension asks, and its answers are the health of the VM."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from emulated import Azure

from emulator.health.extension import Heard, State, Verdict
from emulator.health.responder import probe
from emulator.orders import OrderKind

METRICS = '{"reason": "occupied"}'


@contextmanager
def responder(status: int, body: str, **headers: str) -> Iterator[str]:
    """The address of a responder with one answer to every question."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health" else 404)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/health"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "verdict", "metrics"),
    [
        (200, '{"ApplicationHealthState": "Healthy"}', Verdict.HEALTHY, ""),
        (200, '{"ApplicationHealthState": "Unhealthy", "players": 0}', Verdict.UNHEALTHY, ""),
        (201, '{"ApplicationHealthState": "Healthy"}', Verdict.HEALTHY, ""),
        (
            200,
            '{"ApplicationHealthState": "Healthy", "customMetrics": "{\\"reason\\": \\"occupied\\"}"}',
            "Healthy",
            METRICS,
        ),
        (200, '{"customMetrics": "{\\"reason\\": \\"occupied\\"}"}', Verdict.NONE, METRICS),
        (200, '{"ApplicationHealthState": "Healthy", "customMetrics": {"a": 1}}', Verdict.HEALTHY, ""),
        (200, '{"ApplicationHealthState": "Healthy", "customMetrics": "{}"}', Verdict.HEALTHY, ""),
        (200, '{"ApplicationHealthState": "Healthy", "customMetrics": "no JSON"}', Verdict.HEALTHY, ""),
        (200, '{"ApplicationHealthState": "healthy"}', Verdict.NONE, ""),
        (200, '{"ApplicationHealthState": "Initializing"}', Verdict.NONE, ""),
        (200, '{"ApplicationHealthState": "Unknown"}', Verdict.NONE, ""),
        (200, '{"ApplicationHealthState": ["Healthy"]}', Verdict.NONE, ""),
        (200, '{"ApplicationHealthState": {"Healthy": true}, "customMetrics": [1]}', Verdict.NONE, ""),
        (200, '["Healthy"]', Verdict.NONE, ""),
        (200, "x" * 5_000_000, Verdict.NONE, ""),
        (200, "Healthy", Verdict.NONE, ""),
        (200, "[" * 100_000, Verdict.NONE, ""),
        (204, "", Verdict.NONE, ""),
        (404, '{"ApplicationHealthState": "Healthy"}', Verdict.NONE, ""),
        (503, '{"ApplicationHealthState": "Healthy"}', Verdict.NONE, ""),
    ],
)
def test_only_the_two_words_of_a_good_answer_are_a_verdict(status: int, body: str, verdict: str, metrics: str) -> None:
    with responder(status, body) as url:
        assert probe(url) == Heard(0.0, Verdict(verdict), metrics)


def test_a_redirect_is_not_followed_and_nobody_there_is_no_verdict() -> None:
    with (
        responder(200, '{"ApplicationHealthState": "Healthy"}') as elsewhere,
        responder(302, "", Location=elsewhere) as url,
    ):
        assert probe(url).verdict is Verdict.NONE
    assert probe(url).verdict is Verdict.NONE


def told(azure: Azure, verdict: Verdict) -> State:
    """The state that Azure shows a minute after the responder said this."""
    azure.emulated.hear(azure.vm.vm_id, Heard(0.0, verdict))
    azure.wait(60)
    shown = azure.emulated.read_vm("0").health
    assert shown is not None
    return shown.state


def test_what_a_responder_says_is_the_health_whoever_is_inside() -> None:
    azure = Azure()
    assert told(azure, Verdict.UNHEALTHY) is State.UNHEALTHY
    azure.emulated.enter(azure.vm.vm_id)
    assert told(azure, Verdict.UNHEALTHY) is State.UNHEALTHY
    assert told(azure, Verdict.HEALTHY) is State.HEALTHY
    assert told(azure, Verdict.NONE) is State.UNKNOWN


def test_a_new_run_begins_without_a_verdict_until_the_responder_speaks() -> None:
    azure = Azure()
    assert told(azure, Verdict.HEALTHY) is State.HEALTHY
    azure.at_rest(OrderKind.POWER_OFF).order(OrderKind.START)
    azure.wait(300)
    shown = azure.emulated.read_vm("0").health
    assert shown is not None
    assert shown.state is State.INITIALIZING
    assert told(azure, Verdict.HEALTHY) is State.HEALTHY
