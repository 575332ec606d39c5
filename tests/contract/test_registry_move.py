"""MOVE in the registry: two machines are written together or not at all, and whoever asks by session follows."""

from dataclasses import replace

import pytest
from contract.registries import EPOCH, ME, OTHER, House, notes, readable, started

from scaler.model.edges import Actor, Edge
from scaler.model.instance import VmId
from scaler.model.lifecycle import Change, IllegalStep, joined, note, place, step
from scaler.model.row import OpenedNote, Record, ReservedNote, Row, SpentNote, Status
from scaler.registry.reservations import Leaving, Stage

A, B = VmId("a"), VmId("b")


def moved(house: House, away: str = "a", to: str = "b") -> Change:
    """The session on one machine goes on with another one."""
    left, other = house.row(away), house.row(to)
    assert left.readable is not None
    assert other.readable is not None
    ended = replace(left.notes or notes(), ended={ME: Edge.MOVE}, spent=SpentNote(why=Edge.MOVE, at=EPOCH))
    leaves = step(Edge.MOVE, Actor.STARTER, left, replace(left.readable, moved_to=other.vm_id), ended, EPOCH)
    arrives = replace(other.readable, session_id=ME, client_ip="10.0.0.1", moved_from=left.vm_id, move_reason="why")
    waits = ReservedNote(session=ME, at=EPOCH, movable=True)
    return joined(leaves, other, arrives, replace(other.notes or notes(), reserved=waits), EPOCH)


def waiting(house: House) -> Row:
    """ME on machine a, for which a start was ordered; b and c are free."""
    house.admit("a", warm=True)
    assert house.reservations.reserve(ME, "10.0.0.1") is not None
    for name in ("b", "c"):
        house.admit(name)
    return house.note("a", started())


def test_both_machines_are_written_and_the_session_is_on_the_other(house: House) -> None:
    waiting(house)
    (left,) = house.apply(moved(house))
    assert left == house.row("a")
    assert (left.status, readable(house, "a").used, readable(house, "a").moved_to) == (Status.UNAVAILABLE, True, B)
    there = readable(house, "b")
    assert (there.status, there.session_id, there.moved_from) == (Status.RESERVED, ME, A)
    assert [house.members(status) for status in Status] == [{"c"}, {"b"}, {"a"}]
    assert house.reservations.reserve(ME) == house.reservations.look(ME).reservation
    assert house.members(Status.AVAILABLE) == {"c"}


def _lose_the_key(house: House) -> None:
    house.redis.srem(house.keys.index(Status.AVAILABLE), house.keys.instance(B))


def _write_over(name: str) -> object:
    def write(house: House) -> None:
        house.plant(name, (house.raw(name) or b"").replace(b'"instanceId":"7"', b'"instanceId":"8"'))

    return write


@pytest.mark.parametrize("spoil", [_lose_the_key, _write_over("a"), _write_over("b")], ids=["key", "from", "to"])
def test_where_one_half_loses_its_race_nothing_is_written(house: House, spoil: object) -> None:
    waiting(house)
    change = moved(house)
    assert callable(spoil)
    spoil(house)
    before = [house.raw(name) for name in "abc"], [house.row(name).notes for name in "abc"]
    assert house.apply(change) == (None,)
    assert ([house.raw(name) for name in "abc"], [house.row(name).notes for name in "abc"]) == before
    assert house.members(Status.RESERVED) == {"a"}


def test_others_in_the_batch_have_their_own_answers(house: House) -> None:
    waiting(house)
    house.admit("d")
    after, around = note(house.row("d"), notes(mark_attempts=3)), place(house.row("c"), Status.UNAVAILABLE)
    accepted = house.apply(around, moved(house), after)
    assert [row.vm_id if row is not None else None for row in accepted] == ["c", "a", "d"]
    assert house.members(Status.UNAVAILABLE) == {"a", "c"}


def test_nobody_goes_to_a_machine_that_is_in_the_batch_already(house: House) -> None:
    waiting(house)
    with pytest.raises(ValueError, match="twice"):
        house.apply(moved(house), note(house.row("b"), notes()))


def test_only_a_step_with_a_partner_takes_one_and_never_itself(house: House) -> None:
    waiting(house)
    change, free = moved(house), house.row("b")
    assert free.readable is not None
    abandon = step(Edge.ABANDON, Actor.STARTER, house.row("a"), house.row("a").readable, notes(), EPOCH)
    for first, row in ((abandon, free), (change, house.row("a"))):
        with pytest.raises(IllegalStep):
            joined(first, row, free.readable, notes(), EPOCH)


@pytest.mark.parametrize("named", [None, A, B], ids=["by its session", "by the first machine", "by the second"])
def test_whoever_looks_or_leaves_finds_the_machine_it_is_on_now(house: House, named: VmId | None) -> None:
    waiting(house)
    house.apply(moved(house))
    sight = house.reservations.look(ME, named)
    assert sight.stage is Stage.RESERVED
    assert sight.reservation is not None
    assert (sight.reservation.vm_id, sight.reservation.moved_from, sight.reservation.move_reason) == (B, A, "why")
    assert house.reservations.cancel(ME, named) is Leaving.CANCELLED
    back = readable(house, "b")
    assert (back.status, back.session_id, back.moved_from, back.move_reason) == (Status.AVAILABLE, None, None, None)


def test_a_session_that_was_moved_is_released_where_it_was_opened(house: House) -> None:
    waiting(house)
    house.apply(moved(house))
    row = house.row("b")
    assert row.readable is not None
    inside = replace(row.notes or notes(), opened=OpenedNote(session=ME, at=EPOCH, record=row.readable))
    house.apply(step(Edge.OPEN, Actor.STARTER, row, row.readable, inside, EPOCH))
    assert house.reservations.look(ME, A).stage is Stage.OPEN
    assert house.reservations.release(ME, A) is Leaving.RELEASED
    assert readable(house, "b").used


def test_moved_twice_it_is_found_from_its_first_machine(house: House) -> None:
    waiting(house)
    house.apply(moved(house))
    house.apply(moved(house, "b", "c"))
    for named in (None, A, B):
        found = house.reservations.look(ME, named).reservation
        assert found is not None
        assert found.vm_id == "c"


def test_where_the_record_forgot_where_to_the_sessions_key_knows(house: House) -> None:
    waiting(house)
    house.apply(moved(house))
    house.plant("a", (house.raw("a") or b"").replace(b'"movedTo"', b'"dropped"'))
    assert house.reservations.look(ME, A).stage is Stage.RESERVED


def test_where_the_sessions_key_is_gone_the_record_knows(house: House) -> None:
    waiting(house)
    house.apply(moved(house))
    house.redis.delete(house.keys.session(ME))
    found = house.reservations.look(ME, A).reservation
    assert found is not None
    assert found.vm_id == B


@pytest.mark.parametrize("to", ["a", "b", "nowhere", "", "../x"])
def test_a_circle_or_a_dead_end_is_an_end(house: House, to: str) -> None:
    waiting(house)
    house.apply(moved(house))
    house.redis.delete(house.keys.session(ME))
    house.plant("a", (house.raw("a") or b"").replace(b'"movedTo":"b"', f'"movedTo":"{to}"'.encode()))
    house.note("b", notes(ended={ME: Edge.MOVE}))
    house.plant("b", (house.raw("b") or b"").replace(b'"movedFrom":"a"', b'"movedTo":"a"'))
    assert house.reservations.look(ME, A).stage is Stage.ENDED


def test_reserving_notes_since_when_it_waits_and_that_it_may_be_moved(house: House) -> None:
    house.admit("a")
    house.plant("a", (house.raw("a") or b"").replace(b'"used"', b'"movedFrom":"z","moveReason":"old","used"'))
    house.reservations.reserve(ME)
    noted = house.row("a").notes
    assert noted is not None
    assert noted.reserved is not None
    assert (noted.reserved.session, noted.reserved.movable) == (ME, True)
    assert noted.reserved.at == readable(house, "a").updated_at
    assert (readable(house, "a").moved_from, readable(house, "a").move_reason) == (None, None)
    assert house.reservations.cancel(ME) is Leaving.CANCELLED
    assert house.row("a").notes == notes()


def test_a_stranger_hears_nothing_of_a_move(house: House) -> None:
    waiting(house)
    house.apply(moved(house))
    assert house.reservations.look(OTHER, A).stage is Stage.UNKNOWN
    assert house.reservations.cancel(OTHER, B) is Leaving.UNKNOWN


def test_the_other_half_may_not_be_unreadable_afterwards(house: House) -> None:
    waiting(house)
    change = moved(house)
    assert change.partner is not None
    assert isinstance(change.partner.record, Record)
    too_long = replace(change.partner.record, extra=(("x", '"' + "y" * 70_000 + '"'),))
    assert house.apply(replace(change, partner=replace(change.partner, record=too_long))) == (None,)
    assert house.members(Status.RESERVED) == {"a"}
