"""Keys of ours that hold another type of value: what stands on them waits and is named, and nothing else stops."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from contract.registries import ME, House, admission, let_in, notes, redis_house
from hostile.world import World, a_world
from redis import ResponseError

from scaler.errors import Refused
from scaler.model.edges import CONTROLLERS
from scaler.model.instance import SessionId, VmId
from scaler.model.lifecycle import KEEP, Change
from scaler.model.row import Row, Status, Unreadable
from scaler.model.sighting import Pause
from scaler.registry.keys import Keys
from scaler.report import Report
from scaler.telemetry import read

TYPES: Mapping[str, Callable[[Any, str], object]] = {
    "string": lambda redis, key: redis.set(key, "theirs"),
    "list": lambda redis, key: redis.rpush(key, "theirs"),
    "hash": lambda redis, key: redis.hset(key, "theirs", "1"),
    "sorted set": lambda redis, key: redis.zadd(key, {"theirs": 1}),
    "stream": lambda redis, key: redis.xadd(key, {"theirs": "1"}),
}
NOT_A_SET = TYPES
NOT_A_STRING = {"set": lambda redis, key: redis.sadd(key, "theirs"), **TYPES}
del NOT_A_STRING["string"]


def spoil(house: House, key: str, make: Callable[[Any, str], object]) -> None:
    """The key holds something else from now on."""
    house.redis.delete(key)
    make(house.redis, key)


@pytest.mark.parametrize("make", NOT_A_STRING.values(), ids=NOT_A_STRING.keys())
def test_a_record_that_is_no_string_is_left_alone_and_named(wired_house: House, make: Callable[..., object]) -> None:
    wired_house.admit("a")
    wired_house.admit("b")
    spoil(wired_house, "vmss:instance:a", make)
    snapshot = wired_house.registry.read()
    assert snapshot.rows[VmId("a")].record == Unreadable(why="a value of another type than a string")
    assert [each.key for each in snapshot.complaints] == ["vmss:instance:a"]
    assert snapshot.rows[VmId("b")].readable is not None
    kind = wired_house.redis.type("vmss:instance:a")
    row = snapshot.rows[VmId("a")]
    (after,) = wired_house.apply(Change(row=row, edge=None, notes=notes(unique_id="new"), index=Status.UNAVAILABLE))
    assert after is not None
    assert wired_house.members(Status.UNAVAILABLE) == {"a"}
    assert wired_house.redis.type("vmss:instance:a") == kind
    assert wired_house.reservations.reserve(ME) is not None


@pytest.mark.parametrize("make", NOT_A_STRING.values(), ids=NOT_A_STRING.keys())
def test_a_record_that_becomes_a_string_meanwhile_is_a_lost_race(
    wired_house: House, make: Callable[..., object]
) -> None:
    wired_house.admit("a")
    spoil(wired_house, "vmss:instance:a", make)
    row = wired_house.row("a")
    wired_house.redis.delete("vmss:instance:a")
    assert wired_house.apply(Change(row=row, edge=None, notes=notes())) == (None,)
    wired_house.redis.set("vmss:instance:a", "theirs")
    assert wired_house.apply(Change(row=row, edge=None, notes=notes())) == (None,)


@pytest.mark.parametrize("make", NOT_A_STRING.values(), ids=NOT_A_STRING.keys())
def test_notes_that_are_no_string_are_lost_and_written_anew(wired_house: House, make: Callable[..., object]) -> None:
    wired_house.admit("a")
    spoil(wired_house, "vmss:notes:a", make)
    row = wired_house.row("a")
    assert row.notes is None
    assert wired_house.reservations.reserve(ME) is None
    assert wired_house.note("a", notes()).notes == notes()


def test_a_session_s_pointer_that_is_no_string_names_no_machine(wired_house: House) -> None:
    let_in(wired_house)
    spoil(wired_house, wired_house.keys.session(ME), NOT_A_STRING["list"])
    assert wired_house.reservations.look(ME).stage == "unknown"
    assert wired_house.reservations.release(ME, VmId("a")) == "released"


@pytest.mark.parametrize("prefix", ["v", "{vmss}", "\u00fc" * 64, "\U00020000" * 64])
def test_every_prefix_finds_its_machines_again(prefix: str, real_house: House) -> None:
    house = redis_house(real_house.redis, Keys(prefix=prefix))
    vm_id = "x" * 64  # the longest there may be
    house.admit(vm_id)
    snapshot = house.registry.read()
    assert (set(snapshot.rows), snapshot.complaints) == ({vm_id}, ())


def test_a_pause_that_is_no_string_is_a_pause(wired_house: House) -> None:
    spoil(wired_house, wired_house.keys.pause, NOT_A_STRING["hash"])
    assert wired_house.registry.read().pause is Pause.ORDERS


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("make", NOT_A_SET.values(), ids=NOT_A_SET.keys())
def test_a_set_that_is_none_is_named_and_the_other_two_go_on(
    wired_house: House, make: Callable[..., object], status: Status
) -> None:
    for number, each in enumerate(Status):
        wired_house.plant(f"m{number}", f'{{"status":"{each}","sessionId":"s"}}', each)
    key = wired_house.keys.index(status)
    spoil(wired_house, key, make)
    kind = wired_house.redis.type(key)
    snapshot = wired_house.registry.read()
    (complaint,) = snapshot.complaints
    assert complaint.key == key
    assert "delete" in complaint.why
    assert set(snapshot.rows) == {f"m{number}" for number, each in enumerate(Status) if each is not status}
    assert wired_house.registry.reserved() == (frozenset() if status is Status.RESERVED else {"m1"})
    for row in snapshot.rows.values():
        for target in Status:
            accepted = wired_house.apply(Change(row=wired_house.row(row.vm_id), edge=None, index=target)) != (None,)
            assert accepted is (target is not status)
    assert wired_house.redis.type(key) == kind


def test_what_is_taken_from_available_is_not_taken_where_that_is_no_set(wired_house: House) -> None:
    row = wired_house.admit("a")
    spoil(wired_house, "vmss:status:available", NOT_A_SET["string"])
    taken = Change(row=row, edge=None, index=KEEP, takes=True)
    assert wired_house.apply(taken) == (None,)


@pytest.mark.parametrize("status", [Status.AVAILABLE, Status.RESERVED])
def test_a_visitor_s_reserve_is_refused_before_anything_is_written(wired_house: House, status: Status) -> None:
    wired_house.admit("a")
    spoil(wired_house, wired_house.keys.index(status), NOT_A_SET["string"])
    before = wired_house.raw("a")
    with pytest.raises(Refused, match="SCALER_REDIS_PREFIX"):
        wired_house.reservations.reserve(ME)
    assert wired_house.raw("a") == before
    assert wired_house.redis.get(wired_house.keys.session(ME)) is None


@pytest.mark.parametrize("status", Status)
def test_a_session_ends_whatever_has_become_of_the_sets(wired_house: House, status: Status) -> None:
    let_in(wired_house)
    spoil(wired_house, wired_house.keys.index(status), NOT_A_SET["list"])
    assert wired_house.reservations.release(ME) == "released"
    row = wired_house.registry.read_also([VmId("a")])[VmId("a")]
    assert row.readable is not None
    assert row.readable.used


def test_a_batch_is_carried_out_for_all_that_the_broken_set_does_not_concern(wired_house: House) -> None:
    spoil(wired_house, "vmss:status:unavailable", NOT_A_SET["string"])
    rows = [Row(vm_id=VmId(name)) for name in ("a", "b", "c")]
    changes = [admission(row) for row in rows]
    changes[1] = Change(row=rows[1], edge=None, notes=notes(), index=Status.UNAVAILABLE)
    first, second, third = wired_house.apply(*changes)
    assert (first is not None, second, third is not None) == (True, None, True)
    assert wired_house.members(Status.AVAILABLE) == {"a", "c"}
    assert wired_house.redis.get("vmss:notes:b") is None


@pytest.mark.parametrize("status", Status)
def test_no_controller_stops_for_a_set_that_is_none(
    real_house: House, status: Status, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with a_world(real_house) as world:
        world.machines(2)
        spoil(real_house, real_house.keys.index(status), NOT_A_SET["string"])
        ticked(world, 4)
    keys = [read(line.getMessage())[1].get("key") for line in caplog.records]
    named = [key for key in keys if key == real_house.keys.index(status)]
    assert len(named) == 3  # once for each controller that reads Redis, not once a tick
    if status is not Status.AVAILABLE:
        assert len(real_house.members(Status.AVAILABLE)) == 2
        with pytest.raises(ResponseError):
            real_house.redis.sadd(real_house.keys.index(status), "x")


def test_a_set_that_is_deleted_again_is_rebuilt(real_house: House) -> None:
    with a_world(real_house) as world:
        world.machines(2)
        ticked(world, 4)
        spoil(real_house, "vmss:status:available", NOT_A_SET["string"])
        ticked(world, 1)
        real_house.redis.delete("vmss:status:available")
        assert real_house.reservations.reserve(SessionId("s")) is None
        ticked(world, 1)
        assert len(real_house.members(Status.AVAILABLE)) == 2


def ticked(world: World, times: int) -> None:
    """All controllers, so often; each tick ends with a report."""
    for _ in range(times):
        for name in CONTROLLERS:
            assert isinstance(world.tick(name), Report)
        world.later()
