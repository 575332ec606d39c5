"""Registry.apply: compare-and-set of record, notes and index together, held by every implementation."""

from dataclasses import replace

import pytest
from contract.registries import EPOCH, House, admission, notes, record

from scaler.model.edges import Actor, Edge
from scaler.model.instance import InstanceId, SessionId, VmId
from scaler.model.lifecycle import KEEP, Change, note, place, restore, step
from scaler.model.row import Before, OpenedNote, Record, Row, SpentNote, Status, Unreadable
from scaler.registry.batch import UNRECORDED_NOTES_TTL

A = VmId("a")
ODD = (("tags", "[]"), ("big", "12345678901234567890.000"), ("odd", '{ "\\u00e9" : [1.0, {}] }'), ("é", '"\\/"'))


def test_what_is_written_is_what_is_read(house: House) -> None:
    accepted = house.admit("a", warm=True, region="westeurope", extra=ODD)
    assert house.registry.read().rows == {A: accepted}
    assert accepted.readable is not None
    assert accepted.readable.extra == ODD
    assert accepted.notes == notes()


def test_an_empty_registry_has_no_rows_and_a_time(house: House) -> None:
    snapshot = house.registry.read()
    assert snapshot.rows == {}
    assert snapshot.complaints == ()
    assert snapshot.now.tzinfo is not None


def test_absence_is_a_value(house: House) -> None:
    stale = admission(Row(vm_id=A))
    house.admit("a")
    assert house.apply(stale) == (None,)


def test_a_row_that_vanished_is_not_written(house: House) -> None:
    row = house.admit("a")
    house.redis.delete(house.keys.instance(A))
    assert house.apply(note(row, notes(start=None))) == (None,)


def test_one_foreign_byte_in_the_notes_loses_the_race(house: House) -> None:
    row = house.admit("a")
    key = house.keys.notes(A)
    house.redis.set(key, (house.redis.get(key) or b"") + b" ")
    before = house.raw("a")
    spend = step(Edge.CONDEMN, Actor.RECONCILER, row, row.readable, notes(), EPOCH)
    assert house.apply(spend) == (None,)
    assert house.raw("a") == before
    assert house.members(Status.AVAILABLE) == {"a"}


def test_an_accepted_row_can_be_changed_again_at_once(house: House) -> None:
    row = house.admit("a")
    (second,) = house.apply(note(row, notes(mark_attempts=2)))
    assert second is not None
    (third,) = house.apply(note(second, notes(mark_attempts=3)))
    assert third == house.row("a")


def test_a_step_that_takes_needs_the_key_to_be_available(house: House) -> None:
    row = house.admit("a")
    taking = replace(note(row, notes(), index=Status.RESERVED), takes=True)
    house.redis.srem(house.keys.index(Status.AVAILABLE), house.keys.instance(A))
    assert house.apply(taking) == (None,)
    house.redis.sadd(house.keys.index(Status.AVAILABLE), house.keys.instance(A))
    (taken,) = house.apply(taking)
    assert taken == house.row("a")
    assert house.members(Status.AVAILABLE) == set()
    assert house.members(Status.RESERVED) == {"a"}


@pytest.mark.parametrize("gone", ["b", "c"])
def test_a_machine_that_is_taken_beside_others_is_taken_only_while_all_of_these_are_available(
    house: House, gone: str
) -> None:
    row, _, _ = house.admit("a"), house.admit("b"), house.admit("c")
    spent = replace(spending(row), beside=(VmId("b"), VmId("c")))
    key = house.keys.instance(VmId(gone))
    house.redis.srem(house.keys.index(Status.AVAILABLE), key)
    assert house.apply(spent) == (None,)
    house.redis.sadd(house.keys.index(Status.AVAILABLE), key)
    (taken,) = house.apply(spent)
    assert taken == house.row("a")
    assert (taken.status, taken.index) == (Status.UNAVAILABLE, frozenset({Status.UNAVAILABLE}))
    assert house.members(Status.AVAILABLE) == {"b", "c"}


def test_of_two_writes_that_spend_each_others_rest_only_one_succeeds(house: House) -> None:
    rows = house.admit("a"), house.admit("b")
    first, second = (
        replace(spending(row), beside=(other.vm_id,)) for row, other in zip(rows, reversed(rows), strict=True)
    )
    assert house.apply(first) != (None,)
    assert house.apply(second) == (None,)
    assert house.members(Status.AVAILABLE) == {"b"}


def test_a_batch_that_spends_several_leaves_the_rest_on_offer(house: House) -> None:
    rows = [house.admit(name) for name in "abcd"]
    taken = house.apply(*(replace(spending(row), beside=(VmId("c"), VmId("d"))) for row in rows[:2]))
    assert None not in taken
    assert house.members(Status.AVAILABLE) == {"c", "d"}
    assert len(house.redis.zrange(house.keys.offers, 0, 10_000)) == 2


def spending(row: Row) -> Change:
    """SPEND, with the note from which its delete ripens."""
    spent = notes(spent=SpentNote(why=Edge.SPEND, at=EPOCH))
    return step(Edge.SPEND, Actor.CLEANER, row, row.readable, spent, EPOCH)


def test_taking_without_placing_leaves_it_out_of_available_only(house: House) -> None:
    row = house.admit("a")
    house.redis.sadd(house.keys.index(Status.UNAVAILABLE), house.keys.instance(A))
    row = house.row("a")
    (taken,) = house.apply(replace(note(row, notes(), index=KEEP), takes=True))
    assert taken is not None
    assert taken.index == {Status.UNAVAILABLE}
    assert taken == house.row("a")


@pytest.mark.parametrize("target", list(Status))
def test_placing_puts_the_key_into_exactly_one_set(house: House, target: Status) -> None:
    house.admit("a")
    for status in Status:
        house.redis.sadd(house.keys.index(status), house.keys.instance(A))
    (placed,) = house.apply(place(house.row("a"), target))
    assert placed is not None
    assert placed.index == {target}
    assert {status for status in Status if house.members(status)} == {target}


def test_placing_nowhere_takes_it_out_of_all_sets(house: House) -> None:
    house.admit("a")
    for status in Status:
        house.redis.sadd(house.keys.index(status), house.keys.instance(A))
    house.apply(place(house.row("a"), None))
    assert not any(house.members(status) for status in Status)
    assert house.row("a").readable is not None


@pytest.mark.parametrize("target", [None, *Status])
@pytest.mark.parametrize("offered", [True, False])
def test_bookkeeping_moves_a_key_only_if_it_still_is_in_available_or_still_is_not(
    house: House, target: Status | None, offered: bool
) -> None:
    """What was read of the index may be older than the record beside it, and SPOP takes the key without a trace."""
    row = replace(house.admit("a"), index=frozenset({Status.RESERVED} if offered else {Status.AVAILABLE}))
    if not offered:
        house.redis.spop(house.keys.index(Status.AVAILABLE))
    assert house.apply(place(row, target)) == (None,)
    assert house.apply(note(row, notes(mark_attempts=2), target)) == (None,)
    assert house.members(Status.AVAILABLE) == ({"a"} if offered else set())
    assert house.row("a").notes == notes()


def test_keeping_the_index_touches_no_set(house: House) -> None:
    row = house.admit("a")
    house.redis.srem(house.keys.index(Status.AVAILABLE), house.keys.instance(A))
    (after,) = house.apply(note(row, notes(mark_attempts=1)))
    assert after is not None
    assert house.members(Status.AVAILABLE) == set()


def test_one_loser_does_not_hold_up_the_batch(house: House) -> None:
    rows = [house.admit(name) for name in "abc"]
    house.redis.set(house.keys.instance(VmId("b")), b"somebody else was here")
    changes = [step(Edge.CONDEMN, Actor.RECONCILER, row, row.readable, notes(), EPOCH) for row in rows]
    won = [row is not None for row in house.apply(*changes)]
    assert won == [True, False, True]
    assert house.members(Status.UNAVAILABLE) == {"a", "c"}
    assert house.members(Status.AVAILABLE) == {"b"}


def test_one_machine_twice_in_a_batch_is_an_error_and_nothing_is_written(house: House) -> None:
    row = Row(vm_id=A)
    with pytest.raises(ValueError, match="twice"):
        house.apply(admission(row), admission(row))
    assert house.raw("a") is None


def test_a_record_is_written_under_its_own_key_only(house: House) -> None:
    with pytest.raises(ValueError, match="own key"):
        house.apply(restore(Row(vm_id=A), record("b"), Status.AVAILABLE))


def test_an_empty_batch_is_no_batch(house: House) -> None:
    assert house.apply() == ()


def test_more_changes_than_one_script_takes_are_all_written(house: House) -> None:
    changes = [admission(Row(vm_id=VmId(f"m{number}"))) for number in range(601)]
    assert all(house.apply(*changes))
    assert len(house.registry.read().rows) == 601
    assert not any(house.apply(*changes))


def test_forgetting_leaves_nothing(house: House) -> None:
    row = house.admit("a")
    (after,) = house.apply(step(Edge.FORGET, Actor.RECONCILER, row, row.readable, None, EPOCH))
    assert after == Row(vm_id=A)
    assert house.registry.read().rows == {}
    assert house.registry.read_also([A]) == {A: Row(vm_id=A)}


def test_notes_without_a_record_are_forgotten_after_a_day(house: House) -> None:
    house.apply(note(Row(vm_id=A), notes(admitted_at=None)))
    assert UNRECORDED_NOTES_TTL - 60 <= house.redis.ttl(house.keys.notes(A)) <= UNRECORDED_NOTES_TTL


def test_notes_beside_a_record_stay(house: House) -> None:
    (noted,) = house.apply(note(Row(vm_id=A), notes(admitted_at=None)))
    assert noted is not None
    house.apply(restore(noted, record("a"), Status.AVAILABLE))
    assert house.redis.ttl(house.keys.notes(A)) == -1


def test_notes_that_lose_their_record_begin_to_age(house: House) -> None:
    row = house.admit("a")
    house.apply(Change(row=row, edge=None, record=None, index=None))
    assert house.redis.ttl(house.keys.notes(A)) > 0


def test_notes_of_a_machine_that_is_seen_again_age_anew(house: House) -> None:
    (noted,) = house.apply(note(Row(vm_id=A), notes(admitted_at=None)))
    assert noted is not None
    house.redis.expire(house.keys.notes(A), 100)
    house.apply(note(noted, notes(admitted_at=None, mark_attempts=1)))
    assert house.redis.ttl(house.keys.notes(A)) > 100


def test_the_record_inside_an_opened_note_survives_to_the_byte(house: House) -> None:
    row = house.admit("a", extra=ODD)
    assert row.readable is not None
    opened = OpenedNote(session=SessionId("s"), at=EPOCH, record=row.readable)
    assert house.note("a", notes(opened=opened)).notes == notes(opened=opened)
    assert house.row("a").notes == notes(opened=opened)


def test_an_unreadable_record_is_never_overwritten(house: House) -> None:
    house.plant("a", b"{not json", Status.AVAILABLE)
    row = house.row("a")
    assert house.apply(restore(row, record("a"), Status.AVAILABLE)) == (None,)
    assert house.apply(Change(row=row, edge=None, record=None)) == (None,)
    assert house.raw("a") == b"{not json"


def test_notes_and_index_of_an_unreadable_record_are_still_ours(house: House) -> None:
    house.plant("a", b"[]", Status.AVAILABLE)
    condemn = step(Edge.CONDEMN, Actor.RECONCILER, house.row("a"), None, notes(), EPOCH)
    (after,) = house.apply(condemn)
    assert after is not None
    assert after == house.row("a")
    assert house.raw("a") == b"[]"
    assert house.members(Status.UNAVAILABLE) == {"a"}


def test_nothing_is_done_to_what_a_newer_scaler_noted(house: House) -> None:
    house.admit("a")
    house.redis.set(house.keys.notes(A), b'{"v":2,"new":true}')
    row = house.row("a")
    assert row.record == Unreadable(why="notes were written by a newer scaler (v=2)")
    assert house.apply(note(row, notes()), place(house.admit("b"), None))[0] is None
    assert house.apply(place(row, None)) == (None,)
    assert house.redis.get(house.keys.notes(A)) == b'{"v":2,"new":true}'


def test_a_key_that_holds_something_else_is_left_alone(wired_house: House) -> None:
    house = wired_house
    house.redis.lpush(house.keys.instance(A), "x")
    assert house.apply(admission(Row(vm_id=A))) == (None,)
    assert house.redis.lrange(house.keys.instance(A), 0, -1) == [b"x"]


def test_every_spelling_is_read_and_one_is_written(house: House) -> None:
    text = '{"VMID":"A","InstanceID":"7","Status":"available","USED":true,"used":false,"Mine":1,"mine":2}'
    house.plant("a", text, Status.AVAILABLE)
    row = house.row("a")
    assert row.readable == Record(
        vm_id=A,
        instance_id=InstanceId("7"),
        status=Status.AVAILABLE,
        used=True,
        extra=(("Mine", "1"), ("mine", "2")),
    )
    house.apply(step(Edge.CONDEMN, Actor.RECONCILER, row, row.readable, notes(), EPOCH))
    assert house.raw("a") == (
        b'{"vmId":"a","instanceId":"7","status":"Unavailable","used":true,"warm":false,'
        b'"updatedAt":"2026-01-01T00:00:00Z","Mine":1,"mine":2}'
    )


def test_the_index_may_name_what_is_not_there(house: House) -> None:
    house.redis.sadd(house.keys.index(Status.RESERVED), house.keys.instance(A))
    assert house.row("a") == Row(vm_id=A, index=frozenset({Status.RESERVED}), before=Before())


@pytest.mark.parametrize("member", [b"x", b"vmss:instance:", b"vmss:instance:A", b"vmss:instance:a b", b"\xff\x00"])
def test_a_strange_member_is_a_complaint(house: House, member: bytes) -> None:
    house.redis.sadd(house.keys.index(Status.RESERVED), member)
    snapshot = house.registry.read()
    assert snapshot.rows == {}
    assert [each.key for each in snapshot.complaints] == ["vmss:status:reserved"]
    assert house.registry.reserved() == frozenset()


def test_what_cannot_be_read_is_a_complaint(house: House) -> None:
    house.admit("a")
    house.plant("b", b"7", Status.RESERVED)
    house.redis.set(house.keys.notes(A), b"7")
    complaints = {each.key: each.why for each in house.registry.read().complaints}
    assert complaints == {
        "vmss:instance:b": "not a JSON object",
        "vmss:notes:a": "these notes cannot be read, and count as lost",
    }


def test_the_probe_names_what_is_reserved(house: House) -> None:
    house.admit("a")
    house.admit("b")
    house.reservations.reserve(SessionId("s"))
    assert house.registry.reserved() == {"a"}
