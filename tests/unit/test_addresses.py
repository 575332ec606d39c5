"""Where an instance can be reached: asked for at OPEN, kept in the notes, brought back into a record that lost it."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from builders import (
    NOW,
    POLICY,
    SCALE_SET,
    ago,
    changed,
    cloud,
    fleet,
    instance,
    notes,
    only,
    record,
    row,
    sighting,
    wants,
)

from scaler.controllers import reconciler, starter
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud
from scaler.model.instance import Addresses, InstanceId, PowerState, SessionId
from scaler.model.plan import Step, Why
from scaler.model.row import Notes, OpenedNote, Record, Row, StartNote, Status
from scaler.model.sighting import Method
from scaler.observe import AddressesOf, Targets

MINE = SessionId("mine")
RUNNING = instance(1, power=PowerState.RUNNING)
FOUND = Addresses(public="20.1.2.3", private="10.0.0.4")
NEIGHBOUR = row(9, record(9), notes(9, mark_asked_at=ago(seconds=70)))


def test_an_address_is_given_only_to_a_machine_that_a_targeted_get_of_this_tick_saw() -> None:
    """Listings lag without bound: behind the id may be another machine by now, with an address of its own."""
    waiting = reserved(started())
    listed = cloud(RUNNING, look=sighting(Method.LISTING))
    assert wants(starter.decide, fleet(waiting, sees=listed), POLICY) == Targets(refs=(RUNNING.ref,))
    located = listed.with_addresses(SCALE_SET, {InstanceId("1"): FOUND})
    assert only(starter.decide(fleet(waiting, sees=located), POLICY).steps).why is Why.NO_ADDRESSES


def test_names_are_compared_without_regard_to_case() -> None:
    named = replace(RUNNING, ref=replace(RUNNING.ref, instance_id=InstanceId("Pixels_1a2B")))
    sees = cloud(named, look=sighting(Method.TARGETED)).with_addresses(SCALE_SET, {InstanceId("PIXELS_1A2b"): FOUND})
    step = only(starter.decide(fleet(reserved(started()), sees=sees), POLICY).steps)
    assert published(step).public_ip == "20.1.2.3"


@pytest.mark.parametrize("by", Method)
def test_addresses_that_nobody_was_asked_for_are_no_answer(by: Method) -> None:
    """More wait than are asked for one by one, and the GETs after the listing fail: then nobody was asked."""
    waiting = reserved(started())
    sees = cloud(RUNNING, look=sighting(by))
    assert only(starter.decide(fleet(waiting, sees=sees), POLICY).steps).why is Why.NO_ADDRESSES


def test_a_public_address_that_azure_has_and_does_not_tell_yet_is_waited_for() -> None:
    untold = {InstanceId("1"): Addresses(private="10.0.0.4", untold=True)}
    assert opening(started(), untold).why is Why.NO_ADDRESSES
    late = opening(started(runs_at=NOW - POLICY.address_patience), untold)
    assert (published(late).public_ip, published(late).private_ip) == (None, "10.0.0.4")


def test_while_an_address_is_not_told_it_is_asked_for_again_in_each_tick() -> None:
    again = reserved(started(runs_at=ago(seconds=3)))
    sees = cloud(RUNNING, look=sighting(Method.TARGETED))
    assert wants(starter.decide, fleet(again, sees=sees), POLICY) == AddressesOf(scale_sets=frozenset({SCALE_SET}))


def started(**fields: object) -> Notes:
    return notes(1, start=StartNote(session=MINE, at=ago(seconds=30), attempts=1, **fields))  # type: ignore[arg-type]


def reserved(noted: Notes, **fields: object) -> Row:
    return row(1, record(1, Status.RESERVED, session_id=MINE, **fields), noted)


def running(answer: Mapping[InstanceId, Addresses] | None) -> Cloud:
    return cloud(RUNNING, look=sighting(Method.TARGETED)).with_addresses(SCALE_SET, answer)


def opening(noted: Notes, answer: Mapping[InstanceId, Addresses] | None, **fields: object) -> Step:
    return only(starter.decide(fleet(reserved(noted, **fields), sees=running(answer)), POLICY).steps)


def published(step: Step) -> Record:
    assert step.change is not None
    assert step.change.edge is Edge.OPEN
    assert isinstance(step.change.record, Record)
    return step.change.record


def test_addresses_are_asked_for_once_and_only_for_a_machine_about_to_be_opened() -> None:
    look = sighting(Method.TARGETED)
    waiting = reserved(started())
    assert isinstance(wants(starter.decide, fleet(waiting, now=NOW + POLICY.first_look_cold), POLICY), Targets)
    about_to_open = fleet(waiting, sees=cloud(RUNNING, look=look))
    assert wants(starter.decide, about_to_open, POLICY) == AddressesOf(scale_sets=frozenset({SCALE_SET}))
    assert wants(starter.decide, fleet(waiting, sees=running({})), POLICY) is None
    assert wants(starter.decide, fleet(waiting, sees=cloud(instance(1), look=look)), POLICY) is None


def test_the_record_and_the_notes_get_what_was_found() -> None:
    step = opening(started(), {InstanceId("1"): FOUND, InstanceId("2"): Addresses(public="1.1.1.1")})
    assert (published(step).public_ip, published(step).private_ip) == ("20.1.2.3", "10.0.0.4")
    assert changed(step).ips == {"public": "20.1.2.3", "private": "10.0.0.4"}
    kept = changed(step).opened
    assert kept is not None
    assert kept.record.public_ip == "20.1.2.3"


@pytest.mark.parametrize("answer", [{}, {InstanceId("1"): Addresses()}, {InstanceId("2"): FOUND}])
def test_a_machine_without_addresses_is_opened_without_them(answer: Mapping[InstanceId, Addresses]) -> None:
    step = opening(started(), answer)
    assert (published(step).public_ip, published(step).private_ip) == (None, None)
    assert changed(step).ips == {}


def test_what_somebody_else_wrote_is_not_wiped_out() -> None:
    assert published(opening(started(), {}, public_ip="198.51.100.7")).public_ip == "198.51.100.7"


def test_while_nobody_answers_the_machine_is_not_opened_and_the_patience_is_noted_once() -> None:
    step = opening(started(), None)
    assert (step.why, step.order) == (Why.NO_ADDRESSES, None)
    start = changed(step).start
    assert start is not None
    assert start.runs_at == NOW
    again = starter.decide(fleet(reserved(started(runs_at=ago(seconds=3))), sees=running(None)), POLICY)
    assert again.steps == ()
    assert again.look_again == POLICY.look_every


def in_session(**fields: object) -> Row:
    lossy = record(1, Status.UNAVAILABLE, session_id=MINE, **fields)
    full = replace(lossy, public_ip="20.1.2.3", private_ip="10.0.0.4")
    ips = {"public": "20.1.2.3", "private": "10.0.0.4"}
    return row(1, lossy, replace(started(), opened=OpenedNote(session=MINE, at=ago(minutes=1), record=full), ips=ips))


def test_a_record_that_lost_its_addresses_gets_them_back_from_the_notes() -> None:
    sees = cloud(RUNNING, instance(9))
    step = only(reconciler.decide(fleet(in_session(), NEIGHBOUR, sees=sees), POLICY).steps)
    assert step.why is Why.ADDRESSES
    assert step.change is not None
    assert isinstance(step.change.record, Record)
    assert (step.change.record.public_ip, step.change.record.private_ip) == ("20.1.2.3", "10.0.0.4")


def test_an_address_that_stands_in_the_record_is_left_alone() -> None:
    own = in_session(public_ip="198.51.100.7", private_ip="10.0.0.4")
    assert reconciler.decide(fleet(own, NEIGHBOUR, sees=cloud(RUNNING, instance(9))), POLICY).steps == ()


def test_a_late_write_over_an_opened_session_brings_no_addresses_down() -> None:
    noted = in_session().notes
    assert noted is not None
    late = reserved(noted)
    step = only(starter.decide(fleet(late, sees=Cloud()), POLICY).steps)
    assert step.change is not None
    assert isinstance(step.change.record, Record)
    assert step.change.record.public_ip == "20.1.2.3"
