"""The README's queue manager in twenty lines serves visitors, by the very words of the page, on a real redis-server."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from contract.registries import House, Server, opened, readable

from scaler.model.instance import SessionId, VmId
from scaler.model.row import Status

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
ME = SessionId("me")


class Page:
    """A visitor's page: what it shows, and what the world does while it is shown."""

    def __init__(self, *events: Callable[[], bool]) -> None:
        self._events = list(events)
        self.shown: list[str] = []

    def waits(self, text: str) -> bool:
        """Show the text, let the next event happen, and say whether the visitor is still there."""
        self.shown.append(text)
        return self._events.pop(0)()


type Serve = Callable[[SessionId, str, Page], object]


@pytest.fixture
def serve(real_house: House, shared_redis: Server, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """The page's function, against the server of this test."""
    (source,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{shared_redis.port}")
    names: dict[str, Serve] = {}
    exec(compile(source, "README.md", "exec"), names)
    return names["serve"]


def opens(house: House, vm_id: str) -> bool:
    """The starter lets the visitor in."""
    house.note(vm_id, opened(house.row(vm_id), ME))
    record = json.loads(house.raw(vm_id) or b"") | {"status": "Unavailable", "publicIp": "198.51.100.4"}
    house.redis.srem(house.keys.index(Status.RESERVED), house.keys.instance(VmId(vm_id)))
    house.plant(vm_id, json.dumps(record), Status.UNAVAILABLE)
    return True


def refuses(house: House, vm_id: str) -> bool:
    """The starter gives the session up."""
    key = house.keys.notes(VmId(vm_id))
    spent = {"why": "refuse", "at": "2026-01-01T00:00:00Z", "reason": "the region is sold out"}
    house.redis.set(key, json.dumps(json.loads(house.redis.get(key)) | {"ended": {ME: "refuse"}, "spent": spent}))
    return True


def waits() -> bool:
    return True


def leaves() -> bool:
    return False


def test_the_queue_manager_has_about_twenty_lines() -> None:
    (source,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert 15 <= len([line for line in source.splitlines() if line.strip()]) <= 25


def test_a_visitor_waits_goes_in_and_leaves(serve: Serve, real_house: House) -> None:
    real_house.admit("a")
    page = Page(waits, lambda: opens(real_house, "a"), waits, leaves)
    assert serve(ME, "203.0.113.9", page) == "released"
    assert page.shown == [*["Your machine is being started."] * 2, *["Your machine is 198.51.100.4."] * 2]
    assert readable(real_house, "a").used


def test_a_visitor_who_gives_up_gives_the_machine_back(serve: Serve, real_house: House) -> None:
    real_house.admit("a")
    assert serve(ME, "203.0.113.9", Page(waits, leaves)) == "cancelled"
    assert readable(real_house, "a").status is Status.AVAILABLE


def test_a_visitor_is_told_when_all_machines_are_taken(serve: Serve) -> None:
    page = Page(leaves)
    serve(ME, "203.0.113.9", page)
    assert page.shown == ["All machines are taken. Please try again in a few minutes."]


def test_a_visitor_who_is_refused_is_told_why(serve: Serve, real_house: House) -> None:
    real_house.admit("a")
    page = Page(lambda: refuses(real_house, "a"), leaves)
    serve(ME, "203.0.113.9", page)
    assert page.shown[-1] == "No machine could be had: the region is sold out."
