"""The expected time in the record of a waiting session: written with what is written anyway, and never for itself."""

from dataclasses import replace
from datetime import datetime

import pytest
from builders import (
    ASKED,
    MINE,
    NOW,
    POLICY,
    RUNNING,
    S,
    ago,
    change_of,
    changed,
    cloud,
    edge,
    instance,
    located,
    notes,
    only,
    record,
    reserved,
    row,
    start_note,
)

from scaler.controllers import starter
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.instance import FailureClass, Instance, PowerState, ProvisioningState
from scaler.model.lifecycle import KEEP, restore, step
from scaler.model.plan import Plan, Start
from scaler.model.row import Record, ReservedNote, Row, Snapshot, Status
from scaler.model.waits import Waits

COLD, WARM = instance(1), instance(1, PowerState.STOPPED)
FAILED = instance(1, provisioning=ProvisioningState.FAILED, failure=FailureClass.OTHER)
SOON, LATER = NOW + 42 * S, NOW + 110 * S
MEASURED = Waits(latest={"cold": (80.0,) * 10, "warm": (7.0,) * 10})


def plan(*rows: Row, sees: Instance = COLD, waits: Waits | None = None) -> Plan:
    """The starter's plan."""
    snapshot = Snapshot(now=NOW, rows={each.vm_id: each for each in rows}, waits=waits or Waits())
    return starter.decide(Fleet.join(snapshot, located(cloud(sees, look=ASKED)), POLICY), POLICY)


def waiting(told: datetime | None, *, start: bool = False, warm: bool = False, age: float = 50) -> Row:
    """A Reserved machine."""
    noted = notes(reserved=ReservedNote(session=MINE, at=ago(seconds=60), movable=True))
    if start:
        noted = replace(noted, start=start_note(warm=warm, seconds=age))
    return reserved(noted, expected_ready_at=told, warm=warm)


def written(plan: Plan) -> datetime | None:
    """The expected time that the only step writes; None where the record is left alone."""
    after = change_of(only(plan.steps)).record
    assert after is KEEP or isinstance(after, Record)
    return after.expected_ready_at if isinstance(after, Record) else None


@pytest.mark.parametrize(
    ("machine", "sees", "then"),
    [
        (waiting(SOON), COLD, None),
        (waiting(SOON, warm=True), WARM, None),
        (waiting(None), COLD, LATER),
        (waiting(NOW), COLD, LATER),
        (waiting(NOW - S), COLD, LATER),
        (waiting(NOW + S), COLD, None),
        (waiting(SOON, warm=True), COLD, LATER),
        (waiting(None), WARM, NOW + 10 * S),
    ],
    ids=["as told", "as told, warm", "naive", "over now", "over", "to come", "cold after all", "warm after all"],
)
def test_the_first_start_tells_a_time_where_the_record_has_none_that_is_as_good(
    machine: Row, sees: Instance, then: datetime | None
) -> None:
    found = plan(machine, sees=sees)
    assert isinstance(only(found.steps).order, Start)
    assert written(found) == then


def test_a_start_that_is_repeated_begins_the_time_anew() -> None:
    found = plan(waiting(SOON, start=True))
    assert isinstance(only(found.steps).order, Start)
    assert (written(found), changed(only(found.steps)).start) == (LATER, start_note(attempts=2, seconds=0))


def test_the_time_is_that_of_the_published_waits() -> None:
    assert written(plan(waiting(None), waits=MEASURED)) == NOW + 80 * S
    assert written(plan(waiting(None), sees=WARM, waits=MEASURED)) == NOW + 7 * S


def test_without_an_order_nothing_is_written_for_the_time_alone() -> None:
    assert plan(waiting(NOW - 5 * S, start=True, age=10)).steps == ()


@pytest.mark.parametrize(("warm", "then"), [(True, NOW + 7 * S), (False, NOW + 80 * S)])
def test_a_moved_session_begins_its_time_anew_on_the_other_machine(warm: bool, then: datetime) -> None:
    other = row(2, record(2, warm=warm), notes(2))
    found = change_of(only(plan(waiting(SOON, start=True), other, sees=FAILED, waits=MEASURED).steps))
    assert isinstance(found.record, Record)
    assert found.partner is not None
    assert isinstance(found.partner.record, Record)
    assert (found.record.expected_ready_at, found.partner.record.expected_ready_at) == (None, then)


def test_who_is_let_in_expects_nothing_more_and_nothing_comes_back_with_a_restored_record() -> None:
    opened = only(plan(waiting(SOON, start=True), sees=RUNNING).steps)
    assert edge(opened) is Edge.OPEN
    after, noted = change_of(opened).record, changed(opened).opened
    assert isinstance(after, Record)
    assert noted is not None
    assert (after.expected_ready_at, noted.record.expected_ready_at) == (None, None)


@pytest.mark.parametrize("ends", [Edge.ABANDON, Edge.REFUSE])
def test_no_step_out_of_reserved_keeps_the_time(ends: Edge) -> None:
    before = waiting(SOON)
    change = step(ends, Actor.STARTER, before, before.readable, before.notes, NOW)
    assert isinstance(change.record, Record)
    assert change.record.expected_ready_at is None


def test_a_restored_record_keeps_the_time_as_long_as_it_is_reserved() -> None:
    before = waiting(SOON)
    assert before.readable is not None
    for status, then in ((Status.RESERVED, SOON), (Status.UNAVAILABLE, None)):
        change = restore(before, replace(before.readable, status=status), status)
        assert isinstance(change.record, Record)
        assert change.record.expected_ready_at == then
