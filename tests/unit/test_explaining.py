"""The story of a machine, and what comes next by the real controllers, if nothing happens meanwhile."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import (
    ASKED,
    MINE,
    NOW,
    POLICY,
    RUNNING,
    SCALE_SET,
    S,
    blank_notes,
    cloud,
    fleet,
    instance,
    let_in,
    notes,
    record,
    reserved,
    row,
    unavailable,
)

from scaler.cli.explaining import MEANS, explained, means, waits
from scaler.cli.explaining_capacity import numbers
from scaler.cli.forecast import Expected, expected
from scaler.cli.overview import noted
from scaler.cli.story import azure_ahead, story
from scaler.model.capacity import Demand, Use
from scaler.model.edges import Actor, Edge
from scaler.model.fleet import Fleet
from scaler.model.instance import Health, HealthState, Instance, PowerState, ProvisioningState
from scaler.model.plan import Plan, Why
from scaler.model.policy import Capacity, Policy, ReadyWhen
from scaler.model.row import (
    DeleteNote,
    HeatedNote,
    Notes,
    OpenedNote,
    OpeningNote,
    ReservedNote,
    Row,
    SpentNote,
    StartNote,
)
from scaler.model.sighting import Pause, Sighting
from scaler.model.standing import Standing
from scaler.report import Report

STARTING = instance(power=PowerState.STARTING, provisioning=ProvisioningState.UPDATING)
DELETING = instance(power=PowerState.DEALLOCATED, provisioning=ProvisioningState.DELETING)


def world(known: Row, machine: Instance) -> Fleet:
    """A fleet of one machine, shown by a targeted GET."""
    return fleet(known, sees=cloud(machine, look=ASKED))


def next_of(known: Row, machine: Instance, policy: Policy = POLICY) -> Expected | None:
    """What comes next of it."""
    return expected(world(known, machine), policy, known.vm_id)


def opened(**fields: object) -> Notes:
    """Somebody was let in a minute ago."""
    return notes(1, opened=OpenedNote(session=MINE, at=NOW - 60 * S, record=record(), seen_at=NOW - 60 * S), **fields)


def started(ago: int, *, movable: bool = False) -> Row:
    """It was started for a visitor so many seconds ago."""
    at = NOW - ago * S
    waits = ReservedNote(session=MINE, at=at, movable=movable)
    return reserved(notes(1, reserved=waits, start=StartNote(session=MINE, at=at, attempts=1), unsettled_at=at))


def test_a_ready_machine_waits_for_a_visitor_and_for_no_controller() -> None:
    assert next_of(row(1, record(), notes(1)), instance()) is None


def test_a_session_ends_at_its_limit_and_its_grace_to_the_second() -> None:
    found = next_of(unavailable(opened()), RUNNING)
    assert found is not None
    assert found.after == POLICY.session_limit + POLICY.expiry_grace - 60 * S
    assert (found.controller, found.step.edge, found.step.why) == (Actor.CLEANER, Edge.EXPIRE.name, Why.LIMIT)


def test_a_session_among_many_ends_at_its_own_limit_although_a_tick_ends_few() -> None:
    rows = [unavailable(notes(number, **let_in(number, minutes=13 - number)), number=number) for number in range(1, 13)]
    sees = cloud(*(instance(number, power=PowerState.RUNNING) for number in range(1, 13)), look=ASKED)
    youngest = rows[-1].vm_id
    found = expected(fleet(*rows, sees=sees), POLICY, youngest)
    assert found is not None
    assert (found.step.edge, found.step.why) == (Edge.EXPIRE.name, Why.LIMIT)
    assert found.after == POLICY.session_limit + POLICY.expiry_grace - 60 * S
    over = fleet(*rows, sees=sees, now=NOW + timedelta(days=1))
    assert waits(explained(over, youngest, POLICY)).startswith("for the next tick of the cleaner: EXPIRE")


def test_a_session_without_a_limit_is_ended_by_nobody() -> None:
    assert next_of(unavailable(opened()), RUNNING, replace(POLICY, session_limit=timedelta(0))) is None


@pytest.mark.parametrize("ago", [0, 7, 200])
def test_a_start_that_hangs_ends_at_its_time_out(ago: int) -> None:
    found = next_of(started(ago), STARTING)
    assert found is not None
    assert found.after == POLICY.start_timeout - ago * S  # its queue manager would not follow it to another machine
    assert (found.controller, found.step.edge) == (Actor.STARTER, Edge.REFUSE.name)


def test_with_another_machine_there_a_session_that_follows_is_moved_to_it() -> None:
    known, other = started(7, movable=True), row(2, record(2), notes(2))
    found = expected(fleet(known, other, sees=cloud(STARTING, instance(2), look=ASKED)), POLICY, known.vm_id)
    assert found is not None
    assert (found.after, found.step.edge) == (POLICY.start_timeout - 7 * S, Edge.MOVE.name)
    alone = next_of(known, STARTING)
    assert alone is not None
    assert (alone.after, alone.step.edge) == (POLICY.reservation_timeout - 7 * S, Edge.REFUSE.name)


def test_what_is_due_now_is_due_now_and_bookkeeping_is_no_news() -> None:
    spent = unavailable(opened(ended={MINE: Edge.RELEASE}, spent=SpentNote(why=Edge.RELEASE, at=NOW)), used=True)
    found = next_of(spent, RUNNING)
    assert found is not None
    assert (found.after, found.controller, found.step.order_name) == (0 * S, Actor.CLEANER, "Delete")
    # the note that it is seen deleting now is due at once; the step that ends the wait is counted from that note on
    ordered = DeleteNote(at=NOW - 10 * S, attempts=1)
    deleting = unavailable(
        opened(ended={MINE: Edge.RELEASE}, spent=SpentNote(why=Edge.RELEASE, at=NOW), delete=ordered), used=True
    )
    again = next_of(deleting, DELETING)
    assert again is not None
    assert (again.after, again.step.why) == (POLICY.delete_lost, Why.DELETE_OVERDUE)


def test_the_story_is_in_order_by_one_clock_however_far_the_clocks_are_apart() -> None:
    ahead = timedelta(minutes=5)
    waited = ReservedNote(session=MINE, at=NOW - 70 * S)
    life = opened(
        found_at=None,
        mark_asked_at=NOW - 100 * S,
        mark_seen_at=NOW - 95 * S + ahead,  # by Azure's clock
        admitted_at=NOW - 90 * S,
        reserved=waited,
        start=StartNote(session=MINE, at=NOW - 69 * S, attempts=2, warm=True),
    )
    look = replace(ASKED, at=NOW + ahead)
    seen = fleet(unavailable(life), sees=cloud(replace(RUNNING, created_at=NOW - 300 * S + ahead), look=look))
    (machine,) = seen.machines
    assert azure_ahead(machine) == ahead
    assert machine.stored.notes == life
    told = [(round((NOW - event.at).total_seconds()), event.said) for event in story(machine)]
    assert told == [
        (300, "created in Azure"),
        (100, "its mark was ordered"),
        (95, "its mark was seen in Azure"),
        (90, "offered to visitors (ADMIT)"),
        (70, f"reserved for session {MINE} (RESERVE)"),
        (69, f"warm start ordered 2 times for session {MINE}"),
        (60, f"opened to session {MINE} (OPEN)"),
    ]


@pytest.mark.parametrize(("early", "first"), [(1, "ordered"), (2, "seen in Azure")])
def test_what_follows_within_a_second_is_told_in_turn_although_azure_rounds_its_clock(early: int, first: str) -> None:
    asked = NOW - 100 * S
    life = notes(1, found_at=None, mark_asked_at=asked, mark_seen_at=asked - early * S, admitted_at=None)
    (machine,) = world(row(1, record(), life), instance()).machines
    marks = [event for event in story(machine) if event.said.startswith("its mark")]
    assert marks[0].said == f"its mark was {first}"
    assert marks == sorted(marks, key=lambda event: event.at)


def test_that_a_hot_machine_began_to_run_is_told_once() -> None:
    """The note of the start has it from the note of the heating."""
    run = HeatedNote(at=NOW - 90 * S, seen_at=NOW - 90 * S, boots_at=NOW - 80 * S, ready_at=NOW - 60 * S)
    start = StartNote(session=MINE, at=NOW - 10 * S, attempts=1, hot=True, boots_at=run.boots_at)
    (machine,) = world(reserved(notes(1, heated=run, start=start)), instance()).machines
    assert [event.said for event in story(machine) if event.at == run.boots_at] == [
        "it runs, heated, and is not ready yet"
    ]


@pytest.mark.parametrize(
    ("hot", "seen", "attempts", "said"),
    [
        (True, 90, 1, "taken hot"),
        (False, 90, 1, "taken on its way to hot"),
        (False, 20, 1, "warm start ordered once"),  # it rested again
        (False, 20, 2, "warm start ordered 2 times"),
    ],
)
def test_a_session_that_took_a_heated_machine_is_no_start(hot: bool, seen: int, attempts: int, said: str) -> None:
    """The note of the start has its look from the note of the heating, whose order it was."""
    run = HeatedNote(at=NOW - 90 * S, seen_at=NOW - 90 * S, warm=True)
    start = StartNote(session=MINE, at=NOW - 10 * S, attempts=attempts, warm=True, hot=hot, seen_at=NOW - seen * S)
    (machine,) = world(reserved(notes(1, heated=run, start=start)), instance()).machines
    (told,) = [event.said for event in story(machine) if event.at == start.at]
    assert told.replace(",", "") == f"{said} for session {MINE}"
    assert next(noted(machine)) == said


def test_every_note_with_a_time_is_in_the_story() -> None:
    """A note that is added to the model is told to operators, too."""
    times = {name for name, hint in Notes.__annotations__.items() if "datetime" in str(hint)}
    same_event = {"found_noted_at", "mark_noted_at", "presumed_seen_at", "missed_noted_at", "rest_noted_at"}
    same_event |= {"unhealthy_noted_at"}
    for name in times - same_event - {"admitting_at"}:  # a wait begins, and nothing has happened
        noted = blank_notes(1, **{"found_at": None, name: NOW - 10 * S})
        (machine,) = world(row(1, record(), noted), instance()).machines
        assert [event for event in story(machine) if event.at == NOW - 10 * S], name


def test_the_machines_that_there_are_add_up_without_those_being_deleted() -> None:
    counts = Counter({Use.IN_USE: 1, Use.READY: 2, Use.LEAVING: 1})
    demand = Demand(since=NOW, at=NOW, capacity=Capacity(), uses={}, counts=counts)
    report = Report(plan=Plan(), cloud=replace(cloud(), demand={SCALE_SET: demand}))
    assert numbers(SCALE_SET, report, POLICY, None)["there_are"] == "3 machines: 1 in use, 2 ready; and 1 being deleted"


def test_every_standing_is_said_in_plain_words() -> None:
    assert set(MEANS) == set(Standing)


def test_what_each_controller_decides_now_is_told_with_its_reason() -> None:
    told = explained(world(reserved(notes(1)), instance()), reserved(notes(1)).vm_id, POLICY)
    assert {name: [each.why for each in decided] for name, decided in told.now.items()} == {
        Actor.PROVISIONER: [],
        Actor.RECONCILER: [],
        Actor.STARTER: [Why.RESERVED],
        Actor.CLEANER: [],
    }


@pytest.mark.parametrize(
    ("look", "reason"),
    [
        (replace(ASKED, consent=False), f"{Why.NO_CONSENT} (scale_set={SCALE_SET} pause=none)"),
        (replace(ASKED, pause=Pause.ALL), f"{Why.PAUSED} (scale_set={SCALE_SET} pause=all)"),
    ],
)
def test_without_permission_the_reason_is_told_with_what_would_be_done(look: Sighting, reason: str) -> None:
    spent = opened(ended={MINE: Edge.RELEASE}, spent=SpentNote(why=Edge.RELEASE, at=NOW))
    known = unavailable(spent, used=True)
    told = explained(fleet(known, sees=cloud(RUNNING, look=look)), known.vm_id, POLICY)
    assert waits(told) == f"until the scaler may act: {reason}"
    (would,) = told.in_words[Actor.CLEANER]
    assert would.startswith(f"with permission: Delete: {Why.RIPE}")
    ready = fleet(row(1, record(), notes(1)), sees=cloud(instance(), look=look))
    assert waits(explained(ready, known.vm_id, POLICY)) == "for a visitor, for as long as it takes"


def test_a_session_that_waits_for_healthy_is_told_until_when_and_what_then() -> None:
    policy = replace(POLICY, ready_when={SCALE_SET: ReadyWhen.HEALTHY})
    sick = instance(power=PowerState.RUNNING, health=Health(state=HealthState.UNHEALTHY, at=NOW))
    known = started(60)
    assert known.notes is not None
    assert known.notes.start is not None
    booting = replace(known.notes, start=replace(known.notes.start, boots_at=NOW - 60 * S), unsettled_at=None)
    told = explained(world(replace(known, notes=booting), sick), known.vm_id, policy)
    assert means(told) == "a session waits for it; it runs; waits for Healthy until 12:04:00"
    assert waits(told).startswith("at most 4m, until 2026-01-01 12:04:00; then the starter: REFUSE: it runs, and did")
    ready = replace(booting, opening=OpeningNote(session=MINE, at=NOW))
    assert "is Healthy: to be opened" in means(explained(world(replace(known, notes=ready), sick), known.vm_id, policy))
