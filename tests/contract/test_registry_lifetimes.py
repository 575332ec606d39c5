"""How long record and notes live of a machine that is on its way out, or that Azure does not show."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from contract.registries import EPOCH, ME, House, let_in, notes, opened, record

from scaler.model.edges import Actor, Edge
from scaler.model.instance import VmId
from scaler.model.lifecycle import Change, note, place, restore, step
from scaler.model.row import DeleteNote, ReservedNote, Status
from scaler.registry.batch import LEAVING_TTL, UNRECORDED_NOTES_TTL
from scaler.registry.reservations import Leaving

A = VmId("a")
FOR_EVER = -1
LEAVING: Mapping[str, Any] = {
    "missed": {"missed_at": EPOCH},
    "delete noted": {"delete": DeleteNote(at=EPOCH, attempts=1)},
}


def lives(house: House) -> tuple[int, int]:
    """For how many seconds yet record and notes live."""
    return house.redis.ttl(house.keys.instance(A)), house.redis.ttl(house.keys.notes(A))


def live_a_week(house: House) -> bool:
    return all(LEAVING_TTL - 60 <= seconds <= LEAVING_TTL for seconds in lives(house))


@pytest.mark.parametrize("why", LEAVING)
def test_a_machine_that_is_missed_or_being_deleted_leaves_nothing_for_ever(house: House, why: str) -> None:
    row = house.admit("a")
    assert lives(house) == (FOR_EVER, FOR_EVER)
    assert house.apply(note(row, notes(**LEAVING[why]))) != (None,)
    assert live_a_week(house)
    assert timedelta(seconds=LEAVING_TTL) == timedelta(days=7)


@pytest.mark.parametrize("why", LEAVING)
def test_so_does_one_whose_record_is_written_with_the_note(house: House, why: str) -> None:
    row = house.admit("a")
    house.apply(step(Edge.CONDEMN, Actor.RECONCILER, row, row.readable, notes(**LEAVING[why]), EPOCH))
    assert live_a_week(house)


@pytest.mark.parametrize("why", LEAVING)
def test_bookkeeping_about_it_begins_that_week_again_and_seeing_it_ends_it(house: House, why: str) -> None:
    (row,) = house.apply(note(house.admit("a"), notes(**LEAVING[why])))
    assert row is not None
    for key in (house.keys.instance(A), house.keys.notes(A)):
        house.redis.expire(key, 100)
    (placed,) = house.apply(place(row, Status.UNAVAILABLE))
    assert placed is not None
    assert live_a_week(house)
    assert house.apply(note(placed, notes())) != (None,)
    assert lives(house) == (FOR_EVER, FOR_EVER)


def test_one_that_is_seen_again_by_a_write_of_its_record_lives_for_ever(house: House) -> None:
    (row,) = house.apply(note(house.admit("a"), notes(missed_at=EPOCH)))
    assert row is not None
    house.apply(restore(row, record("a"), Status.AVAILABLE, notes()))
    assert lives(house) == (FOR_EVER, FOR_EVER)


def test_notes_of_a_missed_machine_without_a_record_live_no_longer_than_any_without(house: House) -> None:
    row = house.admit("a")
    house.apply(Change(row=row, edge=None, record=None, notes=notes(missed_at=EPOCH), index=None))
    assert UNRECORDED_NOTES_TTL - 60 <= lives(house)[1] <= UNRECORDED_NOTES_TTL


def test_what_cannot_be_read_in_the_place_of_a_record_is_left_alone(house: House) -> None:
    house.plant("a", b"7", Status.AVAILABLE)
    house.apply(note(house.row("a"), notes(missed_at=EPOCH)))
    record_lives, notes_live = lives(house)
    assert record_lives == FOR_EVER
    assert LEAVING_TTL - 60 <= notes_live <= LEAVING_TTL


@pytest.mark.parametrize("why", LEAVING)
def test_a_session_that_ends_on_such_a_machine_does_not_make_it_immortal(house: House, why: str) -> None:
    row = let_in(house)
    house.note("a", opened(row, **LEAVING[why]))
    assert house.reservations.release(ME) is Leaving.RELEASED
    assert live_a_week(house)


def test_a_session_that_is_cancelled_on_such_a_machine_does_not_either(house: House) -> None:
    house.admit("a")
    assert house.reservations.reserve(ME) is not None
    house.note("a", notes(missed_at=EPOCH, reserved=ReservedNote(session=ME, at=EPOCH, movable=True)))
    assert house.reservations.cancel(ME) is Leaving.CANCELLED
    assert live_a_week(house)


def test_notes_whose_record_somebody_deleted_have_a_day_once_their_key_leaves_the_sets(house: House) -> None:
    house.admit("a")
    house.redis.delete(house.keys.instance(A))
    assert lives(house)[1] == FOR_EVER
    assert house.apply(place(house.row("a"), None)) != (None,)
    assert UNRECORDED_NOTES_TTL - 60 <= lives(house)[1] <= UNRECORDED_NOTES_TTL
