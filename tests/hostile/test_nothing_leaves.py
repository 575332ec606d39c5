"""The token goes to the endpoint and nowhere else: not through a proxy, not after a challenge, not into a message."""

import json
import logging
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from clock import ManualClock
from contract.registries import House, memory_house
from hostile.conftest import Connections
from hostile.spoils import CLAIMS
from hostile.world import TOKEN, a_world
from wire.scripted_arm import Asked, Said, StaticToken, json_said, wired

from scaler.errors import Refused, ScalerError
from scaler.model.edges import Actor
from scaler.report import Report
from scaler.vmss.client import connect
from scaler.vmss.credential import Guarded, managed_identity

PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


@pytest.fixture
def house(clock: ManualClock) -> House:
    """Redis is not the matter here."""
    return memory_house(clock)


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """A proxy that the environment names for everything, and whoever came to it."""
    callers: list[object] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        for name in PROXIES:
            monkeypatch.setenv(name, f"http://127.0.0.1:{listener.getsockname()[1]}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        thread = Thread(target=_count, args=(listener, callers), daemon=True)
        thread.start()
        yield callers
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _count(listener: socket.socket, callers: list[object]) -> None:
    with suppress(OSError):
        while True:
            connection, caller = listener.accept()
            callers.append(caller)
            connection.close()


def test_a_proxy_in_the_environment_sees_nothing_of_what_stays_on_this_machine(
    house: House, clock: ManualClock, proxy: list[object]
) -> None:
    with a_world(house, clock) as world:
        world.serves_a_visitor()
    assert proxy == []


def test_a_proxy_in_the_environment_does_not_see_the_identity_s_token(
    proxy: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    with identity_endpoint(f'{{"access_token": "{TOKEN}", "expires_on": "4000000000", "token_type": "Bearer"}}') as url:
        monkeypatch.setenv("IDENTITY_ENDPOINT", url)
        monkeypatch.setenv("IDENTITY_HEADER", "a-secret")
        found = Guarded(managed_identity()).get_token_info("https://management.azure.com/.default")
        assert found.token == TOKEN
    assert proxy == []


@contextmanager
def identity_endpoint(answer: str) -> Iterator[str]:
    """Azure's, inside a Function: anybody on this machine could pretend to be it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class calls it so)
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/msi/token"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "answer",
    [
        {"access_token": TOKEN},
        {"access_token": TOKEN, "expires_on": "soon"},
        {"access_token": TOKEN, "expires_on": "9" * 400},
        {"access_token": [TOKEN], "expires_on": "4000000000"},
        {"access_token": f"{TOKEN}\n", "expires_on": "4000000000"},
        {"error": "no", "access_token": TOKEN},
        [TOKEN],
        TOKEN,
    ],
    ids=str,
)
def test_an_identity_that_answers_oddly_is_refused_and_not_quoted(
    answer: object, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with identity_endpoint(json.dumps(answer)) as url:
        monkeypatch.setenv("IDENTITY_ENDPOINT", url)
        monkeypatch.setenv("IDENTITY_HEADER", "a-secret")
        with pytest.raises(Refused) as refused:
            Guarded(managed_identity()).get_token_info("https://management.azure.com/.default")
    assert TOKEN not in str(refused.value)
    assert TOKEN not in caplog.text
    assert "a-secret" not in caplog.text


@pytest.mark.parametrize("odd", ["line\nbreak", "line\r\nX-Evil: yes", " blank ", "", "\u0442oken"])
def test_what_cannot_be_a_token_is_not_sent_and_not_told(odd: str) -> None:
    secret = f"s3cret{odd}" if odd else odd
    with wired(lambda _: pytest.fail("nothing is asked with such a token")) as wire:
        client = connect("00000000-0000-0000-0000-000000000001", StaticToken(secret), endpoint=wire.server.endpoint)
        with closing(client), pytest.raises(Refused) as refused:
            client.credential.get_token_info("x/.default")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("challenge", [CLAIMS, 'Bearer claims="!!!", error="insufficient_claims"', "Bearer", "\x7f"])
def test_a_challenge_is_answered_once_and_to_the_endpoint(
    house: House, clock: ManualClock, connections: Connections, challenge: str
) -> None:
    asked: list[Asked] = []

    def spoil(it: Asked, _: Said) -> Said:
        asked.append(it)
        body = {"error": {"code": "InvalidAuthenticationToken", "message": "claims"}}
        return json_said(body, 401, www_authenticate=challenge)

    with connections.watched() as opened, a_world(house, clock) as world:
        world.between.spoil = spoil
        assert isinstance(world.tick(Actor.PROVISIONER), ScalerError)
        port = world.between.port
        assert len(asked) <= 2
    here = {("127.0.0.1", port)}
    assert {each for each in opened if isinstance(each, tuple) and each[1] != "http"} >= here
    assert all(each.headers["authorization"] == f"Bearer {TOKEN}" for each in asked)


def test_neither_token_nor_password_is_in_a_log_however_talkative(
    house: House, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with a_world(house, clock) as world:
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
