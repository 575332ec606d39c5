"""SCALER_READY_WHEN=healthy: a new machine runs until it is Healthy, and a session is let in only then."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from builders import (
    MINE,
    NOW,
    OTHER,
    SCALE_SET,
    S,
    ago,
    asked,
    blank_notes,
    changed,
    cloud,
    edge,
    fleet,
    instance,
    located,
    notes,
    only,
    record,
    ref,
    reserved,
    row,
    sighting,
    start_note,
    unavailable,
    vm,
)

from scaler.controllers import cleaner, provisioner, reconciler, starter
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud
from scaler.model.instance import Health, HealthState, Instance, PowerState
from scaler.model.newcomers import Followed, Phase
from scaler.model.plan import Deallocate, Delete, Get, Plan, SetCapacity, Step, Why
from scaler.model.policy import Capacity, Policy, ReadyWhen
from scaler.model.readiness import HealthSeen
from scaler.model.row import Before, OpeningNote, ReservedNote, Row, SpentNote, StartNote
from scaler.model.scarcity import creating_stops_until
from scaler.model.sighting import Method
from scaler.observe import Listings

COLD = {SCALE_SET: Capacity(desired=4)}
GATED = Policy(capacity=COLD, ready_when={SCALE_SET: ReadyWhen.HEALTHY})
OPEN_TO_ALL = Policy(capacity=COLD)
NOT_HEALTHY = (HealthState.UNHEALTHY, HealthState.INITIALIZING, HealthState.UNKNOWN)
SERVER = "a1"


def health(state: HealthState = HealthState.HEALTHY, at: datetime | None = NOW) -> Health:
    return Health(state=state, at=at)


def new(said: Health | None, *, age: timedelta = timedelta(minutes=5), **fields: Any) -> Instance:
    return instance(1, PowerState.RUNNING, marked=False, health=said, created_at=NOW - age, **fields)


# -- new machines: the provisioner


def stopped(machine: Instance, policy: Policy = GATED) -> bool:
    return any(isinstance(step.order, Deallocate) for step in provisioner.decide(asked(cloud(machine)), policy).steps)


def test_a_new_machine_is_stopped_when_it_is_healthy_and_not_before() -> None:
    assert stopped(new(health()))
    assert not any(stopped(new(health(state), age=timedelta(days=1))) for state in NOT_HEALTHY)


def test_where_running_is_enough_health_stops_nobody_from_resting() -> None:
    assert all(stopped(new(health(state)), OPEN_TO_ALL) for state in NOT_HEALTHY)


@pytest.mark.parametrize(("seconds", "rests"), [(-1, False), (0, True), (1, True)])
def test_a_new_machine_without_any_health_is_stopped_after_the_grace(seconds: int, rests: bool) -> None:
    assert stopped(new(None, age=GATED.absent_grace + seconds * S)) is rests


def test_a_machine_whose_creation_nobody_dates_is_not_kept_running_for_ever() -> None:
    assert stopped(replace(new(None), created_at=None))


def test_its_stop_rests_on_a_targeted_get_that_shows_healthy() -> None:
    listed = cloud(new(health()))
    assert not provisioner.decide(listed, GATED).steps
    assert Get(ref=ref(1), queue=SCALE_SET) in provisioner.decide(listed, GATED).asks
    assert Get(ref=ref(1), queue=SCALE_SET) in provisioner.decide(cloud(new(None)), GATED).asks
    assert not provisioner.decide(cloud(new(health(HealthState.INITIALIZING))), GATED).asks


def test_what_boots_is_followed_without_a_listing_and_not_faster_than_arm_allows() -> None:
    policy = replace(GATED, capacity={SCALE_SET: Capacity(desired=4, warm=2)})
    followed = Cloud(newcomers={vm(1): Followed(ref=ref(1), phase=Phase.BOOTS, due_in=-S)}, listing_due=False)
    assert provisioner.decide(followed, policy).asks == (Get(ref=ref(1), queue=SCALE_SET, place=(-1.0,)),)
    listings = Listings()
    listings.follow(new(health(HealthState.INITIALIZING)), 100.0, timedelta(minutes=4), boots=True)
    assert listings.newcomers[vm(1)].due(policy) == 100.0 + policy.look_every.total_seconds()


# -- new machines: given up at the bound


def judged(
    machine: Instance, *, by: Method = Method.TARGETED, policy: Policy = GATED, known: Row | None = None
) -> Plan:
    what = known or row(1, None, blank_notes(found_at=NOW, found_noted_at=NOW))
    return reconciler.decide(fleet(what, sees=cloud(machine, look=sighting(by)), policy=policy), policy)


def condemned(plan: Plan) -> bool:
    return any(edge(step) is Edge.CONDEMN and step.why is Why.NOT_HEALTHY_IN_TIME for step in plan.steps)


@pytest.mark.parametrize("state", NOT_HEALTHY)
@pytest.mark.parametrize(("seconds", "late"), [(-1, False), (0, True), (1, True)])
def test_a_new_machine_that_is_not_healthy_at_the_bound_is_condemned(
    state: HealthState, seconds: int, late: bool
) -> None:
    assert condemned(judged(new(health(state), age=GATED.unready_bound + seconds * S))) is late


def test_a_machine_that_shows_no_health_is_never_condemned_for_it() -> None:
    assert not condemned(judged(new(None, age=timedelta(days=9))))


def test_nobody_is_condemned_for_a_listing_or_where_running_is_enough() -> None:
    sick = new(health(HealthState.UNHEALTHY), age=timedelta(hours=1))
    listed = judged(sick, by=Method.LISTING)
    assert not condemned(listed)
    assert any(isinstance(ask, Get) and ask.queue == "admission" for ask in listed.asks)
    assert not condemned(judged(sick, policy=OPEN_TO_ALL))
    assert not condemned(judged(replace(sick, health=health()), policy=GATED))


def test_a_machine_without_a_date_is_given_up_by_the_first_look_at_it() -> None:
    sick = replace(new(health(HealthState.UNKNOWN)), created_at=None)
    since = NOW - GATED.unready_bound
    assert condemned(judged(sick, known=row(1, None, blank_notes(found_at=since, found_noted_at=since))))
    assert not condemned(judged(sick))


@pytest.mark.parametrize(("seconds", "gone"), [(-1, False), (0, True), (1, True)])
def test_what_is_given_up_is_deleted_as_it_runs_once_no_failover_forgets_the_note(seconds: int, gone: bool) -> None:
    since = NOW - GATED.ripe_after - seconds * S
    noted = blank_notes(spent=SpentNote(why=Edge.CONDEMN, at=since, seen_at=since))
    known = unavailable(noted, None, used=True)
    sick = new(health(HealthState.UNHEALTHY))
    plan = cleaner.decide(fleet(known, sees=asked(cloud(sick)), policy=GATED), GATED)
    assert any(isinstance(step.order, Delete) for step in plan.steps) is gone
    assert not cleaner.decide(fleet(known, sees=asked(cloud(replace(sick, marked=True))), policy=GATED), GATED).steps
    assert not cleaner.decide(fleet(known, sees=asked(cloud(sick)), policy=OPEN_TO_ALL), OPEN_TO_ALL).steps


def test_as_many_as_the_cap_that_never_became_healthy_end_all_creating_with_an_alarm() -> None:
    capped = replace(GATED, capacity={SCALE_SET: Capacity(desired=9, failure_cap=2)})
    seen = HealthSeen()
    for number in (1, 2):
        sick = replace(new(health(HealthState.UNKNOWN), age=capped.unready_bound + 9 * S), ref=ref(number))
        seen = seen.after([sick], NOW - number * S, capped).after([sick], NOW, capped)
    sees = replace(cloud(look=sighting(capacity=1)), health={SCALE_SET: seen})
    plan = provisioner.decide(sees, capped)
    assert not any(isinstance(step.order, SetCapacity) for step in plan.steps)
    assert [(each.why, each.alarm) for each in plan.refusals] == [(Why.NEVER_READY, True)]
    assert creating_stops_until(sees.demand_of(SCALE_SET, capped), capped) == NOW - 2 * S + capped.failure_window
    later = replace(sees.demand_of(SCALE_SET, capped), at=NOW + capped.failure_window - S)
    assert creating_stops_until(replace(sees, demand={SCALE_SET: later}).demand_of(SCALE_SET, capped), capped) is None


def test_where_no_machine_ever_showed_health_nothing_more_is_created_and_somebody_is_told() -> None:
    silent = new(None, age=GATED.absent_grace)
    early = HealthSeen().after([replace(silent, created_at=NOW - GATED.absent_grace + S)], NOW, GATED)
    assert not early.is_lacking(NOW, GATED)
    lacking = early.after([silent], NOW, GATED)
    sees = replace(cloud(look=sighting(capacity=1)), health={SCALE_SET: lacking})
    plan = provisioner.decide(sees, GATED)
    assert ([step.order for step in plan.steps], [each.why for each in plan.refusals]) == ([], [Why.NO_HEALTH_AT_ALL])
    told = lacking.after([replace(silent, health=health(HealthState.UNKNOWN))], NOW, GATED)
    assert not told.is_lacking(NOW, GATED)
    assert not told.after([silent], NOW, GATED).is_lacking(NOW, GATED)
    hours = [lacking.is_lacking(NOW + GATED.failure_window + seconds * S, GATED) for seconds in (-1, 0, 1)]
    assert hours == [True, False, False]


# -- the gate before a session


def waiting(start: StartNote | None = None, *, server: str = SERVER, **noted: Any) -> Row:
    begun = start or start_note(seconds=50)
    begun = replace(begun, seen_at=begun.seen_at or NOW - 60 * S, server=begun.server or SERVER)
    waits = ReservedNote(session=MINE, at=ago(seconds=60), movable=True)
    known = reserved(notes(1, **{"start": begun, "reserved": waits, **noted}))
    return replace(known, before=Before(server=server))


def running(said: Health | None) -> Instance:
    return instance(1, PowerState.RUNNING, health=said)


def step_of(known: Row, said: Health | None, *others: Row, policy: Policy = GATED) -> Step | None:
    sees = located(asked(cloud(running(said), *(instance(2) for _ in others))))
    steps = [
        step
        for step in starter.decide(fleet(known, *others, sees=sees, policy=policy), policy).steps
        if step.vm_id == vm(1)
    ]
    return only(steps) if steps else None


def test_a_running_machine_that_is_not_healthy_is_opened_to_nobody() -> None:
    for state in NOT_HEALTHY:
        step = step_of(waiting(), health(state))
        assert step is not None
        assert (step.why, edge(step), changed(step).start.boots_at) == (Why.BOOTS, None, NOW)  # type: ignore[union-attr]


def test_where_running_is_enough_it_is_opened_at_once_and_nothing_more_is_noted() -> None:
    step = step_of(waiting(), health(HealthState.UNHEALTHY), policy=OPEN_TO_ALL)
    assert step is not None
    assert (edge(step), changed(step).opening) == (Edge.OPEN, None)


def test_the_first_healthy_is_noted_before_anybody_is_let_in_and_a_replica_is_asked_for_it() -> None:
    sees = located(asked(cloud(running(health()))))
    plan = starter.decide(fleet(waiting(), sees=sees, policy=GATED), GATED)
    step = only(plan.steps)
    assert (step.why, edge(step), step.wants_replica) == (Why.HEALTHY, None, True)
    assert changed(step).opening == OpeningNote(session=MINE, at=NOW)
    assert plan.look_again == timedelta(0)


@pytest.mark.parametrize("said", [None, *map(health, HealthState)])
def test_with_that_note_it_is_opened_whatever_its_health_says(said: Health | None) -> None:
    step = step_of(waiting(opening=OpeningNote(session=MINE, at=ago(seconds=2))), said)
    assert step is not None
    assert edge(step) is Edge.OPEN


def test_the_note_of_another_session_opens_nothing() -> None:
    step = step_of(waiting(opening=OpeningNote(session=OTHER, at=ago(seconds=2))), health(HealthState.UNKNOWN))
    assert step is not None
    assert edge(step) is None


@pytest.mark.parametrize(("seconds", "this_run"), [(-1, False), (0, False), (1, True)])
def test_healthy_counts_if_its_time_is_later_than_the_look_at_rest(seconds: int, this_run: bool) -> None:
    known = waiting(replace(start_note(seconds=50), seen_at=NOW - 60 * S))
    step = step_of(known, health(at=NOW + (seconds - 60) * S))
    assert step is not None
    assert (step.why is Why.HEALTHY) is this_run


@pytest.mark.parametrize("at", [None, ago(hours=1)])
def test_or_if_initializing_was_seen_since_then_with_which_each_run_begins(at: datetime | None) -> None:
    def then_healthy(first: HealthState) -> Why | None:
        step = step_of(waiting(), health(first))
        assert step is not None
        second = step_of(waiting(changed(step).start), health(at=at))
        return second.why if second is not None else None

    assert then_healthy(HealthState.INITIALIZING) is Why.HEALTHY
    assert then_healthy(HealthState.UNKNOWN) is None  # a view may flicker over an old Healthy
    assert then_healthy(HealthState.UNHEALTHY) is None
    assert step_of(waiting(), health(at=at)).why is Why.BOOTS  # type: ignore[union-attr]


def test_a_start_that_an_older_scaler_noted_proves_no_run() -> None:
    known = replace(waiting(), notes=notes(1, start=start_note(seconds=50)))
    assert step_of(known, health()).why is Why.BOOTS  # type: ignore[union-attr]


def booting(seconds: float, **fields: Any) -> Row:
    """Running for as long as `ready_timeout`, and so many seconds more."""
    since = NOW - GATED.ready_timeout - seconds * S
    return waiting(replace(start_note(minutes=6), boots_at=since, **fields), reserved=_waits(movable=True))


def spare() -> Row:
    return row(2, record(2), notes(2))


def _waits(*, movable: bool) -> ReservedNote:
    return ReservedNote(session=MINE, at=ago(minutes=7), movable=movable)


@pytest.mark.parametrize("state", NOT_HEALTHY)
@pytest.mark.parametrize(("seconds", "moved"), [(-1, False), (0, True), (1, True)])
def test_at_the_timeout_the_session_goes_on_with_another_machine(state: HealthState, seconds: int, moved: bool) -> None:
    step = step_of(booting(seconds), health(state), spare())
    assert (step is not None and edge(step) is Edge.MOVE) is moved
    if step is not None and moved:
        assert (step.why, changed(step).presumed_at) == (Why.NOT_HEALTHY, None)


def test_where_nobody_follows_a_move_the_session_is_refused_then() -> None:
    known = booting(0)
    alone = replace(known, notes=replace(known.notes, reserved=_waits(movable=False)))  # type: ignore[type-var]
    assert edge(step_of(alone, health(HealthState.UNKNOWN), spare())) is Edge.REFUSE  # type: ignore[arg-type]


def test_without_another_machine_it_waits_for_healthy_until_the_reservation_is_over() -> None:
    known = booting(0)
    kept = step_of(known, health(HealthState.INITIALIZING))
    assert kept is not None
    assert (kept.why, edge(kept)) == (Why.BOOTS, None)
    since = NOW - GATED.reservation_timeout
    over = replace(known.notes, reserved=replace(_waits(movable=True), at=since))  # type: ignore[type-var]
    step = step_of(replace(known, notes=over), health(HealthState.INITIALIZING))
    assert step is not None
    assert (edge(step), step.why) == (Edge.REFUSE, Why.NOT_HEALTHY)


@pytest.mark.parametrize(("seconds", "opens"), [(-1, False), (0, True), (1, True)])
def test_what_shows_no_health_at_all_is_opened_at_the_timeout_with_an_alarm(seconds: int, opens: bool) -> None:
    sees = located(asked(cloud(running(None))))
    plan = starter.decide(fleet(booting(seconds), spare(), sees=sees, policy=GATED), GATED)
    assert any(step.why is Why.NO_HEALTH for step in plan.steps) is opens
    assert any(each.why is Why.NO_HEALTH and each.alarm for each in plan.refusals) is opens


def test_what_has_shown_a_health_in_this_run_and_shows_none_now_is_given_up() -> None:
    step = step_of(booting(0, health_seen=True), None, spare())
    assert step is not None
    assert edge(step) is Edge.MOVE


def test_its_repeated_start_begins_a_new_run() -> None:
    old = replace(start_note(minutes=2), boots_at=ago(minutes=1), health_seen=True, initializing=True)
    known = waiting(old, opening=OpeningNote(session=MINE, at=ago(seconds=40)))
    step = only(starter.decide(fleet(known, sees=asked(cloud(instance(1))), policy=GATED), GATED).steps)
    start = changed(step).start
    assert start is not None
    assert start == StartNote(session=MINE, at=NOW, attempts=2, seen_at=NOW, server=SERVER)
    assert changed(step).opening is None


@pytest.mark.parametrize("server", ["another", ""])
def test_what_is_given_up_after_a_failover_is_presumed_to_be_in_use(server: str) -> None:
    known = replace(booting(0), before=Before(server=server))
    left = step_of(known, health(HealthState.UNHEALTHY), spare())
    assert left is not None
    assert (edge(left), changed(left).presumed_at) == (Edge.MOVE, NOW)
    machine = running(health(HealthState.UNHEALTHY))
    since = NOW - GATED.limit_of_presumed - GATED.expiry_grace

    def deleted(at: datetime) -> bool:
        spent = SpentNote(why=Edge.MOVE, at=at, seen_at=at)
        noted = replace(changed(left), presumed_at=at, presumed_seen_at=at, spent=spent)
        plan = cleaner.decide(fleet(unavailable(noted, used=True), sees=asked(cloud(machine)), policy=GATED), GATED)
        return any(isinstance(step.order, Delete) for step in plan.steps)

    assert [deleted(since + S), deleted(since), deleted(since - S)] == [False, True, True]


def test_what_is_given_up_on_the_server_of_its_start_is_deleted_as_it_runs() -> None:
    left = step_of(booting(0), health(HealthState.UNHEALTHY), spare())
    assert left is not None
    at = NOW - GATED.ripe_after
    noted = replace(changed(left), spent=SpentNote(why=Edge.MOVE, at=at, seen_at=at))
    machine = running(health(HealthState.UNHEALTHY))
    plan = cleaner.decide(fleet(unavailable(noted, used=True), sees=asked(cloud(machine)), policy=GATED), GATED)
    assert isinstance(only(plan.steps).order, Delete)
