"""The reconciler and a new machine: the look before its mark, the mark, and ADMIT."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import (
    NOW,
    POLICY,
    SCALE_SET,
    ago,
    asked,
    blank_notes,
    changed,
    cloud,
    fleet,
    instance,
    notes,
    only,
    record,
    ref,
    row,
    sighting,
    wants,
)

from scaler.controllers import reconciler
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud
from scaler.model.instance import FailureClass, Instance, PowerState, ProvisioningState, ScaleSetName, SessionId
from scaler.model.plan import Mark, Plan, Step, Why
from scaler.model.row import Notes, Record, ReservedNote, Row, Status
from scaler.model.sighting import Pause, Sighting
from scaler.observe import Targets

SECOND = timedelta(seconds=1)
NEIGHBOUR = row(9, record(9), notes(9, mark_asked_at=ago(seconds=70)))  # Azure takes marks: the mood is fair


def plan_for(what: Row, *machines: Instance, look: Sighting | None = None) -> Plan:
    return reconciler.decide(fleet(what, NEIGHBOUR, sees=asked(cloud(*machines, instance(9), look=look))), POLICY)


def steps_for(what: Row, *machines: Instance, look: Sighting | None = None) -> tuple[Step, ...]:
    return plan_for(what, *machines, look=look).steps


def new(**fields: object) -> Instance:
    return instance(1, **{"marked": False, **fields})  # type: ignore[arg-type]


def parked(noted: Notes) -> Row:
    """An Available record whose key waits in `unavailable`, where it is read but not offered."""
    return replace(row(1, record(), noted), index=frozenset({Status.UNAVAILABLE}))


# -- mark and ADMIT


def test_a_mark_rests_on_a_targeted_get_and_that_is_asked_for() -> None:
    """A listing from before its mark shows a machine that was handed out long ago as a new one."""
    unknown = fleet(row(1), NEIGHBOUR, sees=cloud(new(), instance(9)))
    assert reconciler.decide(unknown, POLICY).steps == ()
    assert wants(reconciler.decide, unknown, POLICY) == Targets(refs=(ref(1),))
    assert wants(reconciler.decide, fleet(row(1), NEIGHBOUR, sees=asked(cloud(new(), instance(9)))), POLICY) is None


@pytest.mark.parametrize("halted", [sighting(consent=False), sighting(pause=Pause.ORDERS)])
def test_where_it_may_not_mark_it_looks_to_tell_and_marks_nobody(halted: Sighting) -> None:
    listed = cloud(new(), look=halted)
    assert wants(reconciler.decide, fleet(row(1), sees=listed), POLICY) == Targets(refs=(ref(1),))
    steps = reconciler.decide(fleet(row(1), sees=asked(listed)), POLICY).steps
    assert not [each for each in steps if each.order is not None]


def test_marks_stops_and_last_words_are_asked_for_in_turn() -> None:
    fresh = [instance(number, marked=False) for number in range(20, 40)]
    lost = [row(number, record(number), notes(number, missed_at=ago(minutes=5)), index=False) for number in range(1, 9)]
    want = wants(reconciler.decide, fleet(*lost, NEIGHBOUR, sees=cloud(*fresh, instance(9))), POLICY)
    assert isinstance(want, Targets)
    assert len(want.refs) == POLICY.max_gets
    assert sum(each.vm_id in {row.vm_id for row in lost} for each in want.refs) == POLICY.max_gets // 2


def test_a_new_machine_at_rest_is_noted_and_marked_with_its_etag() -> None:
    step = only(steps_for(row(1), new()))
    assert isinstance(step.order, Mark)
    assert step.order.etag == '"1"'
    assert (changed(step).mark_asked_at, changed(step).admitting_at) == (NOW, NOW)


@pytest.mark.parametrize(("seconds", "marks"), [(-1, 0), (0, 1), (1, 1)])
def test_a_mark_is_ordered_once_per_horizon(seconds: int, marks: int) -> None:
    since = NOW - POLICY.order_horizon - seconds * SECOND
    what = row(1, None, blank_notes(admitting_at=since, mark_asked_at=since, mark_attempts=1))
    assert sum(isinstance(step.order, Mark) for step in steps_for(what, new())) == marks


def test_when_the_mark_is_seen_its_time_is_azures() -> None:
    what = row(1, None, blank_notes(admitting_at=ago(minutes=1), mark_asked_at=ago(minutes=1), mark_attempts=1))
    seen_at = NOW + timedelta(hours=1)  # Azure's clock is an hour ahead of Redis'
    assert changed(only(steps_for(what, instance(1), look=sighting(at=seen_at)))).mark_seen_at == seen_at


@pytest.mark.parametrize(("seconds", "edges"), [(-1, []), (0, [Edge.ADMIT]), (1, [Edge.ADMIT])])
def test_it_admits_when_every_order_from_before_the_mark_is_dead(seconds: int, edges: list[Edge]) -> None:
    since = NOW - POLICY.admit_after - seconds * SECOND
    what = row(1, None, blank_notes(admitting_at=since, mark_asked_at=since, mark_seen_at=since, mark_attempts=1))
    assert [step.change.edge for step in steps_for(what, instance(1)) if step.change] == edges


def test_the_horizon_is_measured_by_azures_clock_alone() -> None:
    """A registry that is an hour ahead must not shorten it."""
    seen = ago(seconds=5)
    what = row(1, None, blank_notes(admitting_at=seen, mark_asked_at=seen, mark_seen_at=seen, mark_attempts=1))
    sees = cloud(instance(1), instance(9))
    assert reconciler.decide(fleet(what, NEIGHBOUR, sees=sees, now=NOW + timedelta(hours=1)), POLICY).steps == ()


def test_an_admitted_record_is_nobodys_and_knows_its_warmth() -> None:
    since = ago(minutes=5)
    what = row(1, None, blank_notes(admitting_at=since, mark_asked_at=since, mark_seen_at=since, mark_attempts=1))
    step = only(steps_for(what, instance(1, power=PowerState.STOPPED)))
    assert step.change is not None
    assert isinstance(step.change.record, Record)
    assert (step.change.record.status, step.change.record.warm) == (Status.AVAILABLE, True)
    assert (step.change.record.session_id, step.change.index) == (None, Status.AVAILABLE)


@pytest.mark.parametrize("provisioning", [ProvisioningState.UPDATING, ProvisioningState.FAILED])
def test_it_admits_nothing_that_is_not_surely_at_rest(provisioning: ProvisioningState) -> None:
    since = ago(minutes=5)
    what = row(1, None, blank_notes(admitting_at=since, mark_asked_at=since, mark_seen_at=since, mark_attempts=1))
    steps = steps_for(what, instance(1, provisioning=provisioning, failure=FailureClass.OTHER))
    assert all(step.change is None or step.change.edge is None for step in steps)


def test_it_marks_at_most_ten_a_tick() -> None:
    machines = [instance(number, marked=False) for number in range(10, 30)]
    plan = reconciler.decide(fleet(NEIGHBOUR, sees=asked(cloud(*machines, instance(9)))), POLICY)
    assert sum(isinstance(step.order, Mark) for step in plan.steps) == 10
    assert sum(held.why is Why.BREAKER for held in plan.refusals) == 10


def test_a_mark_refused_five_times_condemns_the_machine() -> None:
    what = row(1, None, blank_notes(admitting_at=ago(minutes=9), mark_asked_at=ago(minutes=1), mark_attempts=5))
    step = only(steps_for(what, new()))
    assert step.change is not None
    assert (step.why, step.change.edge) == (Why.MARK_REFUSED, Edge.CONDEMN)


def test_when_every_mark_is_refused_nothing_is_deleted_for_it_and_somebody_is_told() -> None:
    what = row(1, None, blank_notes(admitting_at=ago(minutes=9), mark_asked_at=ago(minutes=1), mark_attempts=5))
    long_marked = row(9, record(9), notes(9))
    plan = reconciler.decide(fleet(what, long_marked, sees=cloud(new(), instance(9))), POLICY)
    assert plan.steps == ()
    assert [(held.why, held.alarm) for held in plan.refusals] == [(Why.ALL_MARKS_REFUSED, True)]


@pytest.mark.parametrize(("seconds", "marks"), [(-1, 0), (0, 1), (1, 1)])
def test_then_it_is_tried_again_from_the_beginning(seconds: int, marks: int) -> None:
    since = NOW - POLICY.flush_hold - seconds * SECOND
    what = row(1, None, blank_notes(admitting_at=ago(hours=2), mark_asked_at=since, mark_attempts=5))
    steps = reconciler.decide(fleet(what, sees=asked(cloud(new()))), POLICY).steps
    assert [(changed(step).mark_attempts, changed(step).admitting_at) for step in steps] == [(0, NOW)] * marks


@pytest.mark.parametrize(("seconds", "condemned"), [(-1, False), (0, True), (1, True)])
def test_a_mark_that_is_taken_and_never_seen_is_given_up_in_the_end(seconds: int, condemned: bool) -> None:
    since = NOW - POLICY.creating_timeout - seconds * SECOND
    what = row(1, None, blank_notes(admitting_at=since, mark_asked_at=ago(minutes=1)))
    assert (only(steps_for(what, new())).why is Why.MARK_REFUSED) is condemned


def test_a_known_machine_without_its_mark_leaves_available_and_is_marked_again() -> None:
    step = only(steps_for(row(1, record(), notes()), new()))
    assert step.change is not None
    assert isinstance(step.order, Mark)
    assert (step.why, step.change.index, changed(step).admitted_at) == (Why.MARK_GONE, Status.UNAVAILABLE, None)


def test_a_machine_that_is_marked_again_waits_out_the_horizon_again() -> None:
    """Whoever once reserved it, naively, and thought better of it."""
    reserved = notes(reserved=ReservedNote(session=SessionId("x"), at=ago(minutes=9)))
    asked = changed(only(steps_for(row(1, record(), reserved), new())))
    seen = replace(asked, mark_seen_at=ago(seconds=30))
    assert all(step.change is None or step.change.edge is None for step in steps_for(parked(seen), instance(1)))


def test_a_machine_that_is_marked_again_gets_all_its_attempts_again() -> None:
    """Its first mark may be hours old, and a listing may lag behind the second one."""
    before = notes(admitting_at=ago(hours=5), mark_attempts=4)
    asked = changed(only(steps_for(row(1, record(), before), new())))
    assert (asked.admitting_at, asked.mark_attempts) == (NOW, 0)
    assert all(step.why is not Why.MARK_REFUSED for step in steps_for(parked(asked), new()))


def test_a_new_machine_whose_mark_is_rolled_back_again_and_again_is_given_up() -> None:
    rolled_back = blank_notes(admitting_at=ago(minutes=20), mark_asked_at=ago(minutes=2), mark_seen_at=ago(minutes=1))
    asked = changed(only(steps_for(row(1, None, rolled_back), new())))
    assert (asked.admitting_at, asked.mark_seen_at) == (ago(minutes=20), None)


@pytest.mark.parametrize(("seconds", "edges"), [(-1, []), (0, [Edge.ADMIT]), (1, [Edge.ADMIT])])
def test_and_stays_out_of_available_as_long_as_an_spop_may_be_under_way(seconds: int, edges: list[Edge]) -> None:
    since = NOW - POLICY.repair_after - seconds * SECOND
    again = notes(admitted_at=None, mark_asked_at=since, mark_seen_at=ago(minutes=2), unindexed_at=since)
    assert [step.change.edge for step in steps_for(parked(again), instance(1)) if step.change] == edges


def test_where_it_may_mark_is_looked_at_before_where_it_may_only_tell() -> None:
    theirs = sighting(scale_set=ScaleSetName("theirs"), consent=False)
    halted = [instance(number, marked=False) for number in range(1, 20)]
    halted = [replace(machine, ref=replace(machine.ref, scale_set=theirs.scale_set)) for machine in halted]
    ours = instance(30, marked=False)
    sees = Cloud(listings={SCALE_SET: sighting(), theirs.scale_set: theirs})
    sees = sees.showing(theirs, *halted).showing(sighting(), ours)
    want = wants(reconciler.decide, fleet(row(30), sees=sees), POLICY)
    assert isinstance(want, Targets)
    assert want.refs[0] == ours.ref
