"""The history: what a minute's ticks leave in Redis, and that nothing of it may disturb a tick."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOW, POLICY, SCALE_SET, cloud, fleet, instance, let_in, notes, record, reserved, row, start_note

from scaler.history import History
from scaler.model.capacity import Wanted
from scaler.model.edges import Actor, Edge
from scaler.model.history import Sample
from scaler.model.lifecycle import Change
from scaler.model.plan import Plan, Step, Why
from scaler.model.row import Notes, ReservedNote
from scaler.report import Outcome, Report, Result

S, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
WANTED = {SCALE_SET: Wanted(machines=4, why="so", facts={})}
LOOK = cloud(instance(1), instance(2))
BLIND = Report(plan=Plan(), fleet=fleet())
SEES = Report(plan=Plan(), cloud=LOOK, fleet=fleet(row(1, record(1), notes(1)), sees=LOOK))


def at(report: Report, after: timedelta) -> Report:
    """The same tick so much later."""
    assert report.fleet is not None
    return replace(report, fleet=replace(report.fleet, now=NOW + after))


def took(edge: Edge, noted: Notes, result: Result = Result.DONE) -> Report:
    """A tick of the starter that took one step."""
    step = Step(why=Why.BELOW_DESIRED, change=Change(row=reserved(noted), edge=edge, notes=noted))
    return replace(BLIND, outcomes=(Outcome(step=step, result=result),))


def opened(seconds: int, *, warm: bool) -> Report:
    """A visitor was let in who had waited for so long."""
    noted = replace(notes(**let_in(seconds=0)), start=start_note(warm=warm))
    assert noted.opened is not None
    since = ReservedNote(session=None, at=noted.opened.at - seconds * S)
    return took(Edge.OPEN, replace(noted, reserved=since))


def left(*heard: tuple[Actor, Report]) -> list[Sample]:
    """The samples that these ticks have left."""
    history = History(POLICY, MINUTE)
    heard_of = (history.hear(name, report, WANTED) for name, report in heard)
    return [sample for sample in heard_of if sample is not None]


def test_a_sample_is_left_when_the_next_minute_begins_and_tells_of_its_first_look() -> None:
    reconciler = Actor.RECONCILER
    ticks = [(reconciler, BLIND), (reconciler, at(SEES, S)), (reconciler, at(BLIND, 2 * S))]
    assert left(*ticks) == []
    (sample,) = left(*ticks, (reconciler, at(SEES, MINUTE)))
    assert (sample.controller, sample.at, sample.machines, sample.wanted) == (
        reconciler,
        NOW,
        {"ready": 1, "stranger": 1},
        4,
    )
    assert sample.cost is None


def test_waits_are_told_by_tier_and_a_lost_race_is_no_visitor() -> None:
    ticks = [opened(100, warm=False), opened(9, warm=True), opened(7, warm=True), took(Edge.REFUSE, notes())]
    ticks += [replace(took(edge, notes()), outcomes=()) for edge in (Edge.OPEN, Edge.REFUSE)]
    ticks.append(took(Edge.REFUSE, notes(), Result.LOST_RACE))
    (sample,) = left(*((Actor.STARTER, tick) for tick in ticks), (Actor.STARTER, at(BLIND, MINUTE)))
    assert (sample.waits, sample.refused) == ({"cold": (100.0,), "warm": (9.0, 7.0)}, 1)


def test_an_empty_minute_is_no_sample_and_the_other_controllers_leave_none() -> None:
    later = at(SEES, MINUTE)
    assert left((Actor.STARTER, BLIND), (Actor.STARTER, later), (Actor.CLEANER, SEES), (Actor.CLEANER, later)) == []
    assert left((Actor.RECONCILER, replace(SEES, fleet=None)), (Actor.RECONCILER, later)) == []


def test_a_minute_has_a_bounded_number_of_waits() -> None:
    ticks = [(Actor.STARTER, opened(number, warm=True)) for number in range(600)]
    (sample,) = left(*ticks, (Actor.STARTER, at(BLIND, MINUTE)))
    assert len(sample.waits["warm"]) == 500


@pytest.mark.parametrize(("seconds", "samples"), [(59, 0), (60, 1), (61, 1)])
def test_minutes_are_those_of_the_clock_of_redis(seconds: int, samples: int) -> None:
    assert len(left((Actor.RECONCILER, SEES), (Actor.RECONCILER, at(SEES, seconds * S)))) == samples
