"""SCALER_END_WHEN=unhealthy: a session ends where two looks, far enough apart, show its machine unhealthy."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import (
    ASKED,
    MINE,
    NOW,
    POLICY,
    SCALE_SET,
    S,
    ago,
    blank_notes,
    changed,
    cloud,
    fleet,
    instance,
    notes,
    only,
    record,
    ref,
    reserved,
    row,
    sighting,
    unavailable,
    vm,
    wants,
)

from scaler.controllers import cleaner, reconciler, starter
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud
from scaler.model.instance import Health, HealthState, Instance, PowerState, SessionId
from scaler.model.plan import Delete, Plan, Step, Why
from scaler.model.policy import EndWhen
from scaler.model.row import Notes, OpenedNote, ReservedNote, Row, StartNote, Status
from scaler.model.sighting import Sighting
from scaler.observe import Targets

ENDS = replace(POLICY, end_when={SCALE_SET: EndWhen.UNHEALTHY})
NOBODY = "last player left 130 s ago"
UNHEALTHY = Health(state=HealthState.UNHEALTHY, at=NOW - 30 * S, said=NOBODY)
LISTED = sighting()


def shows(health: Health | None = UNHEALTHY, number: int = 1, power: PowerState = PowerState.RUNNING) -> Instance:
    return instance(number, power, health=health)


def let_in(minutes: float = 30, number: int = 1, **fields: object) -> Notes:
    at = ago(minutes=minutes)
    start = StartNote(session=MINE, at=at - 60 * S, attempts=1, seen_at=at - 60 * S)
    inside = record(number, Status.UNAVAILABLE, session_id=MINE)
    opened = OpenedNote(session=MINE, at=at, seen_at=at - S, record=inside)
    return replace(notes(number, start=start, opened=opened), **fields)  # type: ignore[arg-type]


def witnessed(noted: Notes, seconds: float = 300) -> Notes:
    return replace(noted, unhealthy_at=ago(seconds=seconds), unhealthy_noted_at=ago(seconds=seconds))


def steps_for(noted: Notes, machine: Instance, look: Sighting = ASKED, **policy: object) -> tuple[Step, ...]:
    world = fleet(unavailable(noted), sees=cloud(machine, look=look), policy=ENDS)
    return cleaner.decide(world, replace(ENDS, **policy)).steps  # type: ignore[arg-type]


def test_as_shipped_no_health_ends_a_session() -> None:
    assert steps_for(witnessed(let_in()), shows(), end_when={}) == ()
    assert steps_for(let_in(), shows(), end_when={SCALE_SET: EndWhen.RELEASED}) == ()


def test_the_first_look_is_only_noted_with_what_the_machine_says() -> None:
    step = only(steps_for(let_in(), shows(), LISTED))
    assert (step.why, step.order, step.facts) == (Why.SEEN_UNHEALTHY, None, {"guest": NOBODY})
    assert (changed(step).unhealthy_at, changed(step).unhealthy_noted_at) == (NOW, NOW)


@pytest.mark.parametrize(("seconds", "ends"), [(-1, 0), (0, 1), (1, 1)])
def test_the_second_look_ends_the_session_and_orders_the_delete(seconds: int, ends: int) -> None:
    noted = witnessed(let_in(), ENDS.health_gap.total_seconds() + seconds)
    steps = steps_for(noted, shows())
    assert len(steps) == ends
    for step in steps:
        spent = changed(step).spent
        assert spent is not None
        assert isinstance(step.order, Delete)
        assert (step.edge, spent.reason, spent.said) == ("EXPIRE", Why.UNHEALTHY, NOBODY)
        assert changed(step).ended == {MINE: Edge.EXPIRE}


@pytest.mark.parametrize(("seconds", "asks"), [(-1, False), (0, True), (1, True)])
def test_the_second_look_waits_for_no_further_listing(seconds: int, asks: bool) -> None:
    noted = witnessed(let_in(), ENDS.health_gap.total_seconds() + seconds)
    put_off = fleet(unavailable(noted), sees=Cloud(unlisted=frozenset({SCALE_SET})))
    assert (wants(cleaner.decide, put_off, ENDS) == Targets(refs=(ref(1),))) is asks
    assert wants(cleaner.decide, put_off, POLICY) is None, "the setting was taken back"


def test_the_second_look_is_a_targeted_get() -> None:
    assert steps_for(witnessed(let_in()), shows(), LISTED) == ()


@pytest.mark.parametrize(
    "machine",
    [
        shows(None),
        shows(Health(state=HealthState.HEALTHY, at=NOW)),
        shows(Health(state=HealthState.INITIALIZING, at=NOW)),
        shows(Health(state=HealthState.UNKNOWN, at=NOW)),
        shows(Health(state=HealthState.UNHEALTHY)),
        shows(replace(UNHEALTHY, at=ago(hours=5))),
        shows(power=PowerState.UNKNOWN),
    ],
    ids=["absent", "healthy", "initializing", "unknown", "of no time", "of an earlier run", "no power state"],
)
@pytest.mark.parametrize("look", [ASKED, LISTED], ids=["asked", "listed"])
def test_any_other_word_is_no_witness_and_erases_the_first(machine: Instance, look: Sighting) -> None:
    assert [step for step in steps_for(let_in(), machine, look) if step.why is Why.SEEN_UNHEALTHY] == []
    step = only(steps_for(witnessed(let_in()), machine, look))
    assert (step.edge, changed(step).unhealthy_at, changed(step).unhealthy_noted_at) == ("", None, None)


@pytest.mark.parametrize(("later", "counts"), [(0, False), (0.9, False), (1, True)])
def test_a_word_is_later_than_the_look_before_the_start_only_by_a_whole_second(later: float, counts: bool) -> None:
    look = let_in().start
    assert look is not None
    assert look.seen_at is not None
    word = Health(state=HealthState.UNHEALTHY, at=look.seen_at + later * S)
    steps = steps_for(let_in(), shows(word))
    assert [step.why for step in steps if step.why is Why.SEEN_UNHEALTHY] == [Why.SEEN_UNHEALTHY] * counts


def test_rest_erases_it_too() -> None:
    step = only(steps_for(witnessed(let_in()), shows(power=PowerState.STOPPED)))
    assert (step.why, changed(step).unhealthy_at) == (Why.RESTS, None)


@pytest.mark.parametrize(("seconds", "counts"), [(-1, 0), (0, 1), (1, 1)])
def test_no_look_counts_before_the_visitor_had_time_to_connect(seconds: int, counts: int) -> None:
    minutes = (ENDS.connect_timeout + seconds * S) / timedelta(minutes=1)
    assert len(steps_for(let_in(minutes), shows(), LISTED)) == counts


@pytest.mark.parametrize(("seconds", "counts"), [(-1, 0), (0, 1), (1, 1)])
def test_the_time_to_connect_is_over_when_redis_is_read_before_the_look(seconds: int, counts: int) -> None:
    """Reading and a slow look lie between the two: the look may be older than the decision."""
    minutes = (ENDS.connect_timeout + (25 + seconds) * S) / timedelta(minutes=1)
    read = replace(
        fleet(unavailable(let_in(minutes)), sees=cloud(shows(), look=sighting(age=5 * S))), since_read=20 * S
    )
    assert len(cleaner.decide(read, ENDS).steps) == counts


def test_the_time_to_connect_is_over_by_azures_clock_too() -> None:
    noted = let_in(30)
    assert noted.opened is not None
    behind = replace(noted, opened=replace(noted.opened, seen_at=ago(seconds=30)))
    assert steps_for(behind, shows(), LISTED) == ()


def test_a_presumed_session_has_its_time_from_then_on_and_is_deleted_though_nobody_knows_its_name() -> None:
    def presumed(minutes: float) -> Notes:
        return blank_notes(1, presumed_at=ago(minutes=minutes), presumed_seen_at=ago(minutes=minutes))

    young = Health(state=HealthState.UNHEALTHY, at=NOW)
    assert steps_for(presumed(1.9), shows(young), LISTED) == ()
    assert only(steps_for(presumed(2), shows(young), LISTED)).why is Why.SEEN_UNHEALTHY
    assert isinstance(only(steps_for(witnessed(presumed(9)), shows(young))).order, Delete)


def test_a_session_that_was_presumed_after_its_opening_has_its_time_from_the_later_of_both() -> None:
    noted = let_in(30, presumed_at=ago(minutes=1), presumed_seen_at=ago(minutes=1))
    assert steps_for(noted, shows(), LISTED) == ()


def test_what_is_neither_opened_nor_presumed_does_not_end_by_health() -> None:
    assert only(steps_for(witnessed(notes(1)), shows())).edge == ""
    assert steps_for(notes(1), shows()) == ()


def test_a_held_machine_ends_its_session_and_is_kept() -> None:
    noted = witnessed(let_in(held_until=NOW + timedelta(minutes=30)))
    step = only(steps_for(noted, shows()))
    assert (step.edge, step.order) == ("EXPIRE", None)


def test_a_start_an_open_and_a_presumption_erase_the_first_look() -> None:
    waits = ReservedNote(session=MINE, at=ago(minutes=9))
    noted = witnessed(replace(let_in(), opened=None, reserved=waits, start=None), 9)
    rests = fleet(reserved(noted), sees=cloud(instance(), look=ASKED))
    assert changed(only(starter.decide(rests, ENDS).steps)).unhealthy_at is None
    started = replace(noted, start=StartNote(session=MINE, at=ago(minutes=1), attempts=1, seen_at=ago(minutes=2)))
    runs = cloud(shows(), look=ASKED).with_addresses({vm(1): None})
    opens = replace(ENDS, address_patience=timedelta(0))
    assert (
        changed(starter.decide(fleet(reserved(started), sees=runs, policy=opens), opens).steps[0]).unhealthy_at is None
    )
    lost = witnessed(notes(1, admitted_at=ago(minutes=9), start=started.start))
    doubtful = row(1, record(), lost)
    presumed = only(reconciler.decide(fleet(doubtful, sees=cloud(shows()), policy=ENDS), ENDS).steps)
    assert (presumed.edge, changed(presumed).unhealthy_at) == ("PRESUME", None)


def test_the_start_note_knows_the_look_at_rest_where_health_ends_sessions_and_is_as_before_elsewhere() -> None:
    waits = ReservedNote(session=MINE, at=ago(seconds=1))
    rests = fleet(reserved(notes(1, reserved=waits)), sees=cloud(instance(), look=ASKED))
    for policy, seen_at in ((ENDS, NOW), (POLICY, None)):
        start = changed(only(starter.decide(rests, policy).steps)).start
        assert start is not None
        assert start.seen_at == seen_at


# -- many at once


def many(number: int, said: Health = UNHEALTHY) -> Plan:
    rows: list[Row] = []
    for each in range(1, number + 1):
        session = SessionId(f"s-{each}")
        noted = witnessed(let_in(number=each))
        assert noted.opened is not None
        assert noted.start is not None
        opened = replace(noted.opened, session=session, record=record(each, Status.UNAVAILABLE, session_id=session))
        noted = replace(noted, opened=opened, start=replace(noted.start, session=session))
        rows.append(unavailable(noted, session, number=each))
    machines = [shows(said, each) for each in range(1, number + 1)]
    return cleaner.decide(fleet(*rows, sees=cloud(*machines, look=ASKED), policy=ENDS), ENDS)


@pytest.mark.parametrize(("number", "ended"), [(2, 2), (3, 3), (4, 3), (20, 3), (50, 5)])
def test_many_at_once_are_held_back_with_an_alarm(number: int, ended: int) -> None:
    plan = many(number)
    assert sum(step.edge == "EXPIRE" for step in plan.steps) == ended
    alarms = [(held.why, held.facts) for held in plan.refusals if held.alarm]
    assert alarms == ([(Why.MANY_UNHEALTHY, {"ended": ended, "held": number - ended})] if number > ended else [])
