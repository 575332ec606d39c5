"""Registry.apply while the queue manager writes fields of its own: no race is lost, and nothing of them either."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import redis
from contract.registries import EPOCH, House, Server, notes, readable, record, redis_house

from scaler.model.edges import Actor, Edge
from scaler.model.instance import SessionId, VmId
from scaler.model.lifecycle import Change, joined, note, place, restore, step
from scaler.model.row import Row, Status
from scaler.registry.keys import Keys

A, B = VmId("a"), VmId("b")
SEEN = "lastSeen"


def beat(house: House, vm_id: VmId, number: int) -> None:
    """A queue manager notes once more that its visitor is there."""
    seen = house.row(vm_id).readable
    assert seen is not None
    extra = {**dict(seen.extra), SEEN: str(number)}
    pairs = ",".join(f'"{name}":{value}' for name, value in extra.items())
    text = (
        f'{{"vmId":"{vm_id}","instanceId":"7","status":"{seen.status}","used":{"true" if seen.used else "false"},'
        f'"createdAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:{number:02d}Z",{pairs}}}'
    )
    house.redis.set(house.keys.instance(vm_id), text)


def spent(row: Row) -> Change:
    return step(Edge.CONDEMN, Actor.RECONCILER, row, row.readable, notes(mark_attempts=1), EPOCH)


def test_a_foreign_field_that_changed_since_the_read_loses_no_race_and_keeps_its_new_value(house: House) -> None:
    row = house.admit("a", extra=((SEEN, "1"), ("tags", "[]")))
    beat(house, A, 2)
    (after,) = house.apply(spent(row))
    assert after is not None
    assert after == house.row("a")
    assert dict(readable(house, "a").extra) == {SEEN: "2", "tags": "[]"}
    assert (after.status, readable(house, "a").used) == (Status.UNAVAILABLE, True)


def test_a_foreign_field_that_is_new_since_the_read_is_kept(house: House) -> None:
    row = house.admit("a")
    beat(house, A, 2)
    assert house.apply(spent(row)) != (None,)
    assert readable(house, "a").extra == ((SEEN, "2"),)


def test_new_notes_beside_a_record_with_changed_foreign_fields_leave_that_record_to_the_byte(house: House) -> None:
    row = house.admit("a")
    beat(house, A, 2)
    before = house.raw("a")
    assert house.apply(note(row, notes(mark_attempts=2))) == (house.row("a"),)
    assert house.raw("a") == before
    assert house.row("a").notes == notes(mark_attempts=2)


@pytest.mark.parametrize(
    "meanwhile",
    [
        b'"used":true',
        b'"sessionId":"s"',
        b'"warm":true',
        b'"clientIp":"10.0.0.1"',
        b'"status":"Reserved"',
        b'"region":"x"',
    ],
)
def test_a_field_of_the_contract_that_changed_since_the_read_loses_the_race(house: House, meanwhile: bytes) -> None:
    row = house.admit("a")
    text = (
        b'{"vmId":"a","instanceId":"7","status":"Available","createdAt":"2026-01-01T00:00:00Z","x":1,'
        + meanwhile
        + b"}"
    )
    house.plant("a", text)
    assert house.apply(spent(row)) == (None,)
    assert house.raw("a") == text


def test_notes_that_changed_since_the_read_lose_the_race_whatever_the_record_says(house: House) -> None:
    row = house.admit("a")
    beat(house, A, 2)
    house.redis.set(house.keys.notes(A), (house.redis.get(house.keys.notes(A)) or b"") + b" ")
    assert house.apply(spent(row)) == (None,)


def test_both_halves_of_a_move_keep_the_foreign_fields_that_changed_since_the_read(house: House) -> None:
    for name in (A, B):
        house.admit(name)
    assert house.reservations.reserve(SessionId("s")) is not None
    (taken,) = house.members(Status.RESERVED)
    (free,) = house.members(Status.AVAILABLE)
    old, new = house.row(taken), house.row(free)
    assert old.readable is not None
    assert new.readable is not None
    raw = house.raw(taken) or b""
    house.plant(taken, raw[:-1] + b',"lastSeen":5}')
    beat(house, VmId(free), 6)
    first = step(Edge.MOVE, Actor.STARTER, old, old.readable, notes(mark_attempts=1), EPOCH)
    (after,) = house.apply(joined(first, new, new.readable, notes(mark_attempts=2), EPOCH))
    assert after is not None
    assert readable(house, taken).extra == ((SEEN, "5"),)
    assert readable(house, free).extra == ((SEEN, "6"),)
    assert (house.row(taken).status, house.row(free).status) == (Status.UNAVAILABLE, Status.RESERVED)


def test_a_record_that_is_restored_from_the_notes_is_restored_with_its_own_foreign_fields(house: House) -> None:
    house.admit("a", extra=(("visitor", '"somebody else"'),))
    row = house.row("a")
    beat(house, A, 2)
    back = record("a", status=Status.UNAVAILABLE, extra=(("visitor", '"me"'),))
    assert house.apply(restore(row, back, Status.UNAVAILABLE)) != (None,)
    assert readable(house, "a").extra == (("visitor", '"me"'),)


def test_a_value_that_is_no_record_may_change_into_another_of_its_kind(house: House) -> None:
    house.plant("a", b"7", Status.AVAILABLE)
    row = house.row("a")
    house.plant("a", b"8")
    assert house.apply(place(row, Status.UNAVAILABLE)) != (None,)
    assert (house.raw("a"), house.members(Status.UNAVAILABLE)) == (b"8", {"a"})


class Meddler(redis.Redis):
    """A connection on whose way every script is overtaken by somebody's write, so many times."""

    times = 0
    before: Callable[[], object] | None = None

    def evalsha(self, *args: Any, **kwargs: Any) -> Any:
        """First the other one."""
        if self.before is not None and self.times:
            self.times -= 1
            self.before()
        return super().evalsha(*args, **kwargs)


@pytest.mark.parametrize(("times", "wins"), [(1, True), (4, True), (5, False)])
def test_two_writes_in_a_row_between_reading_again_and_writing_are_outlasted_and_a_third_is_not(
    shared_redis: Server, real_house: House, times: int, wins: bool
) -> None:
    """Each attempt is two scripts, but for the first, which is one: the third attempt is the last."""
    row = real_house.admit("a")
    client = Meddler(host="127.0.0.1", port=shared_redis.port)
    slow = redis_house(client, Keys())
    slow.registry.read()
    numbers = iter(range(10, 60))
    client.before, client.times = lambda: beat(real_house, A, next(numbers)), times
    accepted = slow.apply(spent(row))
    assert [each is not None for each in accepted] == [wins]
    client.close()


def test_of_many_changes_only_those_that_lost_are_read_and_written_again(
    shared_redis: Server, real_house: House
) -> None:
    rows = [real_house.admit(f"m{number}") for number in range(600)]
    for number in range(0, 600, 7):
        beat(real_house, VmId(f"m{number}"), 3)
    real_house.plant("m1", (real_house.raw("m1") or b"").replace(b"false", b"true"))
    accepted = real_house.apply(*map(spent, rows))
    assert [number for number, row in enumerate(accepted) if row is None] == [1]
    assert all(row is None or row == real_house.row(row.vm_id) for row in accepted[:50])
    assert accepted[7] is not None
    assert replace(readable(real_house, "m7"), extra=()).used
    assert readable(real_house, "m7").extra == ((SEEN, "3"),)


def test_a_change_that_is_carried_over_still_belongs_to_the_server_that_it_was_decided_on(house: House) -> None:
    read = house.admit("a")
    row = replace(read, before=replace(read.before, server="the one before the failover"))
    beat(house, A, 2)
    assert house.apply(spent(row)) == (None,)
    assert house.row("a").notes == notes()
