"""A record whose notes do not say where its machine is, and which no look shows: nobody is promised that machine."""

from dataclasses import replace

import pytest
from builders import NOW, ago, instance, notes, only, record, row, sighting, vm

from scaler.controllers import reconciler
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import InstanceId, ScaleSetName
from scaler.model.lifecycle import KEEP
from scaler.model.plan import Plan, Why
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Notes, Row, Snapshot, Status
from scaler.model.sighting import Method, Sighting

FIRST, SECOND = ScaleSetName("first"), ScaleSetName("second")
POLICY = Policy(capacity=dict.fromkeys((FIRST, SECOND), Capacity(desired=1)))
OURS, NOT_YET = sighting(scale_set=FIRST), sighting(scale_set=SECOND, consent=False)
NOWHERE = Notes(scale_set=ScaleSetName(""), unique_id="", instance_id=InstanceId(""), missed_at=ago(minutes=5))


def decided(known: Row, *looks: Sighting) -> Plan:
    snapshot = Snapshot(now=NOW, rows={known.vm_id: known})
    cloud = Cloud(listings={each.scale_set: each for each in looks})
    return reconciler.decide(Fleet.join(snapshot, cloud, POLICY), POLICY)


@pytest.mark.parametrize("noted", [None, NOWHERE])
@pytest.mark.parametrize(
    "looks", [(OURS, NOT_YET), (OURS,), (replace(OURS, complete=False), NOT_YET)], ids=["no consent", "away", "short"]
)
def test_its_key_leaves_available_as_soon_as_we_manage_anything_here(
    noted: Notes | None, looks: list[Sighting]
) -> None:
    step = only(decided(row(1, record(1), noted), *looks).steps)
    assert step.why is Why.LEFT_AVAILABLE
    assert step.change is not None
    assert (step.change.record, step.change.notes, step.change.index) == (KEEP, KEEP, Status.UNAVAILABLE)


@pytest.mark.parametrize("looks", [(), (NOT_YET,), (replace(OURS, consent=False), NOT_YET)])
def test_another_scalers_records_are_left_alone_while_nobody_has_allowed_us_anything(looks: list[Sighting]) -> None:
    assert decided(row(1, record(1)), *looks).steps == ()


def test_once_out_it_stays_where_it_is_and_is_kept() -> None:
    parked = replace(row(1, record(1)), index=frozenset({Status.UNAVAILABLE}))
    assert decided(parked, OURS, NOT_YET).steps == ()


def test_one_that_is_seen_again_is_marked_and_admitted_like_a_new_one() -> None:
    back = replace(instance(1, marked=False), ref=replace(instance(1).ref, scale_set=FIRST))
    parked = replace(row(1, record(1)), index=frozenset({Status.UNAVAILABLE}))
    neighbour = row(9, record(9), replace(notes(9, mark_asked_at=ago(seconds=70)), scale_set=FIRST))
    rows = {each.vm_id: each for each in (parked, neighbour)}
    asked = replace(OURS, by=Method.TARGETED)
    cloud = Cloud(listings={FIRST: OURS}, asked={vm(1): asked}).showing(asked, back)
    plan = reconciler.decide(Fleet.join(Snapshot(now=NOW, rows=rows), cloud, POLICY), POLICY)
    assert only(each for each in plan.steps if each.vm_id == vm(1)).why is Why.NEW_AT_REST
