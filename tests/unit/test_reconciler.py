"""The reconciler: a fleet in, a plan out."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import (
    NOW,
    POLICY,
    SCALE_SET,
    UNIQUE_ID,
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
    vm,
    wants,
)

from scaler.controllers import reconciler
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud
from scaler.model.instance import FailureClass, Instance, PowerState, ProvisioningState, SessionId
from scaler.model.plan import Plan, Step, Why
from scaler.model.row import FailedNote, Notes, OpenedNote, Record, Row, StartNote, Status, Unreadable
from scaler.model.sighting import Method, Sighting
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


# -- CONDEMN and PRESUME


def test_a_marked_machine_at_rest_that_nobody_knows_is_condemned_never_admitted() -> None:
    step = only(steps_for(row(1), instance(1)))
    assert step.change is not None
    assert (step.why, step.change.edge, step.change.index) == (Why.MARKED_UNKNOWN, Edge.CONDEMN, Status.UNAVAILABLE)
    assert changed(step).spent is not None


def test_a_marked_machine_that_runs_and_nobody_knows_is_presumed_to_be_in_use() -> None:
    step = only(steps_for(row(1), instance(1, power=PowerState.RUNNING)))
    assert step.change is not None
    assert (step.change.edge, changed(step).presumed_at) == (Edge.PRESUME, NOW)


def test_a_lost_record_of_an_opened_session_is_presumed_with_its_session_and_time() -> None:
    mine = SessionId("mine")
    was = record(status=Status.UNAVAILABLE, session_id=mine, client_ip="192.0.2.1")
    opened = OpenedNote(session=mine, at=ago(minutes=5), record=was)
    step = only(steps_for(row(1, None, notes(opened=opened)), instance(1, power=PowerState.RUNNING)))
    assert step.change is not None
    assert isinstance(step.change.record, Record)
    assert (step.change.record.session_id, step.change.record.client_ip) == (mine, "192.0.2.1")
    assert changed(step).opened == opened


def test_a_record_put_back_to_available_after_a_start_is_not_offered() -> None:
    started = notes(start=StartNote(session=SessionId("x"), at=ago(minutes=1), attempts=1))
    step = only(steps_for(row(1, record(), started), instance(1)))
    assert step.change is not None
    assert (step.change.edge, step.why) == (Edge.CONDEMN, Why.RECORD_UNDONE)


def test_a_used_record_that_is_offered_is_condemned() -> None:
    step = only(steps_for(row(1, record(used=True), notes()), instance(1)))
    assert step.change is not None
    assert (step.change.edge, step.change.index) == (Edge.CONDEMN, Status.UNAVAILABLE)


@pytest.mark.parametrize(("seconds", "condemned"), [(-1, 0), (0, 2), (1, 2)])
def test_when_most_marked_machines_are_unknown_condemning_waits_and_alarms(seconds: int, condemned: int) -> None:
    since = NOW - POLICY.flush_hold - seconds * SECOND
    unknown = [row(number, None, blank_notes(number, unknown_at=since)) for number in (1, 2)]
    plan = reconciler.decide(fleet(*unknown, sees=cloud(instance(1), instance(2))), POLICY)
    assert sum(step.change is not None and step.change.edge is Edge.CONDEMN for step in plan.steps) == condemned
    assert [(held.why, held.alarm) for held in plan.refusals] == [(Why.MOST_UNKNOWN, True)]


def test_that_alarm_names_a_redis_that_evicts() -> None:
    unknown = [row(number, None, blank_notes(number)) for number in (1, 2)]
    evicting = replace(fleet(*unknown, sees=cloud(instance(1), instance(2))), evicting="allkeys-lru")
    (alarm,) = reconciler.decide(evicting, POLICY).refusals
    assert alarm.facts == {"unknown": 2, "marked": 2, "maxmemory_policy": "allkeys-lru"}


@pytest.mark.parametrize("failure", FailureClass)
@pytest.mark.parametrize(("seconds", "condemned"), [(-1, False), (0, True), (1, True)])
def test_a_failed_machine_is_condemned_after_the_hold_of_its_class(
    failure: FailureClass, seconds: int, condemned: bool
) -> None:
    since = NOW - POLICY.failed_hold[failure] - seconds * SECOND
    what = row(1, None, blank_notes(failed=FailedNote(failure=failure, since=since), unsettled_at=since))
    broken = new(power=PowerState.UNKNOWN, provisioning=ProvisioningState.FAILED, failure=failure)
    assert any(step.why is Why.FAILED for step in steps_for(what, broken)) is condemned


@pytest.mark.parametrize(("seconds", "condemned"), [(-1, False), (0, True), (1, True)])
def test_a_machine_that_is_created_for_ever_is_condemned(seconds: int, condemned: bool) -> None:
    created = NOW - POLICY.creating_timeout - seconds * SECOND
    slow = new(power=PowerState.UNKNOWN, provisioning=ProvisioningState.CREATING, created_at=created)
    assert any(step.why is Why.UNFINISHED for step in steps_for(row(1), slow)) is condemned


def test_nothing_is_condemned_as_unfinished_on_an_implausible_listing() -> None:
    slow = new(power=PowerState.UNKNOWN, provisioning=ProvisioningState.CREATING, created_at=ago(hours=2))
    assert steps_for(row(1), slow, look=sighting(plausible=False)) == ()


def test_a_session_that_lost_its_mark_raises_an_alarm() -> None:
    opened = OpenedNote(session=SessionId("x"), at=ago(minutes=1), record=record())
    what = row(1, record(status=Status.UNAVAILABLE, session_id=SessionId("x")), notes(opened=opened))
    plan = plan_for(what, new(power=PowerState.RUNNING))
    assert [(held.why, held.alarm) for held in plan.refusals] == [(Why.UNMARKED_IN_SESSION, True)]


def test_the_alarm_is_raised_beside_a_repair_too() -> None:
    opened = OpenedNote(session=SessionId("x"), at=ago(minutes=1), record=record())
    published = record(status=Status.UNAVAILABLE, session_id=SessionId("x"))
    plan = plan_for(row(1, published, notes(opened=opened), index=False), new(power=PowerState.RUNNING))
    assert [held.why for held in plan.refusals] == [Why.UNMARKED_IN_SESSION]
    assert [step.why for step in plan.steps] == [Why.INDEX_REPAIR]


# -- index and records


@pytest.mark.parametrize(("seconds", "index"), [(-1, None), (0, Status.AVAILABLE), (1, Status.AVAILABLE)])
def test_adding_to_available_waits_for_a_naive_queue_manager(seconds: int, index: Status | None) -> None:
    since = NOW - POLICY.repair_after - seconds * SECOND
    steps = steps_for(parked(notes(unindexed_at=since)), instance(1))
    assert [step.change.index for step in steps if step.change] == ([index] if index else [])


def test_a_missing_entry_of_available_is_first_only_noted() -> None:
    step = only(steps_for(row(1, record(), notes(), index=False), instance(1)))
    assert step.change is not None
    assert (changed(step).unindexed_at, step.change.index) == (NOW, Status.UNAVAILABLE)


@pytest.mark.parametrize("status", [Status.RESERVED, Status.UNAVAILABLE])
def test_adding_to_reserved_and_unavailable_happens_at_first_sight(status: Status) -> None:
    opened = OpenedNote(session=SessionId("x"), at=ago(minutes=1), record=record())
    lost = row(1, record(status=status, session_id=SessionId("x")), notes(opened=opened), index=False)
    step = only(steps_for(lost, instance(1, power=PowerState.RUNNING)))
    assert step.change is not None
    assert step.change.index is status


def test_a_tainted_machine_leaves_available_at_first_sight() -> None:
    broken = instance(1, provisioning=ProvisioningState.FAILED, failure=FailureClass.OTHER)
    step = only(steps_for(row(1, record(), notes()), broken))
    assert step.change is not None
    assert (step.why, step.change.index) == (Why.LEFT_AVAILABLE, Status.UNAVAILABLE)


def test_without_consent_keys_leave_available_and_nothing_else_happens() -> None:
    step = only(steps_for(row(1, record(), notes(), index=True), instance(1), new(), look=sighting(consent=False))[:1])
    assert step.change is not None
    assert (step.change.index, step.order) == (Status.UNAVAILABLE, None)


def test_warm_follows_the_power_state() -> None:
    step = only(steps_for(row(1, record(warm=True), notes()), instance(1)))
    assert step.change is not None
    assert isinstance(step.change.record, Record)
    assert step.change.record.warm is False


def test_an_unreadable_record_is_never_written_over() -> None:
    for machine in (instance(1), new(), instance(1, power=PowerState.RUNNING)):
        for step in steps_for(row(1, Unreadable(why="not JSON")), machine):
            assert step.change is not None
            assert not isinstance(step.change.record, Record)


# -- FORGET


def test_one_witness_is_not_enough_to_forget() -> None:
    step = only(steps_for(row(1, record(), notes())))
    assert step.change is not None
    assert (step.why, changed(step).missed_at, step.change.index) == (Why.MISSED, NOW, Status.UNAVAILABLE)


@pytest.mark.parametrize(("seconds", "edges"), [(-1, []), (0, [Edge.FORGET]), (1, [Edge.FORGET])])
def test_two_witnesses_far_enough_apart_forget_it(seconds: int, edges: list[Edge]) -> None:
    since = NOW - POLICY.witness_gap - seconds * SECOND
    what = row(1, record(), notes(missed_at=since), index=False)
    steps = reconciler.decide(fleet(what, NEIGHBOUR, sees=asked(cloud(instance(9)), vm(1))), POLICY).steps
    assert [step.change.edge for step in steps if step.change and step.change.edge] == edges


def test_a_listing_alone_forgets_nothing_and_makes_it_ask() -> None:
    """Two old listings, from before a machine was made, agree that it is not there."""
    what = row(1, record(), notes(missed_at=ago(minutes=5)), index=False)
    listed = fleet(what, NEIGHBOUR, sees=cloud(instance(9)))
    assert wants(reconciler.decide, listed, POLICY) == Targets(refs=(ref(1),))
    assert reconciler.decide(listed, POLICY).steps == ()


def test_seeing_it_again_erases_the_first_witness() -> None:
    step = only(steps_for(row(1, record(), notes(missed_at=ago(minutes=1))), instance(1)))
    assert changed(step).missed_at is None


@pytest.mark.parametrize(
    "look", [sighting(complete=False), sighting(unique_id="another"), sighting(plausible=False)], ids=str
)
def test_a_listing_that_proves_nothing_forgets_nothing(look: Sighting) -> None:
    steps = steps_for(row(1, record(), notes(missed_at=ago(minutes=5)), index=False), look=look)
    assert all(step.change is None or step.change.edge is None for step in steps)


def test_a_record_without_notes_is_gone_when_every_scale_set_lacks_it_twice() -> None:
    first = only(steps_for(row(1, record())))
    assert (first.why, changed(first).scale_set) == (Why.MISSED, "")
    second = steps_for(
        row(1, record(), replace(changed(first), missed_at=ago(minutes=1), missed_noted_at=ago(minutes=1)), index=False)
    )
    assert only(second).why is Why.GONE


def test_records_of_scale_sets_that_were_not_looked_at_are_left_alone_but_not_offered() -> None:
    elsewhere = row(1, record(), notes(scale_set="another", missed_at=ago(minutes=9)))
    step = only(steps_for(elsewhere))
    assert step.change is not None
    assert (step.change.edge, step.change.index) == (None, Status.UNAVAILABLE)


def test_a_short_listing_makes_it_ask_for_those_it_lacks() -> None:
    short = cloud(instance(9), look=sighting(complete=False))
    want = wants(reconciler.decide, fleet(row(1, record(), notes()), NEIGHBOUR, sees=short), POLICY)
    assert isinstance(want, Targets)
    assert [each.vm_id for each in want.refs] == [vm(1)]


def test_a_targeted_404_is_a_witness() -> None:
    look = sighting(Method.TARGETED)
    asked = Cloud(listings={SCALE_SET: sighting(complete=False)}, asked={vm(1): look})
    what = row(1, record(), notes(missed_at=ago(minutes=1)), index=False)
    assert only(reconciler.decide(fleet(what, sees=asked), POLICY).steps).why is Why.GONE


def test_a_newer_scalers_rows_are_left_to_it() -> None:
    newer = replace(row(1, Unreadable(why="notes of a newer scaler")), untouchable=True)
    for machine in (instance(1), new(), instance(1, power=PowerState.RUNNING)):
        assert steps_for(newer, machine) == ()


def test_a_key_that_stands_for_nothing_leaves_the_index() -> None:
    step = only(steps_for(replace(row(1), index=frozenset({Status.AVAILABLE}))))
    assert step.change is not None
    assert step.change.index is None


def test_nothing_is_condemned_on_an_implausible_listing() -> None:
    assert steps_for(row(1), instance(1), look=sighting(plausible=False)) == ()


@pytest.mark.parametrize("junk", [0, 400])
def test_it_forgets_at_most_a_share_of_the_fleet_a_tick(junk: int) -> None:
    lost = [row(number, record(number), notes(number, missed_at=ago(minutes=5)), index=False) for number in range(1, 9)]
    gone = [each.vm_id for each in lost]
    keys = [replace(row(number), index=frozenset({Status.UNAVAILABLE})) for number in range(10, 10 + junk)]
    plan = reconciler.decide(fleet(*lost, NEIGHBOUR, *keys, sees=asked(cloud(instance(9)), *gone)), POLICY)
    assert sum(step.why is Why.GONE for step in plan.steps) == 1
    assert sum(held.why is Why.BREAKER for held in plan.refusals) == 7


def test_it_looks_again_soon_after_a_mark_and_when_a_machine_can_be_admitted() -> None:
    assert plan_for(row(1), new()).look_again == POLICY.look_after_mark
    asked = blank_notes(admitting_at=NOW, mark_asked_at=NOW, mark_seen_at=ago(seconds=6), mark_attempts=1)
    assert plan_for(row(1, None, asked), instance(1)).look_again == POLICY.admit_after - 6 * SECOND
    assert plan_for(row(1, record(), notes()), instance(1)).look_again is None


def test_what_it_condemns_says_since_when_and_why() -> None:
    spent = changed(only(steps_for(row(1), instance(1)))).spent
    assert spent is not None
    assert (spent.why, spent.at) == (Edge.CONDEMN, NOW)
    assert changed(only(steps_for(row(1), instance(1)))).unique_id == UNIQUE_ID
