"""release and cancel: how a session ends, and what is never touched; held by every implementation."""

import pytest
from contract.registries import EPOCH, KEPT, ME, OTHER, STRANGE_NOTES, House, let_in, notes, readable, started

from scaler.model.edges import Edge
from scaler.model.instance import SessionId, VmId
from scaler.model.row import ReservedNote, SpentNote, Status
from scaler.registry.reservations import Leaving, Stage


def test_release_makes_the_machine_used_for_ever(house: House) -> None:
    let_in(house, extra=KEPT)
    assert house.reservations.release(ME) is Leaving.RELEASED
    row = house.row("a")
    assert row.readable is not None
    assert (row.readable.status, row.readable.used, row.readable.extra) == (Status.UNAVAILABLE, True, KEPT)
    assert row.readable.session_id == ME
    assert row.notes is not None
    assert row.notes.ended == {ME: Edge.RELEASE}
    assert row.notes.spent is not None
    assert row.notes.spent.why is Edge.RELEASE
    assert row.index == {Status.UNAVAILABLE}


def test_release_twice_is_release_once(house: House) -> None:
    let_in(house)
    house.reservations.release(ME)
    before = house.row("a")
    assert house.reservations.release(ME) is Leaving.ENDED
    assert house.reservations.cancel(ME) is Leaving.ENDED
    assert house.row("a") == before


def test_release_ends_a_presumed_session_that_the_record_names(house: House) -> None:
    let_in(house)
    house.note("a", notes(presumed_at=EPOCH))
    assert house.reservations.release(ME) is Leaving.RELEASED


def test_release_before_anybody_was_let_in_does_nothing(house: House) -> None:
    house.admit("a")
    house.reservations.reserve(ME)
    assert house.reservations.release(ME) is Leaving.RESERVED
    assert readable(house, "a").status is Status.RESERVED


def test_cancel_before_a_start_gives_the_machine_back(house: House) -> None:
    first = house.admit("a", extra=KEPT)
    house.reservations.reserve(ME, "10.0.0.1")
    house.note("a", notes(reserved=ReservedNote(session=ME, at=EPOCH)))
    assert house.reservations.cancel(ME) is Leaving.CANCELLED
    row = house.row("a")
    assert row.readable is not None
    assert (row.readable.status, row.readable.used, row.readable.extra) == (Status.AVAILABLE, False, KEPT)
    assert (row.readable.session_id, row.readable.client_ip) == (None, None)
    assert row.notes == first.notes
    assert row.index == {Status.AVAILABLE}
    assert house.redis.get(house.keys.session(ME)) is None
    assert house.reservations.cancel(ME) is Leaving.UNKNOWN
    assert house.reservations.reserve(OTHER) is not None


@pytest.mark.parametrize("session", [ME, OTHER])
def test_cancel_after_any_start_spends_the_machine(house: House, session: SessionId) -> None:
    house.admit("a", extra=KEPT)
    house.reservations.reserve(ME)
    house.note("a", started(session))
    assert house.reservations.cancel(ME) is Leaving.ABANDONED
    row = house.row("a")
    assert row.readable is not None
    assert (row.readable.status, row.readable.used, row.readable.extra) == (Status.UNAVAILABLE, True, KEPT)
    assert row.notes is not None
    assert row.notes.ended == {ME: Edge.ABANDON}
    assert row.notes.spent is not None
    assert row.notes.spent.why is Edge.ABANDON
    assert row.index == {Status.UNAVAILABLE}


def test_cancel_once_inside_is_a_release(house: House) -> None:
    let_in(house)
    assert house.reservations.cancel(ME) is Leaving.RELEASED


def test_a_late_write_for_a_session_that_ended_is_left_to_the_starter(house: House) -> None:
    house.admit("a")
    house.reservations.reserve(ME)
    late = house.raw("a") or b""
    house.note("a", started())
    house.reservations.cancel(ME)
    house.plant("a", late, Status.RESERVED)
    assert house.reservations.cancel(ME) is Leaving.ENDED
    assert house.reservations.release(ME) is Leaving.ENDED
    assert house.reservations.look(ME).stage is Stage.ENDED
    assert house.raw("a") == late
    assert house.reservations.reserve(ME) is None


def test_a_machine_that_says_used_is_not_given_back(house: House) -> None:
    house.admit("a")
    house.reservations.reserve(ME)
    house.plant("a", (house.raw("a") or b"").replace(b'"used":false', b'"used":true'))
    assert house.reservations.cancel(ME) is Leaving.ABANDONED


def test_what_was_spent_by_somebody_else_has_ended(house: House) -> None:
    let_in(house)
    house.note("a", notes(presumed_at=EPOCH, spent=SpentNote(why=Edge.CONDEMN, at=EPOCH)))
    before = house.row("a")
    assert house.reservations.release(ME) is Leaving.ENDED
    assert house.row("a") == before
    house.admit("b")
    again = house.reservations.reserve(ME)
    assert again is not None
    assert again.vm_id == "b"


def test_a_machine_that_nobody_opened_cannot_be_released(house: House) -> None:
    let_in(house)
    house.note("a", started())
    assert house.reservations.release(ME) is Leaving.UNKNOWN
    assert house.reservations.cancel(ME) is Leaving.UNKNOWN


def test_a_machine_that_is_available_again_is_nobody_s(house: House) -> None:
    let_in(house)
    house.plant("a", (house.raw("a") or b"").replace(b'"Unavailable"', b'"Available"'))
    assert house.reservations.release(ME) is Leaving.UNKNOWN
    assert house.reservations.cancel(ME) is Leaving.UNKNOWN


def test_an_earlier_reason_for_being_spent_stays(house: House) -> None:
    house.admit("a")
    house.reservations.reserve(ME)
    spent = SpentNote(why=Edge.SPEND, at=EPOCH)
    house.note("a", notes(spent=spent, ended={OTHER: Edge.MOVE}))
    assert house.reservations.cancel(ME) is Leaving.ABANDONED
    after = house.row("a").notes
    assert after is not None
    assert (after.spent, after.ended) == (spent, {OTHER: Edge.MOVE, ME: Edge.ABANDON})


@pytest.mark.parametrize("lost", STRANGE_NOTES)
def test_what_has_lost_its_notes_is_not_touched(house: House, lost: bytes | None) -> None:
    let_in(house)
    house.redis.delete(house.keys.notes(VmId("a")))
    if lost is not None:
        house.redis.set(house.keys.notes(VmId("a")), lost)
    before = house.raw("a")
    assert house.reservations.release(ME) is Leaving.UNKNOWN
    assert house.reservations.cancel(ME) is Leaving.UNKNOWN
    assert house.raw("a") == before


def test_what_names_another_session_is_not_touched(house: House) -> None:
    let_in(house, session=SessionId("me"))
    late = house.redis.get(house.keys.instance(VmId("a"))).replace(b'"sessionId":"me"', b'"sessionId":"other"')
    house.plant("a", late)
    assert readable(house, "a").session_id == OTHER
    assert house.reservations.release(SessionId("me")) is Leaving.UNKNOWN
    assert house.reservations.cancel(OTHER, VmId("a")) is Leaving.UNKNOWN
    assert house.raw("a") == late


def test_the_scripts_keep_notes_that_they_do_not_know(wired_house: House) -> None:
    house = wired_house
    let_in(house)
    key = house.keys.notes(VmId("a"))
    house.redis.set(key, (house.redis.get(key) or b"")[:-1] + b',"later":[1.50,[],{}]}')
    house.reservations.release(ME)
    assert b'"later":[1.50,[],{}]' in (house.redis.get(key) or b"")
