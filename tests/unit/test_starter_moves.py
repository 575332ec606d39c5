"""MOVE: a session whose machine cannot be had goes on with another one; the starter's choice, as data."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import (
    ASKED,
    MINE,
    NOW,
    OTHER,
    POLICY,
    RUNNING,
    SCALE_SET,
    ago,
    blank_notes,
    change_of,
    changed,
    cloud,
    edge,
    edges,
    instance,
    located,
    notes,
    only,
    published,
    record,
    reserved,
    row,
    sighting,
    start_note,
    vm,
)

from scaler.controllers import starter
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import FailureClass, Instance, PowerState, ProvisioningState, ScaleSetName
from scaler.model.plan import Plan, Start, Step, Why
from scaler.model.policy import Capacity, Moves, Policy
from scaler.model.row import ClaimNote, Notes, Record, ReservedNote, Row, Snapshot, SpentNote, StartNote, Status
from scaler.model.scarcity import Shortage
from scaler.model.sighting import Method, Pause

SECOND = ScaleSetName("vmss-second")
TWO_SETS = replace(POLICY, capacity={SCALE_SET: Capacity(desired=4), SECOND: Capacity(desired=4)})
TIMEOUT = POLICY.reservation_timeout
AT_REST = instance(1)
FAILED = instance(1, provisioning=ProvisioningState.FAILED, failure=FailureClass.OTHER)


def waits(movable: bool = True, **age: float) -> ReservedNote:
    return ReservedNote(session=MINE, at=ago(**(age or {"seconds": 60})), movable=movable)


def started(failure: FailureClass | None = None, attempts: int = 1, **age: Any) -> StartNote:
    return replace(start_note(attempts=attempts, **age), failure=failure)


def spare(number: int, *, warm: bool = False, scale_set: ScaleSetName = SCALE_SET, **fields: object) -> Row:
    created = ago(hours=10 - number)
    return row(number, record(number, warm=warm, created_at=created), notes(number, scale_set=scale_set, **fields))


def plan_for(
    *rows: Row,
    machine: Instance | None = AT_REST,
    policy: Policy = TWO_SETS,
    shortages: Mapping[ScaleSetName, Shortage] | None = None,
    sees: Cloud | None = None,
) -> Plan:
    seen = located(cloud(machine, look=ASKED) if machine is not None else Cloud())
    snapshot = Snapshot(now=NOW, rows={each.vm_id: each for each in rows})
    return starter.decide(Fleet.join(snapshot, sees or seen, policy, shortages=shortages), policy)


def moved_to(step: Step) -> int | None:
    partner = change_of(step).partner
    return int(partner.row.vm_id[:8]) if partner is not None else None


STRANDED = {
    "failed": (notes(1, start=started(attempts=1)), FAILED),
    "three attempts": (notes(1, start=started(attempts=3, seconds=50)), AT_REST),
    "no capacity": (notes(1, start=started(FailureClass.ALLOCATION, seconds=1)), AT_REST),
    "unmarked": (notes(1), instance(1, marked=False)),
    "not admitted": (blank_notes(1, admitting_at=NOW), AT_REST),
    "runs for nobody": (notes(1), instance(1, power=PowerState.RUNNING)),
    "started for another": (notes(1, start=replace(started(), session=OTHER)), AT_REST),
    "claimed": (notes(1, claim=ClaimNote(order="deallocate", at=NOW, seen_at=NOW, since=NOW)), AT_REST),
    "it ran while nobody allowed us to act": (notes(1, presumed_at=ago(minutes=1)), AT_REST),
    "gone": (notes(1, missed_at=ago(seconds=40)), None),
    "spent": (notes(1, spent=SpentNote(why=Edge.CONDEMN, at=NOW)), AT_REST),
    "its scale set is configured no more": (notes(1, scale_set=ScaleSetName("former")), None),
    "unsettled": (
        notes(1, start=started(minutes=6), unsettled_at=ago(minutes=5)),
        instance(1, power=PowerState.STARTING, provisioning=ProvisioningState.UPDATING),
    ),
}


def stranded(name: str, waiting: ReservedNote | None) -> tuple[Row, Instance | None]:
    noted, machine = STRANDED[name]
    return reserved(replace(noted, reserved=waiting), client_ip="10.0.0.1"), machine


def plan_of(name: str, waiting: ReservedNote | None, *others: Row, **fields: object) -> Plan:
    what, machine = stranded(name, waiting)
    gone = Cloud(asked={vm(1): ASKED}) if name == "gone" else None
    return plan_for(what, *others, machine=machine, sees=gone, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", STRANDED)
def test_a_session_that_follows_goes_on_with_another_machine(name: str) -> None:
    step = only(plan_of(name, waits(), spare(2, scale_set=SECOND)).steps)
    assert (edge(step), moved_to(step), step.order) == (Edge.MOVE, 2, None)
    left, partner = published(step), change_of(step).partner
    assert partner is not None
    there, waiting = partner.record, partner.notes
    assert isinstance(there, Record)
    assert isinstance(waiting, Notes)
    assert (left.status, left.used, left.moved_to, left.move_reason) == (Status.UNAVAILABLE, True, vm(2), step.why)
    assert (there.status, there.session_id, there.client_ip) == (Status.RESERVED, MINE, "10.0.0.1")
    assert (there.moved_from, there.move_reason) == (vm(1), step.why)
    assert (there.used, partner.takes) == (False, True)
    assert waiting.reserved == waits(), "its waiting goes on as it was"
    assert changed(step).ended == {MINE: Edge.MOVE}
    moved = SpentNote(why=Edge.MOVE, at=NOW, reason=step.why)
    assert changed(step).spent == (STRANDED[name][0].spent or moved)


@pytest.mark.parametrize("name", [name for name in STRANDED if name != "no capacity"])
def test_one_that_would_not_follow_is_refused_at_once(name: str) -> None:
    assert edges(plan_of(name, waits(movable=False), spare(2)).steps) == [Edge.REFUSE]


def test_one_that_would_not_follow_gets_all_its_attempts_where_there_is_no_capacity() -> None:
    assert not plan_of("no capacity", waits(movable=False), spare(2)).steps
    again = reserved(notes(1, start=started(FailureClass.ALLOCATION, seconds=45), reserved=waits(movable=False)))
    assert isinstance(only(plan_for(again, spare(2)).steps).order, Start)


@pytest.mark.parametrize("name", [name for name in STRANDED if name != "gone"])
def test_where_everybody_follows_a_naive_session_is_moved_too(name: str) -> None:
    always = replace(TWO_SETS, moves=Moves.ALWAYS)
    step = only(plan_of(name, None, spare(2, scale_set=SECOND), policy=always).steps)
    assert (edge(step), moved_to(step)) == (Edge.MOVE, 2)


def test_with_no_other_machine_what_runs_for_nobody_is_not_given_back_fresh() -> None:
    """Somebody started it by hand; the visitor cancels: without a note the next one would get it."""
    step = only(plan_of("runs for nobody", waits()).steps)
    assert (changed(step).presumed_at, changed(step).reserved, changed(step).fresh) == (NOW, waits(), False)
    assert edge(step) is None


@pytest.mark.parametrize(
    "name", [name for name in STRANDED if name not in {"three attempts", "gone", "runs for nobody"}]
)
def test_with_no_other_machine_it_waits(name: str) -> None:
    plan = plan_of(name, waits())
    assert not plan.steps
    assert plan.look_again is not None
    assert plan.look_again <= POLICY.order_horizon


def test_with_no_other_machine_its_own_is_tried_again() -> None:
    step = only(plan_of("three attempts", waits()).steps)
    assert isinstance(step.order, Start)
    start = changed(step).start
    assert start is not None
    assert start.attempts == 4
    due = reserved(notes(1, start=started(FailureClass.ALLOCATION, seconds=45), reserved=waits()))
    assert isinstance(only(plan_for(due).steps).order, Start)


def test_while_all_orders_are_paused_it_is_not_tried_again() -> None:
    due = reserved(notes(1, start=started(FailureClass.ALLOCATION, seconds=45), reserved=waits()))
    assert not plan_for(due, sees=cloud(AT_REST, look=sighting(Method.TARGETED, pause=Pause.ALL))).steps


@pytest.mark.parametrize("name", [name for name in STRANDED if name != "gone"])
@pytest.mark.parametrize(("seconds", "refused"), [(-1, False), (0, True), (1, True)])
def test_with_no_other_machine_until_the_timeout_it_is_refused(name: str, seconds: int, refused: bool) -> None:
    waiting = ReservedNote(session=MINE, at=NOW - TIMEOUT - timedelta(seconds=seconds), movable=True)
    assert (Edge.REFUSE in edges(plan_of(name, waiting).steps)) is refused


def test_the_waiting_of_one_whose_start_nobody_noted_begins_now() -> None:
    always = replace(TWO_SETS, moves=Moves.ALWAYS)
    step = only(plan_of("unmarked", None, policy=always).steps)
    assert changed(step).reserved == ReservedNote(session=MINE, at=NOW)


def test_it_goes_to_a_warm_machine_before_a_cold_one_and_then_to_the_oldest() -> None:
    assert moved_to(only(plan_of("failed", waits(), spare(2), spare(3), spare(4, warm=True)).steps)) == 4
    assert moved_to(only(plan_of("failed", waits(), spare(3), spare(2)).steps)) == 2
    younger = replace(spare(2), record=record(2, created_at=ago(hours=1)))
    assert moved_to(only(plan_of("failed", waits(), younger, spare(3)).steps)) == 3


NO_SPARE: Mapping[str, Row] = {
    "started": spare(2, start=replace(started(), session=OTHER)),
    "claimed": spare(2, claim=ClaimNote(order="deallocate", at=NOW, seen_at=NOW, since=NOW)),
    "missed": spare(2, missed_at=NOW),
    "unsettled": spare(2, unsettled_at=NOW),
    "its key may be in somebody's hands": spare(2, unindexed_at=NOW),
    "not in available": row(2, record(2), notes(2), index=False),
    "not admitted": row(2, record(2), blank_notes(2)),
    "without notes": row(2, record(2), None),
    "used": row(2, record(2, used=True), notes(2)),
    "its scale set is configured no more": spare(2, scale_set=ScaleSetName("former")),
    "the session was on it before": spare(2, ended={MINE: Edge.REFUSE}),
    "a newer scaler's": replace(spare(2), untouchable=True),
}


@pytest.mark.parametrize("name", NO_SPARE)
def test_a_machine_with_a_doubt_about_it_is_nobodys_refuge(name: str) -> None:
    assert not plan_of("failed", waits(), NO_SPARE[name]).steps


def test_what_this_process_started_lately_is_nobodys_refuge() -> None:
    snapshot = Snapshot(now=NOW, rows={each.vm_id: each for each in (stranded("failed", waits())[0], spare(2))})
    remembers = Fleet.join(snapshot, cloud(FAILED, look=ASKED), TWO_SETS, {vm(2): OTHER})
    assert not starter.decide(remembers, TWO_SETS).steps


def test_two_sessions_go_to_two_machines_and_who_waited_longest_chooses_first() -> None:
    first = reserved(notes(1, reserved=waits(minutes=1), start=started(attempts=1)))
    late = ReservedNote(session=OTHER, at=ago(minutes=2), movable=True)
    second = reserved(notes(5, reserved=late), OTHER, 5)
    seen = cloud(FAILED, replace(FAILED, ref=instance(5).ref), look=ASKED)
    steps = plan_for(first, second, spare(2), spare(3, warm=True), sees=seen).steps
    assert [(step.vm_id, moved_to(step)) for step in steps] == [(vm(5), 3), (vm(1), 2)]


def test_one_that_runs_is_opened_and_not_moved_however_late() -> None:
    noted = notes(1, start=started(FailureClass.ALLOCATION, attempts=9, minutes=20), reserved=waits(minutes=30))
    assert edges(plan_for(reserved(noted), spare(2), machine=RUNNING).steps) == [Edge.OPEN]


# -- want of capacity


@pytest.mark.parametrize("failure", [FailureClass.ALLOCATION, FailureClass.QUOTA, FailureClass.SKU])
def test_after_a_failure_for_want_of_capacity_another_scale_set_is_asked(failure: FailureClass) -> None:
    noted = notes(1, start=started(failure, seconds=1), reserved=waits())
    assert moved_to(only(plan_for(reserved(noted), spare(2), spare(3, scale_set=SECOND)).steps)) == 3
    assert moved_to(only(plan_for(reserved(noted), spare(2), spare(3, warm=True)).steps)) == 3
    assert not plan_for(reserved(noted), spare(2)).steps, "another cold one of that scale set would fail as well"


def test_a_failure_that_only_the_machine_shows_is_noted_with_the_move() -> None:
    failed = replace(FAILED, failure=FailureClass.ALLOCATION)
    noted = notes(1, start=started(seconds=50), reserved=waits())
    step = only(plan_for(reserved(noted), spare(3, scale_set=SECOND), machine=failed).steps)
    assert changed(step).start == started(FailureClass.ALLOCATION, seconds=50)


@pytest.mark.parametrize(("seconds", "to"), [(-1, None), (0, 2), (1, 2)])
def test_while_a_scale_set_is_short_nobody_is_sent_to_its_cold_machines(seconds: int, to: int | None) -> None:
    short = {SCALE_SET: Shortage(since=ago(hours=1), until=NOW - timedelta(seconds=seconds))}
    plan = plan_of("failed", waits(), spare(2), shortages=short)
    assert [moved_to(step) for step in plan.steps] == ([to] if to is not None else [])
    assert [moved_to(step) for step in plan_of("failed", waits(), spare(2, warm=True), shortages=short).steps] == [2]


def test_nobody_is_sent_to_a_scale_set_where_nothing_may_be_started() -> None:
    seen = replace(cloud(FAILED, look=ASKED), listings={SECOND: sighting(scale_set=SECOND, consent=False)})
    assert not plan_for(stranded("failed", waits())[0], spare(3, scale_set=SECOND), sees=seen).steps


def test_the_machine_it_was_moved_to_is_looked_at_at_once() -> None:
    assert plan_of("failed", waits(), spare(2)).look_again == timedelta(0)


def test_why_says_what_it_was() -> None:
    whys = {name: only(plan_of(name, waits(), spare(2)).steps).why for name in STRANDED if name != "no capacity"}
    assert whys["gone"] is Why.GONE
    assert whys["three attempts"] is whys["unsettled"] is whys["failed"] is Why.CANNOT_START
    assert whys["unmarked"] is whys["claimed"] is Why.TAINTED
    elsewhere = plan_of("no capacity", waits(), spare(2, scale_set=SECOND))
    assert only(elsewhere.steps).why is Why.NO_CAPACITY


def test_what_runs_without_a_start_of_ours_while_nobody_allows_us_to_act_is_remembered() -> None:
    what = reserved(notes(1, reserved=waits()))
    step = only(plan_for(what, sees=cloud(RUNNING, look=sighting(Method.TARGETED, consent=False))).steps)
    assert (changed(step).presumed_at, changed(step).reserved, edge(step)) == (NOW, waits(), None)


ELSEWHERE = Cloud(asked={vm(1): sighting(Method.TARGETED, unique_id="another")})


@pytest.mark.parametrize("minutes", [1, 14])
def test_what_another_scale_set_of_that_name_does_not_hold_is_not_gone(minutes: int) -> None:
    """The settings name the wrong resource group, perhaps for a moment: its own scale set may still have it."""
    what = reserved(notes(1, missed_at=ago(minutes=minutes), reserved=waits(minutes=minutes)))
    assert not plan_for(what, spare(2), sees=ELSEWHERE).steps


def test_but_its_visitor_does_not_wait_for_ever() -> None:
    what = reserved(notes(1, missed_at=ago(minutes=15), reserved=waits(minutes=15)))
    assert edges(plan_for(what, sees=ELSEWHERE).steps) == [Edge.REFUSE]


@pytest.mark.parametrize(("seconds", "started_again"), [(-1, True), (0, False), (1, False)])
def test_a_start_that_is_due_when_the_visitors_time_is_over_is_not_given(seconds: int, started_again: bool) -> None:
    waiting = ReservedNote(session=MINE, at=NOW - TIMEOUT - timedelta(seconds=seconds), movable=True)
    step = only(plan_for(reserved(notes(1, start=started(seconds=50), reserved=waiting))).steps)
    assert isinstance(step.order, Start) is started_again
    assert (edge(step) is Edge.REFUSE) is not started_again
