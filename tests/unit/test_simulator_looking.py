"""How the observer reads Redis, without any code of the scaler's doing it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis
from clock import ManualClock
from fakeredis import FakeRedis, FakeServer

from emulator.behaviour import Behaviour
from emulator.orders import Scale
from emulator.scale_set import EmulatedScaleSet
from scaler.model.instance import VmId
from scaler.model.row import Status
from scaler.registry.keys import Keys
from simulator.happenings import Published
from simulator.looking import Looker, published, sessions_in

KEYS = Keys()
AT = "2026-01-01T12:00:00Z"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RECORD = {"vmId": "vm", "instanceId": "3", "status": "Available", "used": False, "warm": True, "colour": "blue"}


@pytest.fixture
def client() -> Iterator[redis.Redis]:
    with FakeRedis(server=FakeServer()) as fake:
        yield fake


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ({"sessionId": "ann", "status": "Reserved"}, {"ann"}),
        ({"reserved": {"session": "ann"}, "start": {"session": "bob"}}, {"ann", "bob"}),
        ({"opened": {"session": "ann", "record": {"sessionId": "bob"}}}, {"ann", "bob"}),
        ({"ended": {"ann": "refuse", "bob": "release"}}, {"ann", "bob"}),
        ({"sessionId": None, "ended": None}, set()),
        ({"sessionId": "", "vmId": "vm", "status": "Reserved"}, {"vm"}),
        ({"vmId": "vm", "status": "Available"}, set()),
        ({"opened": {"session": "vm", "record": {"vmId": "vm", "status": "Unavailable"}}}, {"vm"}),
        ("ann", set()),
    ],
)
def test_a_session_is_named_wherever_record_or_notes_name_it(value: object, names: set[str]) -> None:
    assert set(sessions_in(value)) == names


def test_a_machine_without_record_and_notes_is_unknown_to_redis() -> None:
    assert published(None, None, offered=False) is None
    assert published(None, {}, offered=False) == Published()


@pytest.mark.parametrize("record", [{}, {"status": 7}, {"status": "Sleeping", "used": "yes", "sessionId": 3}])
def test_a_record_that_says_nothing_readable_says_nothing(record: dict[str, object]) -> None:
    assert published(record, None, offered=True) == Published(offered=True)


@pytest.mark.parametrize(
    ("notes", "since"),
    [
        ({"presumed_at": AT}, NOON),
        ({"spent": {"why": "condemn", "at": AT}}, NOON),
        ({"spent": {"why": "condemn", "at": AT}, "start": {"session": "ann"}}, NOON),
        ({"spent": {"why": "release", "at": AT}, "opened": {"session": "ann"}, "ended": {"ann": "release"}}, None),
        ({"opened": {"session": "ann"}}, None),
        ({}, None),
    ],
)
def test_a_machine_is_presumed_to_be_in_use_unless_its_own_session_has_ended(
    notes: dict[str, object], since: datetime | None
) -> None:
    found = published({}, notes, offered=False)
    assert found is not None
    assert found.presumed_since == since


def test_a_look_joins_what_azure_has_with_what_redis_says(client: redis.Redis) -> None:
    clock = ManualClock()
    scale_set = EmulatedScaleSet(clock.now, behaviour=Behaviour())
    scale_set.scale(Scale(capacity=2), by="provisioner")
    clock.advance(timedelta(minutes=5))
    first, _ = scale_set.vms
    key = KEYS.instance(VmId(first.vm_id))
    client.set(key, json.dumps({**RECORD, "vmId": first.vm_id, "sessionId": "ann"}))
    client.set(KEYS.notes(VmId("gone")), json.dumps({"ended": {"bob": "expire"}}))
    client.set(KEYS.instance(VmId("broken")), "{")
    client.sadd(KEYS.index(Status.AVAILABLE), key)
    look = Looker([scale_set], client, KEYS).look()
    said = {each.state.vm_id: each.published for each in look.machines}
    assert said[first.vm_id] == Published(status=Status.AVAILABLE, session="ann", offered=True)
    assert list(said.values()).count(None) == 1
    assert (set(look.named), look.offered, look.forgot) == ({"ann", "bob"}, 1, False)


def test_a_look_shows_every_scale_set_and_whose_a_machine_is(client: redis.Redis) -> None:
    clock = ManualClock()
    scale_sets = [EmulatedScaleSet(clock.now, name=name, seed=seed) for seed, name in enumerate(("first", "second"))]
    for capacity, scale_set in enumerate(scale_sets, start=1):
        scale_set.scale(Scale(capacity=capacity), by="provisioner")
    look = Looker(scale_sets, client, KEYS).look()
    assert [each.scale_set for each in look.machines] == ["first", "second", "second"]


def test_a_flush_shows_in_the_next_look_and_only_there(client: redis.Redis) -> None:
    looker = Looker([EmulatedScaleSet(ManualClock().now)], client, KEYS)
    assert not looker.look().forgot
    client.flushall()
    assert looker.look().forgot
    assert not looker.look().forgot


def test_a_redis_that_fell_back_to_an_earlier_state_has_forgotten(client: redis.Redis) -> None:
    looker = Looker([EmulatedScaleSet(ManualClock().now)], client, KEYS)
    earlier = client.get("simulator:look")
    assert earlier is not None
    assert not looker.look().forgot
    client.set("simulator:look", earlier)
    assert looker.look().forgot
    assert not looker.look().forgot
