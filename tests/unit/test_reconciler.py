"""The reconciler: a fleet in, a plan out."""

from dataclasses import replace

import pytest
from builders import (
    ASKED,
    MINE,
    NEIGHBOUR,
    NOW,
    POLICY,
    RUNNING,
    SCALE_SET,
    UNIQUE_ID,
    S,
    ago,
    asked,
    blank_notes,
    change_of,
    changed,
    cloud,
    edge,
    edges,
    fleet,
    instance,
    let_in,
    notes,
    only,
    published,
    reconciled,
    record,
    ref,
    row,
    sighting,
    start_note,
    vm,
    wants,
)

from scaler.controllers import reconciler
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud
from scaler.model.instance import FailureClass, Instance, PowerState, ProvisioningState
from scaler.model.plan import Step, Why
from scaler.model.row import Notes, Record, Row, SpentNote, Status, Unreadable
from scaler.model.sighting import Sighting
from scaler.observe import Targets

AVAILABLE = row(1, record(), notes())


def steps_for(what: Row, *machines: Instance, look: Sighting | None = None) -> tuple[Step, ...]:
    return reconciled(what, *machines, look=look).steps


def new(**fields: object) -> Instance:
    return instance(1, **{"marked": False, **fields})  # type: ignore[arg-type]


def parked(noted: Notes) -> Row:
    """An Available record whose key waits in `unavailable`, where it is read but not offered."""
    return replace(row(1, record(), noted), index=frozenset({Status.UNAVAILABLE}))


# -- CONDEMN and PRESUME


def test_a_marked_machine_at_rest_that_nobody_knows_is_condemned_never_admitted() -> None:
    """And what it condemns says since when and why."""
    step = only(steps_for(row(1), instance(1)))
    assert (step.why, edge(step), change_of(step).index) == (Why.MARKED_UNKNOWN, Edge.CONDEMN, Status.UNAVAILABLE)
    assert changed(step).spent == SpentNote(why=Edge.CONDEMN, at=NOW, seen_at=NOW)
    assert changed(step).unique_id == UNIQUE_ID


def test_a_marked_machine_that_runs_and_nobody_knows_is_presumed_to_be_in_use() -> None:
    step = only(steps_for(row(1), RUNNING))
    assert (edge(step), changed(step).presumed_at) == (Edge.PRESUME, NOW)


def test_a_lost_record_of_an_opened_session_is_presumed_with_its_session_and_time() -> None:
    opened = let_in()["opened"]
    opened = replace(opened, record=replace(opened.record, client_ip="192.0.2.1"))
    step = only(steps_for(row(1, None, notes(opened=opened)), RUNNING))
    assert (published(step).session_id, published(step).client_ip) == (MINE, "192.0.2.1")
    assert changed(step).opened == opened


def test_a_record_put_back_to_available_after_a_start_is_not_offered() -> None:
    step = only(steps_for(row(1, record(), notes(start=start_note())), instance(1)))
    assert (edge(step), step.why) == (Edge.CONDEMN, Why.RECORD_UNDONE)


def test_a_used_record_that_is_offered_is_condemned() -> None:
    step = only(steps_for(row(1, record(used=True), notes()), instance(1)))
    assert (edge(step), change_of(step).index) == (Edge.CONDEMN, Status.UNAVAILABLE)


@pytest.mark.parametrize(("seconds", "condemned"), [(-1, 0), (0, 2), (1, 2)])
def test_when_most_marked_machines_are_unknown_condemning_waits_and_alarms(seconds: int, condemned: int) -> None:
    since = NOW - POLICY.flush_hold - seconds * S
    unknown = [row(number, None, blank_notes(number, unknown_at=since)) for number in (1, 2)]
    plan = reconciler.decide(fleet(*unknown, sees=cloud(instance(1), instance(2))), POLICY)
    assert edges(plan.steps) == [Edge.CONDEMN] * condemned
    assert [(held.why, held.alarm) for held in plan.refusals] == [(Why.MOST_UNKNOWN, True)]


def test_that_alarm_names_a_redis_that_evicts() -> None:
    unknown = [row(number, None, blank_notes(number)) for number in (1, 2)]
    evicting = replace(fleet(*unknown, sees=cloud(instance(1), instance(2))), evicting="allkeys-lru")
    (alarm,) = (plan := reconciler.decide(evicting, POLICY)).refusals
    assert [changed(step).unknown_at for step in plan.steps] == [NOW, NOW]
    assert alarm.facts == {"unknown": 2, "marked": 2, "maxmemory_policy": "allkeys-lru"}


@pytest.mark.parametrize(("seconds", "alarm"), [(-1, True), (0, False), (1, False)])
def test_one_machine_that_is_unknown_since_the_flush_is_an_alarm_until_the_hold_is_over(
    seconds: int, alarm: bool
) -> None:
    unknown = row(1, None, blank_notes(1, unknown_at=NOW - POLICY.flush_hold - seconds * S))
    known = [row(number, record(number), notes(number)) for number in (2, 3, 4)]
    plan = reconciler.decide(fleet(unknown, *known, sees=cloud(*map(instance, (1, 2, 3, 4)))), POLICY)
    assert (Why.MOST_UNKNOWN in {each.why for each in plan.refusals}) is alarm


def test_nothing_is_condemned_as_unfinished_on_an_implausible_listing() -> None:
    slow = new(power=PowerState.UNKNOWN, provisioning=ProvisioningState.CREATING, created_at=ago(hours=2))
    assert not edges(steps_for(row(1), slow, look=sighting(plausible=False)))


@pytest.mark.parametrize(("index", "repaired"), [(True, []), (False, [Why.INDEX_REPAIR])])
def test_a_session_that_lost_its_mark_raises_an_alarm_beside_a_repair_too(index: bool, repaired: list[Why]) -> None:
    what = row(1, record(status=Status.UNAVAILABLE, session_id=MINE), notes(**let_in()), index=index)
    plan = reconciled(what, new(power=PowerState.RUNNING))
    assert [(held.why, held.alarm) for held in plan.refusals] == [(Why.UNMARKED_IN_SESSION, True)]
    assert [step.why for step in plan.steps] == repaired


# -- index and records


def test_a_missing_entry_of_available_is_first_only_noted() -> None:
    step = only(steps_for(row(1, record(), notes(), index=False), instance(1)))
    assert (changed(step).unindexed_at, change_of(step).index) == (NOW, Status.UNAVAILABLE)


def test_and_is_added_after_the_time_of_a_naive_queue_manager() -> None:
    step = only(steps_for(parked(notes(unindexed_at=NOW - POLICY.repair_after)), instance(1)))
    assert change_of(step).index is Status.AVAILABLE


@pytest.mark.parametrize("status", [Status.RESERVED, Status.UNAVAILABLE])
def test_adding_to_reserved_and_unavailable_happens_at_first_sight(status: Status) -> None:
    lost = row(1, record(status=status, session_id=MINE), notes(opened=let_in()["opened"]), index=False)
    assert change_of(only(steps_for(lost, RUNNING))).index is status


def test_a_tainted_machine_leaves_available_at_first_sight() -> None:
    broken = instance(1, provisioning=ProvisioningState.FAILED, failure=FailureClass.OTHER)
    step = only(steps_for(AVAILABLE, broken))
    assert (step.why, change_of(step).index) == (Why.LEFT_AVAILABLE, Status.UNAVAILABLE)


def test_without_consent_keys_leave_available_and_nothing_else_happens() -> None:
    step = only(steps_for(AVAILABLE, instance(1), new(), look=sighting(consent=False))[:1])
    assert (change_of(step).index, step.order) == (Status.UNAVAILABLE, None)


def test_warm_follows_the_power_state() -> None:
    assert not published(only(steps_for(row(1, record(warm=True), notes()), instance(1)))).warm


def test_an_unreadable_record_is_never_written_over() -> None:
    for machine in (instance(1), new(), RUNNING):
        for step in steps_for(row(1, Unreadable(why="not JSON")), machine):
            assert not isinstance(change_of(step).record, Record)


# -- FORGET


def test_one_witness_is_not_enough_to_forget() -> None:
    step = only(steps_for(AVAILABLE))
    assert (step.why, changed(step).missed_at, change_of(step).index) == (Why.MISSED, NOW, Status.UNAVAILABLE)


@pytest.mark.parametrize(("seconds", "taken"), [(-1, []), (0, [Edge.FORGET]), (1, [Edge.FORGET])])
def test_two_witnesses_far_enough_apart_forget_it(seconds: int, taken: list[Edge]) -> None:
    since = NOW - POLICY.witness_gap - seconds * S
    what = row(1, record(), notes(missed_at=since), index=False)
    steps = reconciler.decide(fleet(what, NEIGHBOUR, sees=asked(cloud(instance(9)), vm(1))), POLICY).steps
    assert edges(steps) == taken


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
    assert not edges(steps_for(row(1, record(), notes(missed_at=ago(minutes=5)), index=False), look=look))


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
    assert (edge(step), change_of(step).index) == (None, Status.UNAVAILABLE)


def test_a_short_listing_makes_it_ask_for_those_it_lacks() -> None:
    short = cloud(instance(9), look=sighting(complete=False))
    assert wants(reconciler.decide, fleet(AVAILABLE, NEIGHBOUR, sees=short), POLICY) == Targets(refs=(ref(1),))


def test_a_targeted_404_is_a_witness() -> None:
    asked = Cloud(listings={SCALE_SET: sighting(complete=False)}, asked={vm(1): ASKED})
    what = row(1, record(), notes(missed_at=ago(minutes=1)), index=False)
    assert only(reconciler.decide(fleet(what, sees=asked), POLICY).steps).why is Why.GONE


def test_a_newer_scalers_rows_are_left_to_it() -> None:
    newer = replace(row(1, Unreadable(why="notes of a newer scaler")), untouchable=True)
    for machine in (instance(1), new(), RUNNING):
        assert steps_for(newer, machine) == ()


def test_a_key_that_stands_for_nothing_leaves_the_index() -> None:
    assert change_of(only(steps_for(replace(row(1), index=frozenset({Status.AVAILABLE}))))).index is None


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
    assert reconciled(row(1), new()).look_again == POLICY.mark_shows
    asked = blank_notes(admitting_at=NOW, mark_asked_at=NOW, mark_seen_at=ago(seconds=6), mark_attempts=1)
    assert reconciled(row(1, None, asked), instance(1)).look_again == POLICY.admit_after - 6 * S
    assert reconciled(AVAILABLE, instance(1)).look_again is None
