"""`scaler web`: what is on the page is what Redis holds, and nobody but a browser of this machine gets an answer."""

import json
import re
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from cli.console import Console
from cli.estate import KEYS, SPEED, Estate
from cli.test_cli_alive import FINE, MINUTE, leave
from cli.web_server import Served, served
from go_scaler import Machine

from scaler.cli.environment import Exit
from scaler.model.edges import Actor
from scaler.model.history import Sample
from scaler.model.row import Status
from scaler.registry.redis import RedisRegistry

A, R, U = Status.AVAILABLE, Status.RESERVED, Status.UNAVAILABLE


@pytest.fixture
def settled(estate: Estate, console: Console) -> Estate:
    """Machines of every kind, adopted."""
    estate.settle(
        Machine(status=U, session="inside", runs=True),
        Machine(status=R, session="waiting"),
        Machine(status=A),
        Machine(status=A),
        Machine(status=U, session="gone", used=True),
    )
    console.run("adopt", "--yes")
    leave(estate)
    return estate


@pytest.fixture
def page(settled: Estate) -> Iterator[Served]:
    """The page over these."""
    with served(settled.console) as server:
        yield server


def number(text: str, name: str) -> str:
    """The value of one of the numbers of now."""
    found = re.search(rf'<dd id="{name}">([^<]*)</dd>', text)
    assert found is not None
    return found[1]


def rows(text: str, table: str) -> list[list[str]]:
    """The cells of a table, without markup."""
    found = re.search(rf'<table id="{table}">.*?<tbody>(.*?)</tbody>', text, re.DOTALL)
    assert found is not None
    cells = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", found[1])]
    return [[re.sub(r"<[^>]*>", "", cell) for cell in row] for row in cells]


def test_the_page_shows_what_redis_holds(settled: Estate, page: Served) -> None:
    redis, text = settled.redis, page.ask().text
    offered = int(number(text, "warm-on-offer")) + int(number(text, "cold-on-offer"))
    assert offered == redis.scard(KEYS.index(A)) == 2
    assert int(number(text, "waiting")) == redis.scard(KEYS.index(R)) == 1
    assert int(number(text, "inside")) + int(number(text, "used")) == redis.scard(KEYS.index(U)) == 2
    members = {
        member.decode().rpartition(":")[2]  # type: ignore[union-attr]
        for status in Status
        for member in redis.smembers(KEYS.index(status))
    }
    assert set(re.findall(r'href="/machine/([^"]*)"', text)) == members
    assert int(number(text, "machines")) == len(members) == len(rows(text, "machines")) == 5
    assert Counter(row[4] for row in rows(text, "machines")) == {"inside": 1, "waiting": 1, "gone": 1, "–": 2}
    assert [row[0] for row in rows(text, "controllers")] == ["provisioner", "reconciler", "starter", "cleaner"]
    assert "All is well: 1 visitor inside, 1 waiting" in text


def test_history_waits_and_refusals_are_those_in_redis(settled: Estate, page: Served) -> None:
    registry = RedisRegistry(settled.redis, KEYS)
    now = registry.read().now
    every = MINUTE / SPEED
    for minute, (waits, refused) in enumerate([((9.0, 11.0), 0), ((100.0,), 2)], start=1):
        at = now - minute * every
        registry.leave_sample(
            Sample(controller=Actor.STARTER, at=at, waits={"cold": waits}, refused=refused), every=every
        )
        registry.leave_sample(Sample(controller=Actor.RECONCILER, at=at, machines={"ready": 7}, wanted=8), every=every)
    text = page.ask().text
    assert rows(text, "waits") == [["cold", "3", "11.0 s", "100.0 s"]]
    assert ">2 refused <" in text
    assert "now 0 in session, 0 reserved, 7 ready, 0 new, 0 used, 0 other" in text


def test_a_look_at_azure_is_made_on_demand_and_not_for_a_foreign_page(settled: Estate, page: Served) -> None:
    assert {row[3] for row in rows(page.ask().text, "machines")} == {"–"}
    foreign = page.ask("/?azure=1", Sec_Fetch_Site="cross-site").text
    assert {row[3] for row in rows(foreign, "machines")} == {"–"}
    looked = page.ask("/?azure=1", Sec_Fetch_Site="same-origin").text
    assert {row[3] for row in rows(looked, "machines")} == {"running", "deallocated"}
    assert "http-equiv" not in looked
    settled.server.close()  # a second look within half a minute is the first one
    assert {row[3] for row in rows(page.ask("/?azure=1").text, "machines")} == {"running", "deallocated"}


def test_a_machines_page_tells_its_story_and_after_a_look_the_decisions(settled: Estate, page: Served) -> None:
    (key,) = settled.redis.smembers(KEYS.index(R))
    vm_id = key.decode().rpartition(":")[2]  # type: ignore[union-attr]
    told = page.ask(f"/machine/{vm_id}").text
    assert "adopted" in told or "reserved" in told
    assert "look at Azure now" in told
    looked = page.ask(f"/machine/{vm_id}?azure=1").text
    assert "a session waits for it" in looked
    assert {row[0].split()[0] for row in rows(looked, "decisions")} >= {"provisioner", "reconciler", "starter"}
    for unknown in ("nobody", "..%2f..%2fetc", "%3Cscript%3E", "A" * 300):
        answer = page.ask(f"/machine/{unknown}")
        assert answer.status == 404
        assert "<script" not in answer.text


def test_a_foreign_host_another_method_and_an_unknown_page_get_nothing(page: Served) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "evil.example:80", ""):
        answer = page.ask(Host=host)
        assert (answer.status, "machines" in answer.text) == (421, False)
    assert {page.ask(Host=host).status for host in ("localhost:1", "127.0.0.1", "[::1]:80")} == {200}
    assert {page.ask(method=method).status for method in ("POST", "PUT", "DELETE", "OPTIONS")} == {405}
    assert page.ask("/nothing").status == 404


def test_every_answer_forbids_scripts_frames_and_keeping(page: Served) -> None:
    for path in ("/", "/style.css", "/docs/operations", "/nothing", "/machine/x"):
        headers = {name.lower(): value for name, value in page.ask(path).headers.items()}
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self';")
        assert ("script" in policy, headers["cache-control"], headers["x-frame-options"]) == (False, "no-store", "DENY")


def test_an_alarm_is_red_and_leads_to_its_paragraph(settled: Estate, page: Served) -> None:
    settled.redis.delete("vmss:alive:cleaner")
    text = page.ask().text
    assert '<p id="verdict" class="wrong">Look at this: the cleaner has left no sign of life' in text
    link = re.search(r'class="wrong">the cleaner .*?href="([^"]*)"', text)
    assert link is not None
    path, _, anchor = link[1].partition("#")
    assert f'id="{anchor}"' in page.ask(path).text


def test_a_redis_that_does_not_answer_is_said(settled: Estate, page: Served) -> None:
    settled.redis.config_set("requirepass", "changed")
    try:
        settled.redis.client_kill_filter(_type="normal", skipme=True)
        answer = page.ask()
    finally:
        settled.redis.config_set("requirepass", "")
    assert (answer.status, "Redis at" in answer.text) == (503, True)
    assert page.ask().status == 200


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.4", "localhost", "example.com"])
def test_no_other_address_is_served(console: Console, address: str) -> None:
    said = console.run("web", "--bind", address)
    assert (said.status, "no loopback address" in said.err) == (Exit.MISUSED, True)


def test_a_port_that_is_taken_is_said(console: Console) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = console.run("web", "--port", str(taken.getsockname()[1]))
    assert (said.status, "name another one with --port" in said.err) == (Exit.NOT_DONE, True)


def test_without_the_extra_the_remedy_is_said(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    said = console.run("web", "--port", "0")
    assert (said.status, "pip install '.[cli,web]'" in said.err) == (Exit.NOT_DONE, True)


def test_a_failing_controller_is_told(settled: Estate, page: Served) -> None:
    leave(settled, starter=replace(FINE, failure="Azure says no", failing=2 * MINUTE))
    text = page.ask().text
    assert [row[2] for row in rows(text, "controllers")] == ["well", "well", "failing for 2m", "well"]
    assert "the starter has failed for 2m: Azure says no" in text


def test_windows_of_the_calendar_are_bands_of_the_chart(settled: Estate) -> None:
    registry = RedisRegistry(settled.redis, KEYS)
    now = registry.read().now
    since = f"{now - 9 * MINUTE:%Y-%m-%dT%H:%M:%SZ}"
    window = {"name": "evening", "between": {"start": since, "end": "2100-01-01T00:00:00Z"}, "min": 2}
    for seconds in (30, 20):
        sample = Sample(controller=Actor.RECONCILER, at=now - MINUTE * seconds / 60, machines={"ready": 1})
        registry.leave_sample(sample, every=MINUTE / SPEED)
    with served(settled.console, SCALER_CALENDAR=json.dumps([window])) as server:
        text = server.ask().text
    assert text.count("<title>window evening</title>") == 1
    assert "window of the calendar" in text
