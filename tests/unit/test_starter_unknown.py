"""A reservation that no notes place, continued; and whom the cleaner asks for first."""

from dataclasses import replace

import pytest
from builders import (
    NOW,
    POLICY,
    SCALE_SET,
    ago,
    blank_notes,
    cloud,
    fleet,
    instance,
    notes,
    only,
    record,
    row,
    sighting,
    vm,
    wants,
)

from scaler.controllers import cleaner, starter
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import PowerState, ScaleSetName, SessionId
from scaler.model.plan import Why
from scaler.model.policy import Capacity
from scaler.model.row import Notes, OpenedNote, ReservedNote, Row, Snapshot, SpentNote, StartNote, Status
from scaler.observe import Targets

MINE, OTHER_SET = SessionId("mine"), ScaleSetName("other")
PLACELESS = blank_notes(
    scale_set="", unique_id="", instance_id="", reserved=ReservedNote(session=MINE, at=ago(seconds=30))
)


def test_consent_of_one_scale_set_is_no_word_about_a_machine_of_another() -> None:
    theirs = row(1, record(1, Status.RESERVED, session_id=MINE), None)
    mixed = Cloud(listings={SCALE_SET: sighting(), OTHER_SET: sighting(scale_set=OTHER_SET, consent=False)})
    snapshot = Snapshot(now=NOW, rows={vm(1): theirs})
    both = replace(POLICY, capacity={**POLICY.capacity, OTHER_SET: Capacity(desired=1)})
    plan = starter.decide(Fleet.join(snapshot, mixed, both), both)
    assert only(plan.steps).why is Why.NOTED


@pytest.mark.parametrize("noted", [None, PLACELESS])
def test_whoever_gave_up_an_unknown_machine_gave_up_and_was_not_refused(noted: Notes | None) -> None:
    gave_up = row(1, record(1, Status.RESERVED, session_id=MINE, used=True), noted)
    change = only(starter.decide(fleet(gave_up, sees=cloud(instance(1))), POLICY).steps).change
    assert change is not None
    assert change.edge is Edge.ABANDON


@pytest.mark.parametrize("session", [MINE, None])
@pytest.mark.parametrize("used", [True, False])
def test_a_strangers_reservation_that_was_noted_is_still_left_alone(session: SessionId | None, used: bool) -> None:
    noted = replace(PLACELESS, reserved=ReservedNote(session=session or SessionId(vm(1)), at=ago(seconds=30)))
    theirs = row(1, record(1, Status.RESERVED, session_id=session, used=used), noted)
    look = sighting(consent=False)
    assert starter.decide(fleet(theirs, sees=cloud(instance(1), look=look)), POLICY).steps == ()


def spent(number: int, minutes: float) -> Row:
    was = record(number, Status.UNAVAILABLE, session_id=MINE)
    noted = notes(
        number,
        start=StartNote(session=MINE, at=ago(hours=1), attempts=1),
        opened=OpenedNote(session=MINE, at=ago(hours=1), record=was),
        ended={MINE: Edge.RELEASE},
        spent=SpentNote(why=Edge.RELEASE, at=ago(minutes=minutes)),
    )
    return row(number, replace(was, used=True), noted)


def asked_for(*rows: Row, sees: Cloud) -> list[str]:
    look = wants(cleaner.decide, fleet(*rows, sees=sees), POLICY)
    return [each.vm_id for each in look.refs] if isinstance(look, Targets) else []


def test_machines_that_azure_shows_are_asked_for_before_rows_without_one() -> None:
    """They cost money, and a row that waits for its second witness does not."""
    lost = [spent(number, 30) for number in range(1, POLICY.max_gets + 1)]
    shown = cloud(instance(50, PowerState.RUNNING), look=sighting(complete=False))
    assert asked_for(*lost, spent(50, 1), sees=shown)[0] == vm(50)


def test_what_a_complete_listing_lacks_is_not_asked_for_again() -> None:
    assert asked_for(spent(1, 30), spent(50, 1), sees=cloud(instance(50, PowerState.RUNNING))) == [vm(50)]
