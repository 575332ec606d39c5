"""Consent and pause: what each controller still does, and what it holds back and says."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import (
    NOW,
    POLICY,
    SCALE_SET,
    ago,
    asked,
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
)

from scaler.controllers import cleaner, provisioner, reconciler, starter
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud
from scaler.model.instance import Instance, PowerState, ScaleSetName, SessionId
from scaler.model.plan import Mark, Plan, Start, Why
from scaler.model.row import Notes, OpenedNote, SpentNote, StartNote, Status
from scaler.model.sighting import Method, Pause, Sighting, strictest

MINE = SessionId("mine")
HALTED = [
    sighting(Method.TARGETED, pause=Pause.ORDERS),
    sighting(Method.TARGETED, pause=Pause.ALL),
    sighting(Method.TARGETED, consent=False),
]
NEIGHBOUR = row(9, record(9), notes(9, mark_asked_at=ago(seconds=70)))  # Azure takes marks: the mood is fair
RUNNING = instance(1, power=PowerState.RUNNING)


def both(look: Sighting, *machines: Instance) -> Cloud:
    """A listing, and a targeted GET of each machine in it."""
    return replace(cloud(*machines, look=look), listings={SCALE_SET: replace(look, by=Method.LISTING)})


def opened(age: timedelta) -> Notes:
    was = record(status=Status.UNAVAILABLE, session_id=MINE)
    start = StartNote(session=MINE, at=NOW - age, attempts=1)
    return notes(1, start=start, opened=OpenedNote(session=MINE, at=NOW - age, record=was))


def said(plan: Plan) -> set[Why]:
    return {each.why for each in plan.refusals}


@pytest.mark.parametrize(
    ("words", "strict"),
    [
        ((), Pause.NONE),
        ((Pause.NONE, Pause.ORDERS), Pause.ORDERS),
        ((Pause.ALL, Pause.ORDERS), Pause.ALL),
        ((Pause.NONE, Pause.NONE), Pause.NONE),
    ],
)
def test_the_strictest_word_holds(words: tuple[Pause, ...], strict: Pause) -> None:
    assert strictest(*words) is strict


@pytest.mark.parametrize("look", HALTED)
def test_a_halted_provisioner_neither_grows_nor_stops_and_says_why(look: Sighting) -> None:
    running = instance(2, power=PowerState.RUNNING, marked=False)
    plan = provisioner.decide(both(replace(look, capacity=1), running), POLICY)
    assert plan.steps == ()
    assert said(plan) == {Why.PAUSED if look.consent else Why.NO_CONSENT}


@pytest.mark.parametrize("pause", [Pause.ORDERS, Pause.ALL])
def test_a_paused_reconciler_marks_nothing_but_keeps_the_registry_right(pause: Pause) -> None:
    ripe = notes(2, admitted_at=None, mark_seen_at=ago(minutes=10))
    astray = row(3, record(3, Status.UNAVAILABLE, used=True), notes(3), index=False)
    what = fleet(
        row(1),
        row(2, None, ripe),
        astray,
        NEIGHBOUR,
        sees=cloud(instance(1, marked=False), instance(2), instance(3), instance(9), look=sighting(pause=pause)),
    )
    plan = reconciler.decide(what, POLICY)
    assert not [each for each in plan.steps if each.order is not None]
    assert {each.change.edge for each in plan.steps if each.change} == {Edge.ADMIT, None}
    assert {each.why for each in plan.steps} == {Why.HORIZON_PASSED, Why.INDEX_REPAIR}
    assert said(plan) == {Why.PAUSED}


def test_the_reconciler_marks_again_once_the_pause_is_over() -> None:
    what = fleet(row(1), NEIGHBOUR, sees=asked(cloud(instance(1, marked=False), instance(9))))
    assert isinstance(only(reconciler.decide(what, POLICY).steps).order, Mark)


@pytest.mark.parametrize(("pause", "starts"), [(Pause.NONE, True), (Pause.ORDERS, True), (Pause.ALL, False)])
def test_a_pause_spares_those_who_are_waiting_unless_it_says_all(pause: Pause, starts: bool) -> None:
    waiting = row(1, record(1, Status.RESERVED, session_id=MINE), notes(1))
    look = sighting(Method.TARGETED, pause=pause)
    plan = starter.decide(fleet(waiting, sees=cloud(instance(1), look=look)), POLICY)
    assert isinstance(only(plan.steps).order, Start) is starts
    assert said(plan) == (set() if pause is Pause.NONE else {Why.PAUSED})


@pytest.mark.parametrize(("late", "why"), [(-1, Why.NOTED), (0, Why.TIMEOUT), (1, Why.TIMEOUT)])
def test_who_waits_through_a_full_pause_is_refused_at_the_timeout(late: int, why: Why) -> None:
    since = NOW - POLICY.reservation_timeout - timedelta(seconds=late)
    start = StartNote(session=MINE, at=since, attempts=1)
    waiting = row(1, record(1, Status.RESERVED, session_id=MINE), notes(1, start=start))
    look = sighting(Method.TARGETED, pause=Pause.ALL)
    assert only(starter.decide(fleet(waiting, sees=cloud(instance(1), look=look)), POLICY).steps).why is why


@pytest.mark.parametrize("pause", [Pause.ORDERS, Pause.ALL])
def test_a_started_visitor_is_let_in_during_any_pause(pause: Pause) -> None:
    start = StartNote(session=MINE, at=ago(seconds=30), attempts=1)
    waiting = row(1, record(1, Status.RESERVED, session_id=MINE), notes(1, start=start))
    sees = cloud(RUNNING, look=sighting(Method.TARGETED, pause=pause)).with_addresses(SCALE_SET, {})
    change = only(starter.decide(fleet(waiting, sees=sees), POLICY).steps).change
    assert change is not None
    assert change.edge is Edge.OPEN


@pytest.mark.parametrize("pause", [Pause.ORDERS, Pause.ALL])
def test_a_paused_cleaner_ends_sessions_and_deletes_nothing(pause: Pause) -> None:
    over = row(1, record(1, Status.UNAVAILABLE, session_id=MINE), opened(timedelta(hours=2)))
    plan = cleaner.decide(fleet(over, sees=cloud(RUNNING, look=sighting(Method.TARGETED, pause=pause))), POLICY)
    step = only(plan.steps)
    assert step.change is not None
    assert (step.change.edge, step.order) == (Edge.EXPIRE, None)
    assert changed(step).delete is None
    assert said(plan) == {Why.PAUSED}


@pytest.mark.parametrize("look", HALTED)
def test_a_used_machine_waits_for_the_end_of_the_pause(look: Sighting) -> None:
    spent = SpentNote(why=Edge.RELEASE, at=ago(minutes=2))
    noted = replace(opened(timedelta(minutes=5)), spent=spent, ended={MINE: Edge.RELEASE})
    used = row(1, record(1, Status.UNAVAILABLE, used=True, session_id=MINE), noted)
    assert cleaner.decide(fleet(used, sees=cloud(RUNNING, look=look)), POLICY).steps == ()
    allowed = fleet(used, sees=cloud(RUNNING, look=look).as_if_allowed())
    assert only(cleaner.decide(allowed, POLICY).steps).order is not None


def test_a_strangers_marked_machines_do_not_put_the_reconciler_in_doubt_about_its_own() -> None:
    stranger, mine = ScaleSetName("stranger"), sighting()
    theirs = sighting(scale_set=stranger, consent=False)
    others = [replace(instance(number), ref=replace(ref(number), scale_set=stranger)) for number in range(20, 30)]
    mixed = replace(cloud(instance(1), instance(9), look=mine), listings={SCALE_SET: mine, stranger: theirs})
    plan = reconciler.decide(fleet(row(1), NEIGHBOUR, sees=mixed.showing(theirs, *others)), POLICY)
    assert said(plan) == {Why.NO_CONSENT}
    step = only(plan.steps)
    assert step.change is not None
    assert (step.vm_id, step.change.edge) == (vm(1), Edge.CONDEMN)
