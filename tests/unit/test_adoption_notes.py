"""Adoption, continued: what notes say already is neither begun anew nor forgotten, and every key finds its place."""

from dataclasses import replace

import pytest
from builders import (
    NOW,
    POLICY,
    ago,
    applied,
    blank_notes,
    changed,
    cloud,
    fleet,
    instance,
    notes,
    only,
    record,
    row,
    sighting,
)

from scaler.controllers import by_hand
from scaler.model.edges import Edge
from scaler.model.instance import PowerState, SessionId
from scaler.model.lifecycle import KEEP
from scaler.model.plan import Plan, Why
from scaler.model.row import OpenedNote, Record, ReservedNote, Row, SpentNote, StartNote, Status

ME, YOU = SessionId("me"), SessionId("you")
RUNNING, COLD = PowerState.RUNNING, PowerState.DEALLOCATED
NOT_OURS = sighting(consent=False)


def adopt(known: Row, power: PowerState = RUNNING) -> Plan:
    return by_hand.adopt(fleet(known, sees=cloud(instance(1, power, marked=False), look=NOT_OURS)), POLICY)


def written(known: Row, power: PowerState = RUNNING) -> Row:
    step = only(adopt(known, power).steps)
    assert step.change is not None
    return applied(step.change.row, step.change)


def test_a_short_listing_where_there_is_consent_is_the_controllers_matter() -> None:
    assert by_hand.adopt(fleet(sees=cloud(look=sighting(complete=False))), POLICY) == Plan()


@pytest.mark.parametrize("what", [None, record(1)])
def test_a_presumed_session_goes_on(what: Record | None) -> None:
    since = ago(minutes=50)
    assert changed(only(adopt(row(1, what, notes(1, presumed_at=since))).steps)).presumed_at == since


def test_whom_it_was_started_for_is_not_forgotten_with_its_record() -> None:
    lost = row(1, None, notes(1, start=StartNote(session=ME, at=ago(seconds=50), attempts=1)))
    after = written(lost).readable
    assert after is not None
    assert after.session_id == ME


@pytest.mark.parametrize("status", [Status.AVAILABLE, Status.UNAVAILABLE])
def test_what_was_spent_before_keeps_its_reason_and_its_time(status: Status) -> None:
    spent = SpentNote(why=Edge.RELEASE, at=ago(minutes=5))
    known = row(1, record(1, status, session_id=ME, used=True), notes(1, ended={ME: Edge.RELEASE}, spent=spent))
    assert changed(only(adopt(known).steps)).spent == spent


def test_of_what_is_spent_and_says_so_only_the_mark_is_missing() -> None:
    spent = SpentNote(why=Edge.CONDEMN, at=ago(minutes=5))
    step = only(adopt(row(1, record(1, Status.UNAVAILABLE, used=True), notes(1, spent=spent))).steps)
    assert step.change is not None
    assert (step.why, step.change.edge, step.change.record) == (Why.MARK_GONE, None, KEEP)


@pytest.mark.parametrize("power", [RUNNING, COLD])
@pytest.mark.parametrize("session", [ME, YOU])
def test_a_start_that_was_ordered_before_is_not_forgotten(session: SessionId, power: PowerState) -> None:
    """Else a cancelled reservation would bring a machine back that was started for somebody."""
    start = StartNote(session=session, at=ago(minutes=1), attempts=2)
    known = notes(1, start=start, reserved=ReservedNote(session=session, at=ago(minutes=2)))
    after = written(row(1, record(1, Status.RESERVED, session_id=ME), known), power)
    assert after.notes == replace(known, mark_asked_at=NOW)


def test_the_waiting_of_somebody_else_is_not_this_visitors() -> None:
    known = blank_notes(1, reserved=ReservedNote(session=YOU, at=ago(minutes=14)))
    after = written(row(1, record(1, Status.RESERVED, session_id=ME), known), COLD)
    assert after.notes is not None
    assert after.notes.reserved == ReservedNote(session=ME, at=NOW)


def _in_session_already() -> Row:
    was = record(1, Status.UNAVAILABLE, session_id=ME)
    return row(1, was, notes(1, opened=OpenedNote(session=ME, at=ago(minutes=5), record=was)), index=False)


@pytest.mark.parametrize(
    "known",
    [
        row(1, record(1, Status.UNAVAILABLE, session_id=ME), index=False),
        row(1, record(1, Status.UNAVAILABLE), index=False),
        _in_session_already(),
    ],
)
def test_a_session_that_is_in_no_set_is_put_where_the_cleaner_looks(known: Row) -> None:
    assert written(known).index == {Status.UNAVAILABLE}


@pytest.mark.parametrize("status", [Status.RESERVED, Status.UNAVAILABLE])
def test_an_adopted_session_can_be_found_by_its_id_from_now_on(status: Status) -> None:
    """A written record renews the pointer from session to machine, which another scaler does not keep."""
    step = only(adopt(row(1, record(1, status, session_id=ME))).steps)
    assert step.change is not None
    assert isinstance(step.change.record, Record)
    assert step.change.record.session_id == ME
