"""The starter: a fleet in, a plan out."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
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
    fleet,
    instance,
    let_in,
    located,
    notes,
    only,
    published,
    record,
    ref,
    reserved,
    row,
    sighting,
    start_note,
    vm,
    wants,
)

from scaler.controllers import starter
from scaler.model.edges import Edge
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import (
    FailureClass,
    Instance,
    InstanceId,
    PowerState,
    ProvisioningState,
    ScaleSetName,
    SessionId,
    VmId,
)
from scaler.model.plan import Listing, Start, Step, Why
from scaler.model.policy import Capacity
from scaler.model.row import Notes, ReservedNote, Row, Snapshot, SpentNote, StartNote, Status
from scaler.model.sighting import Method, Sighting
from scaler.observe import Targets


def started(session: SessionId = MINE, attempts: int = 1, **age: Any) -> Notes:
    return notes(1, start=start_note(session, attempts, **age))


def steps_for(what: Row, *machines: Instance, look: Sighting | None = None) -> tuple[Step, ...]:
    sees = located(cloud(*machines, look=look or ASKED))
    return starter.decide(fleet(what, sees=sees), POLICY).steps


def refused_because(step: Step) -> Why:
    assert (edge(step), changed(step).spent is None, step.order) == (Edge.REFUSE, False, None)
    return step.why


# -- what it looks at


def test_without_reservations_azure_is_not_asked() -> None:
    assert wants(starter.decide, fleet(row(1, record(), notes())), POLICY) is None


def test_a_reservation_is_looked_at_by_the_notes_instance_id() -> None:
    noted = replace(ref(1), instance_id=InstanceId("77"))
    assert wants(starter.decide, fleet(reserved(notes(instance_id="77"))), POLICY) == Targets(refs=(noted,))


def crowd(*numbers: int, start: StartNote | None = None) -> list[Row]:
    return [reserved(notes(n, start=start), number=n) for n in numbers]


def looked_at(
    *rows: Row, part: starter.Part = starter.Part.ALL, lately: dict[VmId, datetime] | None = None
) -> set[VmId]:
    decide = partial(starter.decide, part=part)
    look = wants(decide, replace(fleet(*rows), looked_lately=lately or {}), POLICY)
    assert look is None or isinstance(look, Targets)
    return {each.vm_id for each in look.refs} if isinstance(look, Targets) else set()


@pytest.mark.parametrize(("waiting", "asked"), [(6, 6), (50, 50), (51, 50)])
def test_however_many_wait_to_be_started_nothing_is_listed_and_fifty_are_looked_at(waiting: int, asked: int) -> None:
    assert len(looked_at(*crowd(*range(waiting)))) == asked


def test_a_newcomer_is_looked_at_first_however_many_started_machines_are_due() -> None:
    due = crowd(*range(2, 40), start=start_note(seconds=60))
    look = wants(starter.decide, fleet(*due, *crowd(1)), POLICY)
    assert isinstance(look, Targets)
    assert look.refs[0] == ref(1)
    assert len(look.refs) == 1 + POLICY.max_gets


@pytest.mark.parametrize(("warm", "first"), [(True, 5), (False, 45)])
@pytest.mark.parametrize(("seconds", "looks"), [(-1, False), (0, True), (1, True)])
def test_a_started_machine_is_not_looked_at_before_it_may_run(
    warm: bool, first: int, seconds: int, looks: bool
) -> None:
    assert bool(looked_at(*crowd(1, start=start_note(seconds=first + seconds, warm=warm)))) is looks


@pytest.mark.parametrize(
    ("age", "warm", "every"), [(6, True, 1), (15.5, True, 1), (25, True, 5), (60, False, 5), (300, False, 5)]
)
@pytest.mark.parametrize(("seconds", "looks"), [(-0.1, False), (0, True), (1, True)])
def test_then_a_warm_one_is_looked_at_every_second_for_a_while_and_all_others_every_five(
    age: float, warm: bool, every: int, seconds: float, looks: bool
) -> None:
    lately = {vm(1): ago(seconds=every + seconds)}
    assert bool(looked_at(*crowd(1, start=start_note(seconds=age, warm=warm)), lately=lately)) is looks


@pytest.mark.parametrize("hours", [2, 0.01])
def test_a_redis_whose_clock_was_ahead_for_a_while_keeps_no_started_machine_from_being_looked_at(hours: float) -> None:
    assert looked_at(*crowd(1, start=start_note(hours=-hours)), lately={vm(1): ago(hours=-hours)}) == {vm(1)}


def test_of_many_started_machines_the_most_overdue_are_looked_at() -> None:
    rows = crowd(*range(20), start=start_note(seconds=100))
    lately = {vm(n): ago(seconds=10 + n) for n in range(20)}
    assert looked_at(*rows, lately=lately) == {vm(n) for n in range(10, 20)}


def test_an_unstarted_machine_that_cannot_be_started_now_is_looked_at_again_after_five_seconds() -> None:
    assert looked_at(*crowd(1), lately={vm(1): ago(seconds=4)}) == set()
    assert looked_at(*crowd(1), lately={vm(1): ago(seconds=5)}) == {vm(1)}


def test_starting_and_opening_are_two_parts_and_every_reserved_machine_is_in_one_of_them() -> None:
    unstarted, started = crowd(1, 2), crowd(3, 4, start=start_note(seconds=60))
    placeless = reserved(None, number=5)
    for others in ((), (placeless,)):
        assert looked_at(*unstarted, *started, *others, part=starter.Part.STARTS) == {vm(1), vm(2)}
    assert looked_at(*unstarted, *started, part=starter.Part.REST) == {vm(3), vm(4)}
    rest = partial(starter.decide, part=starter.Part.REST)
    assert wants(rest, fleet(placeless, *unstarted), POLICY) == Listing(urgent=False)


def test_a_reservation_without_a_session_id_takes_part_like_any_other() -> None:
    assert looked_at(reserved(notes(), None), part=starter.Part.STARTS) == {vm(1)}
    assert looked_at(reserved(started(SessionId(vm(1)), seconds=10), None)) == set()


def test_each_part_decides_about_its_own_machines_and_together_they_decide_what_the_whole_would() -> None:
    rows = (*crowd(1), *crowd(2, start=start_note(seconds=60)), *crowd(3, start=start_note(seconds=60, warm=True)))
    machines = (instance(1), instance(2, PowerState.RUNNING), instance(3, PowerState.RUNNING))
    sees = located(cloud(*machines, look=ASKED))
    starts, rest, whole = (
        starter.decide(fleet(*rows, sees=sees), POLICY, part).steps
        for part in (starter.Part.STARTS, starter.Part.REST, starter.Part.ALL)
    )
    assert [step.vm_id for step in starts] == [vm(1)]
    assert set(map(id, rest)).isdisjoint(map(id, starts))
    assert sorted((*starts, *rest), key=lambda each: str(each.vm_id)) == list(whole)


def test_while_more_are_due_than_one_tick_looks_at_the_next_tick_follows_at_once() -> None:
    rows = crowd(*range(11), start=start_note(seconds=60))
    assert starter.decide(fleet(*rows), POLICY).look_again == timedelta(0)
    assert starter.decide(fleet(*rows[:10]), POLICY).look_again == POLICY.look_every_warm  # nobody answered


def test_what_the_registry_decides_alone_needs_no_look() -> None:
    assert wants(starter.decide, fleet(reserved(notes(ended={MINE: Edge.RELEASE}))), POLICY) is None


@pytest.mark.parametrize("noted", [None, blank_notes(scale_set="")], ids=["lost", "placeless"])
def test_a_machine_that_no_notes_place_is_looked_for_in_a_listing_now_and_then(noted: Notes | None) -> None:
    assert wants(starter.decide, fleet(reserved(noted)), POLICY) == Listing(urgent=False)
    assert wants(starter.decide, fleet(reserved(noted), sees=Cloud(unlisted=frozenset({SCALE_SET}))), POLICY) is None


# -- starting


def test_a_reserved_machine_at_rest_gets_its_note_and_then_the_order() -> None:
    step = only(steps_for(reserved(notes()), instance(1)))
    assert isinstance(step.order, Start)
    assert changed(step).start == StartNote(session=MINE, at=NOW, attempts=1)


@pytest.mark.parametrize(
    ("machine", "noted"),
    [
        (instance(1, marked=False), notes()),
        (instance(1), blank_notes(admitting_at=NOW)),
        (instance(1, provisioning=ProvisioningState.FAILED, failure=FailureClass.ALLOCATION), notes()),
        (RUNNING, notes()),
        (instance(1), started(OTHER)),
        (instance(1), notes(spent=SpentNote(why=Edge.CONDEMN, at=NOW))),
    ],
    ids=["unmarked", "not admitted", "failed", "runs for nobody", "started for another", "spent"],
)
def test_an_unfit_machine_is_refused_and_not_started(machine: Instance, noted: Notes) -> None:
    assert refused_because(only(steps_for(reserved(noted), machine))) in {Why.TAINTED, Why.CANNOT_START}


def test_after_three_attempts_it_is_refused() -> None:
    assert refused_because(only(steps_for(reserved(started(attempts=3, minutes=1)), instance(1)))) is Why.CANNOT_START


# -- OPEN


def test_a_running_machine_with_this_sessions_start_note_is_opened() -> None:
    step = only(steps_for(reserved(started()), RUNNING))
    assert (edge(step), change_of(step).index, step.order) == (Edge.OPEN, Status.UNAVAILABLE, None)
    opened = changed(step).opened
    assert opened is not None
    assert (opened.session, opened.at, opened.record.session_id) == (MINE, NOW, MINE)


def test_open_goes_before_refuse_however_late() -> None:
    waits = ReservedNote(session=MINE, at=ago(hours=2))
    noted = replace(started(attempts=3, hours=2), reserved=waits)
    assert edges(steps_for(reserved(noted), RUNNING)) == [Edge.OPEN]


def test_a_machine_started_for_another_session_is_not_opened() -> None:
    assert refused_because(only(steps_for(reserved(started(OTHER)), RUNNING))) is Why.TAINTED


def test_a_machine_that_runs_and_stays_updating_is_waited_for_until_the_timeout() -> None:
    noted = replace(started(minutes=9), unsettled_at=ago(minutes=9))
    busy = instance(1, power=PowerState.RUNNING, provisioning=ProvisioningState.UPDATING)
    assert [step.why for step in steps_for(reserved(noted), busy)] == [Why.NOTED]


def test_a_machine_that_this_process_started_for_another_is_not_started_again() -> None:
    """A failover forgot the note; the process has not."""
    what = fleet(reserved(notes()), sees=cloud(instance(1), look=ASKED))
    remembers = replace(what, started_lately={ref(1).vm_id: OTHER})
    assert refused_because(only(starter.decide(remembers, POLICY).steps)) is Why.TAINTED


def test_a_machine_that_runs_but_is_still_updating_is_not_opened_yet() -> None:
    assert not edges(steps_for(reserved(started()), replace(RUNNING, provisioning=ProvisioningState.UPDATING)))


# -- late writes


def test_a_late_write_over_an_opened_session_is_undone_from_the_notes() -> None:
    opened = let_in(session=OTHER)["opened"]
    opened = replace(opened, record=replace(opened.record, client_ip="192.0.2.1"))
    step = only(steps_for(reserved(notes(opened=opened)), RUNNING))
    change = change_of(step)
    assert (step.why, change.record, change.index) == (Why.UNDONE_OPEN, opened.record, Status.UNAVAILABLE)
    assert (step.vm_id, step.facts["session"], step.facts["late"]) == (vm(1), OTHER, MINE)


def test_a_late_write_for_an_ended_session_is_spent_again_never_started() -> None:
    step = only(steps_for(reserved(notes(ended={MINE: Edge.RELEASE})), instance(1)))
    assert (step.why, published(step).used, step.order) == (Why.UNDONE_END, True, None)


def test_a_session_that_gave_up_is_abandoned() -> None:
    step = only(steps_for(reserved(started(), used=True), RUNNING))
    assert (edge(step), changed(step).ended) == (Edge.ABANDON, {MINE: Edge.ABANDON})


def test_a_refusal_writes_down_why_and_when_azure_showed_it() -> None:
    waits = ReservedNote(session=MINE, at=ago(hours=1), movable=False)
    step = only(steps_for(reserved(notes(reserved=waits)), instance(1, marked=False)))
    assert changed(step).spent == SpentNote(why=Edge.REFUSE, at=NOW, reason=step.why, seen_at=NOW)
    assert (changed(step).ended, published(step).updated_at) == ({MINE: Edge.REFUSE}, NOW)


NOWHERE = cloud(look=sighting())  # listed, and not there
STRANGERS = [
    cloud(instance(1), look=sighting(consent=False)),
    cloud(look=sighting(consent=False)),
    Cloud(unlisted=frozenset({SCALE_SET})),
]


@pytest.mark.parametrize("sees", [cloud(instance(1)), NOWHERE], ids=["seen", "nowhere"])
def test_a_reservation_of_a_machine_without_notes_is_refused_where_we_have_consent(sees: Cloud) -> None:
    assert refused_because(only(starter.decide(fleet(reserved(None), sees=sees), POLICY).steps)) is Why.TAINTED


@pytest.mark.parametrize("sees", STRANGERS, ids=["seen", "nowhere", "not listed"])
def test_a_strangers_reservation_is_left_alone_until_its_timeout(sees: Cloud) -> None:
    for what in (reserved(None), reserved(None, used=True)):
        step = only(starter.decide(fleet(what, sees=sees), POLICY).steps)
        assert (step.why, step.order) == (Why.NOTED, None)
        assert changed(step).reserved == ReservedNote(session=what.readable.session_id, at=NOW)  # type: ignore[union-attr]


def test_a_later_session_on_a_strangers_machine_waits_anew() -> None:
    noted = blank_notes(scale_set="", reserved=ReservedNote(session=OTHER, at=ago(hours=1)))
    assert only(starter.decide(fleet(reserved(noted), sees=STRANGERS[0]), POLICY).steps).why is Why.NOTED


def test_consent_of_one_scale_set_is_no_word_about_a_machine_of_another() -> None:
    other = ScaleSetName("other")
    mixed = Cloud(listings={SCALE_SET: sighting(), other: sighting(scale_set=other, consent=False)})
    both = replace(POLICY, capacity={**POLICY.capacity, other: Capacity(desired=1)})
    plan = starter.decide(Fleet.join(Snapshot(now=NOW, rows={vm(1): reserved(None)}), mixed, both), both)
    assert only(plan.steps).why is Why.NOTED


PLACELESS = blank_notes(
    scale_set="", unique_id="", instance_id="", reserved=ReservedNote(session=MINE, at=ago(seconds=30))
)


@pytest.mark.parametrize("noted", [None, PLACELESS])
def test_whoever_gave_up_an_unknown_machine_gave_up_and_was_not_refused(noted: Notes | None) -> None:
    gave_up = reserved(noted, used=True)
    assert edges(starter.decide(fleet(gave_up, sees=cloud(instance(1))), POLICY).steps) == [Edge.ABANDON]


@pytest.mark.parametrize("session", [MINE, None])
@pytest.mark.parametrize(("used", "movable"), [(True, False), (False, False), (False, True)])
def test_a_strangers_reservation_that_was_noted_is_still_left_alone(
    session: SessionId | None, used: bool, movable: bool
) -> None:
    waits = ReservedNote(session=session or SessionId(vm(1)), at=ago(seconds=30), movable=movable)
    noted = replace(PLACELESS, reserved=waits)
    theirs = reserved(noted, session, used=used)
    assert starter.decide(fleet(theirs, sees=cloud(instance(1), look=sighting(consent=False))), POLICY).steps == ()


# -- gone, and time-outs


def test_a_gone_machine_is_refused_on_the_second_witness() -> None:
    asked = Cloud(asked={vm(1): ASKED})
    first = only(starter.decide(fleet(reserved(notes()), sees=asked), POLICY).steps)
    assert first.why is Why.MISSED
    second = starter.decide(fleet(reserved(notes(missed_at=NOW - POLICY.witness_gap)), sees=asked), POLICY)
    assert refused_because(only(second.steps)) is Why.GONE


def test_a_reservation_whose_scale_set_is_configured_no_more_is_refused_at_once() -> None:
    assert refused_because(only(steps_for(reserved(notes(scale_set="another"))))) is Why.TAINTED


def test_the_clock_of_a_wait_starts_when_we_first_know_of_it_not_by_a_strangers_time() -> None:
    what = reserved(notes(), updated_at=ago(hours=9))
    assert changed(only(steps_for(what))).reserved == ReservedNote(session=MINE, at=NOW)


def test_without_consent_nothing_is_started() -> None:
    steps = steps_for(reserved(notes()), instance(1), look=sighting(Method.TARGETED, consent=False))
    assert [step.order for step in steps] == [None]


@pytest.mark.parametrize(("warm", "seconds"), [(True, 5), (False, 45)])
def test_a_started_machine_is_looked_at_when_it_may_run(warm: bool, seconds: int) -> None:
    """Whatever its record says of its warmth: a naive queue manager drops that."""
    power = PowerState.STOPPED if warm else PowerState.DEALLOCATED
    seen = cloud(instance(1, power=power), look=ASKED)
    plan = starter.decide(fleet(reserved(notes(), warm=not warm), sees=seen), POLICY)
    assert plan.look_again == timedelta(seconds=seconds)
