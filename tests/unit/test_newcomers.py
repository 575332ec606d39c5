"""The reconciler and a new machine: the look before its mark, the mark, and ADMIT."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from builders import (
    MINE,
    NEIGHBOUR,
    NOW,
    POLICY,
    SCALE_SET,
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
    notes,
    only,
    published,
    reconciled,
    record,
    ref,
    row,
    sighting,
    vm,
    wants,
)

from scaler.controllers import reconciler
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import FailureClass, Instance, PowerState, ProvisioningState, ScaleSetName
from scaler.model.plan import Mark, Step, Why
from scaler.model.policy import Capacity, Policy
from scaler.model.row import Notes, ReservedNote, Row, Snapshot, Status
from scaler.model.sighting import Pause, Sighting
from scaler.observe import Targets


def steps_for(what: Row, *machines: Instance, look: Sighting | None = None) -> tuple[Step, ...]:
    return reconciled(what, *machines, look=look).steps


def new(**fields: object) -> Instance:
    return instance(1, **{"marked": False, **fields})  # type: ignore[arg-type]


def marking(since: datetime, attempts: int = 1, *, asked_at: datetime | None = None, **noted: object) -> Row:
    """A new machine that has been on its way to its mark since then."""
    begun = blank_notes(1, admitting_at=since, mark_asked_at=asked_at or since, mark_attempts=attempts, **noted)
    return row(1, None, begun)


def parked(noted: Notes) -> Row:
    """An Available record whose key waits in `unavailable`, where it is read but not offered."""
    return replace(row(1, record(), noted), index=frozenset({Status.UNAVAILABLE}))


# -- mark and ADMIT


def test_a_mark_rests_on_a_targeted_get_and_that_is_asked_for() -> None:
    """A listing from before its mark shows a machine that was handed out long ago as a new one."""
    unknown = fleet(row(1), NEIGHBOUR, sees=cloud(new(), instance(9)))
    assert [step.why for step in reconciler.decide(unknown, POLICY).steps] == [Why.NOTED]
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


def test_when_the_mark_is_seen_its_time_is_azures() -> None:
    seen_at = NOW + timedelta(hours=1)  # Azure's clock is an hour ahead of Redis'
    steps = steps_for(marking(ago(minutes=1)), instance(1), look=sighting(at=seen_at))
    assert changed(only(steps)).mark_seen_at == seen_at


def test_the_horizon_is_measured_by_azures_clock_alone() -> None:
    """A registry that is an hour ahead must not shorten it."""
    what = marking(ago(seconds=5), mark_seen_at=ago(seconds=5))
    sees = cloud(instance(1), instance(9))
    assert reconciler.decide(fleet(what, NEIGHBOUR, sees=sees, now=NOW + timedelta(hours=1)), POLICY).steps == ()


def test_an_admitted_record_is_nobodys_and_knows_its_warmth() -> None:
    what = marking(ago(minutes=5), mark_seen_at=ago(minutes=5))
    step = only(steps_for(what, instance(1, power=PowerState.STOPPED)))
    assert (edge(step), change_of(step).index) == (Edge.ADMIT, Status.AVAILABLE)
    assert (published(step).status, published(step).warm) == (Status.AVAILABLE, True)
    assert published(step).session_id is None


@pytest.mark.parametrize("provisioning", [ProvisioningState.UPDATING, ProvisioningState.FAILED])
def test_it_admits_nothing_that_is_not_surely_at_rest(provisioning: ProvisioningState) -> None:
    what = marking(ago(minutes=5), mark_seen_at=ago(minutes=5))
    assert not edges(steps_for(what, instance(1, provisioning=provisioning, failure=FailureClass.OTHER)))


def test_the_first_look_at_a_new_machine_is_noted_by_both_clocks() -> None:
    """From then on its instance id is its own: an order to its predecessor may still be on its way."""
    seen_at = NOW + timedelta(hours=1)
    creating = new(power=PowerState.UNKNOWN, provisioning=ProvisioningState.CREATING, created_at=seen_at)
    noted = changed(only(steps_for(row(1), creating, look=sighting(at=seen_at))))
    assert (noted.found_at, noted.found_noted_at) == (seen_at, NOW)
    assert steps_for(row(1, None, noted), creating, look=sighting(at=seen_at + 2 * S)) == ()


@pytest.mark.parametrize(("seconds", "admitted"), [(-1, False), (0, True), (1, True)])
def test_a_reused_instance_id_waits_for_the_orders_to_its_predecessor(seconds: int, admitted: bool) -> None:
    found_at = NOW - POLICY.id_kept_for - seconds * S
    what = marking(ago(minutes=5), mark_seen_at=ago(minutes=5), found_at=found_at)
    assert (edges(steps_for(what, instance(1))) == [Edge.ADMIT]) is admitted


def test_a_machine_that_an_older_scaler_noted_counts_as_found_now() -> None:
    what = marking(ago(minutes=5), mark_seen_at=ago(minutes=5), found_at=None)
    plan = reconciled(what, instance(1))
    assert changed(only(plan.steps)).found_at == NOW
    assert plan.look_again == POLICY.id_kept_for


def test_it_marks_at_most_ten_a_tick() -> None:
    machines = [instance(number, marked=False) for number in range(10, 30)]
    plan = reconciler.decide(fleet(NEIGHBOUR, sees=asked(cloud(*machines, instance(9)))), POLICY)
    assert sum(isinstance(step.order, Mark) for step in plan.steps) == 10
    assert sum(held.why is Why.BREAKER for held in plan.refusals) == 10


REFUSED = marking(ago(minutes=9), POLICY.mark_attempts, asked_at=ago(minutes=1))


def test_a_mark_refused_five_times_condemns_the_machine() -> None:
    step = only(steps_for(REFUSED, new()))
    assert (step.why, edge(step)) == (Why.MARK_REFUSED, Edge.CONDEMN)
    assert (published(step).used, published(step).status) == (True, Status.UNAVAILABLE)


def test_when_every_mark_is_refused_nothing_is_deleted_for_it_and_somebody_is_told() -> None:
    long_marked = row(9, record(9), notes(9))
    plan = reconciler.decide(fleet(REFUSED, long_marked, sees=cloud(new(), instance(9))), POLICY)
    assert plan.steps == ()
    assert [(held.why, held.alarm) for held in plan.refusals] == [(Why.ALL_MARKS_REFUSED, True)]


@pytest.mark.parametrize(("seconds", "marks"), [(-1, 0), (0, 1), (1, 1)])
def test_then_it_is_tried_again_from_the_beginning(seconds: int, marks: int) -> None:
    since = NOW - POLICY.flush_hold - seconds * S
    what = marking(ago(hours=2), POLICY.mark_attempts, asked_at=since)
    steps = reconciler.decide(fleet(what, sees=asked(cloud(new()))), POLICY).steps
    assert [(changed(step).mark_attempts, changed(step).admitting_at) for step in steps] == [(0, NOW)] * marks


def test_a_known_machine_without_its_mark_leaves_available_and_is_marked_again() -> None:
    step = only(steps_for(row(1, record(), notes()), new()))
    assert isinstance(step.order, Mark)
    assert (step.why, change_of(step).index, changed(step).admitted_at) == (Why.MARK_GONE, Status.UNAVAILABLE, None)


def test_a_machine_that_is_marked_again_waits_out_the_horizon_again() -> None:
    """Whoever once reserved it, naively, and thought better of it."""
    reserved = notes(reserved=ReservedNote(session=MINE, at=ago(minutes=9)))
    asked = changed(only(steps_for(row(1, record(), reserved), new())))
    seen = replace(asked, mark_seen_at=ago(seconds=30))
    assert not edges(steps_for(parked(seen), instance(1)))


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


@pytest.mark.parametrize(("seconds", "taken"), [(-1, []), (0, [Edge.ADMIT]), (1, [Edge.ADMIT])])
def test_and_stays_out_of_available_as_long_as_an_spop_may_be_under_way(seconds: int, taken: list[Edge]) -> None:
    since = NOW - POLICY.repair_after - seconds * S
    again = notes(admitted_at=None, mark_asked_at=since, mark_seen_at=ago(minutes=2), unindexed_at=since)
    assert edges(steps_for(parked(again), instance(1))) == taken


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


def test_the_next_attempt_goes_on_counting() -> None:
    lately = ago(seconds=POLICY.order_horizon.total_seconds() + 60)
    step = only(steps_for(marking(ago(minutes=5), 2, asked_at=lately), new()))
    assert (changed(step).mark_attempts, changed(step).admitting_at) == (2, ago(minutes=5))


def test_after_a_long_halt_a_mark_gets_all_its_attempts_again() -> None:
    after = changed(only(steps_for(marking(ago(hours=5), 4, asked_at=ago(hours=4)), new())))
    assert (after.admitting_at, after.mark_asked_at, after.mark_attempts) == (NOW, NOW, 0)


@pytest.mark.parametrize(("minutes", "why"), [(29, Why.MARK_REFUSED), (30, Why.NEW_AT_REST), (31, Why.NEW_AT_REST)])
def test_a_mark_that_is_taken_again_and_again_and_never_seen_is_given_up(minutes: int, why: Why) -> None:
    begun = marking(ago(minutes=31), 0, asked_at=ago(minutes=minutes))
    neighbour = row(9, record(9), notes(9, mark_asked_at=ago(minutes=31), mark_seen_at=ago(minutes=30)))
    plan = reconciler.decide(fleet(begun, neighbour, sees=asked(cloud(new(), instance(9)))), POLICY)
    assert [each.why for each in plan.steps] == [why]


FIRST, SECOND = ScaleSetName("first"), ScaleSetName("second")
TWO = Policy(capacity={FIRST: Capacity(desired=1), SECOND: Capacity(desired=1)})


def test_one_scale_set_that_refuses_all_marks_excuses_no_machine_of_another_and_accuses_none() -> None:
    where = {1: FIRST, 2: SECOND, 9: SECOND}
    taken = notes(9, mark_asked_at=ago(minutes=2), mark_seen_at=ago(minutes=1))
    begun = REFUSED.notes
    assert begun is not None
    rows = {vm(number): row(number, None, replace(begun, scale_set=where[number])) for number in (1, 2)}
    rows[vm(9)] = row(9, record(9), replace(taken, scale_set=SECOND))
    sees = Cloud(listings={name: sighting(scale_set=name) for name in (FIRST, SECOND)})
    for number, name in where.items():
        machine = replace(instance(number, marked=number == 9), ref=replace(ref(number), scale_set=name))
        sees = sees.showing(sighting(scale_set=name), machine)
    plan = reconciler.decide(Fleet.join(Snapshot(now=NOW, rows=rows), sees, TWO), TWO)
    assert [(each.vm_id, each.why) for each in plan.steps] == [(vm(2), Why.MARK_REFUSED)]
    assert [(each.why, each.facts["scale_set"]) for each in plan.refusals if each.alarm] == [
        (Why.ALL_MARKS_REFUSED, FIRST)
    ]


def test_a_record_that_was_there_before_is_offered_without_its_former_addresses() -> None:
    """The Go scaler writes 0.0.0.0; and what a machine had before it was deallocated is another's by now."""
    ripe = notes(1, admitted_at=None, mark_seen_at=ago(minutes=10), unindexed_at=ago(minutes=10))
    theirs = record(1, public_ip="0.0.0.0", private_ip="10.9.9.9", extra=(("theirs", "1"),))
    admitted = [published(step) for step in steps_for(row(1, theirs, ripe), instance(1)) if edge(step) is Edge.ADMIT]
    assert [(each.public_ip, each.private_ip, each.extra) for each in admitted] == [(None, None, theirs.extra)]


def test_notes_that_only_tell_of_a_reservation_make_no_machine_ready() -> None:
    """Marked, and nobody knows whether it was ever admitted: reserve() will not offer it, and nobody ends that."""
    lost = blank_notes(1, reserved=ReservedNote(session=MINE, at=ago(minutes=1)))
    assert vm(1) in {each.vm_id for each in steps_for(row(1, record(1), lost), instance(1))}
