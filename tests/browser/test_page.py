"""The page of `scaler web` in headless Chromium: it shows what Redis holds, and runs nothing that is written there."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browser.look import look
from cli.conftest import console, estate, estate_of, redis_for_commands
from cli.estate import KEYS, SPEED, Estate
from cli.test_cli_alive import FINE, MINUTE, leave
from cli.web_server import served
from go_scaler import Machine

from scaler.model.edges import Actor
from scaler.model.history import Sample
from scaler.model.instance import ScaleSetName
from scaler.model.row import Status
from scaler.model.signs import FailedOrder
from scaler.registry.redis import RedisRegistry

__all__ = ["console", "estate", "estate_of", "redis_for_commands"]  # fixtures of the command line's tests
A, R, U = Status.AVAILABLE, Status.RESERVED, Status.UNAVAILABLE
SCRIPT = "<script>alert(document.domain)</script>"
IMAGE = '"><img src="http://evil.example/x" onerror="alert(1)"><svg onload=alert(2)>'
PICTURES = os.environ.get("PICTURES")  # a folder, for whoever wants to look


def settled(estate: Estate) -> None:
    """Machines of every kind, with two days of history, among them hostile texts."""
    estate.settle(
        Machine(status=U, session=SCRIPT, runs=True),
        Machine(status=R, session=IMAGE),
        Machine(status=R, session="{{7*7}}\u202e\x1b[31m"),
        *(Machine(status=A) for _ in range(3)),
        Machine(status=U, session="gone", used=True),
    )
    estate.console.run("adopt", "--yes")
    estate.redis.set("vmss:instance:odd", SCRIPT)
    estate.redis.sadd(KEYS.index(A), "vmss:instance:odd", f"vmss:{IMAGE}")
    registry = RedisRegistry(estate.redis, KEYS)
    now, every = registry.read().now, MINUTE / SPEED
    for minute in range(1, 1_440, 3):
        at, busy = now - minute * every, minute * 7 // 200 % 9
        machines = {"ready": 9 - busy, "in session": busy, "reserved": busy // 3, "used": busy // 2, SCRIPT: 5}
        for sample in (
            Sample(controller=Actor.RECONCILER, at=at, machines=machines, wanted=9 + busy // 4, cost=2.5),
            Sample(controller=Actor.STARTER, at=at, waits={"cold": (90.0 + busy,), IMAGE: (1.0,)}, refused=busy // 8),
        ):
            registry.leave_sample(sample, every=every)
    failed = FailedOrder(scale_set=ScaleSetName(SCRIPT), order=IMAGE, said=IMAGE, ago=MINUTE)
    leave(estate, cleaner=replace(FINE, version=SCRIPT, alarms=(SCRIPT,), failed_orders=(failed,), held={IMAGE: 2}))


@pytest.fixture
def found(estate: Estate, tmp_path: Path) -> Iterator[tuple[Estate, Any]]:
    """What the browser found."""
    settled(estate)
    with served(estate.console) as server:
        yield estate, look(server.url, Path(PICTURES) if PICTURES else tmp_path)


@pytest.mark.long
def test_a_browser_shows_what_redis_holds_and_runs_nothing_of_it(found: tuple[Estate, Any]) -> None:
    estate, said = found
    assert said["bad"] == []
    light, dark, phone = (said["seen"][name] for name in ("light", "dark", "phone"))
    counted = {status: estate.redis.scard(KEYS.index(status)) for status in Status}
    for seen in (light, dark, phone):
        now = seen["now"]
        assert int(now["warm-on-offer"]) + int(now["cold-on-offer"]) == 3 == counted[A] - 2  # the two odd members
        assert int(now["waiting"]) == counted[R] == 2
        assert int(now["inside"]) + int(now["used"]) == counted[U] == 2
        assert Counter(row[4] for row in seen["machines"] if row[4] != "–") == Counter(
            (SCRIPT, IMAGE, "{{7*7}}\\x202e\\x1b[31m", "gone")
        )
        assert seen["verdict"] == f"Look at this: alarm of the cleaner: {SCRIPT}."
        assert seen["held"] == ["cleaner", "2", IMAGE]
        assert (seen["scripts"], seen["overflows"]) == (0, False)
        assert seen["layers"] >= 4
    assert light["background"] != dark["background"] == phone["background"]
