"""The evaluation row: settings, machines, steps and refusals of a controller; once a minute, and at once for news."""

from dataclasses import replace
from typing import Any

import pytest
from builders import NOW, ago, instance, notes, record, ref, row, sighting, vm

from scaler import VERSION
from scaler.actuate import Outcome, Result
from scaler.errors import OutOfCapacity, Throttled
from scaler.model.fleet import Cloud, Fleet
from scaler.model.instance import PowerState, ScaleSetName, SessionId
from scaler.model.plan import Plan, Refusal, Start, Step, Why
from scaler.model.policy import Capacity, Policy
from scaler.model.row import ReservedNote, Row, Snapshot, Status
from scaler.model.sighting import Pause
from scaler.report import Report
from scaler.telemetry.evaluation import Evaluations

PIXELS = ScaleSetName("vmss-pixels")
POLICY = Policy(capacity={PIXELS: Capacity(desired=3, warm=1)})
START = Step(why=Why.RESERVED, vm_id=vm(1), order=Start(ref=ref(1), rests_on=sighting()))
IDLE = Report(plan=Plan())


def held(why: Why, number: int = 1) -> Report:
    return Report(plan=Plan(refusals=(Refusal(why=why),) * number))


def did(result: Result, error: OutOfCapacity | None = None) -> Report:
    return Report(plan=Plan(), outcomes=(Outcome(step=START, result=result, error=error),))


def two_machines() -> Report:
    """One reserved and deallocated, one new and running; Redis knows the first alone."""
    look = sighting(capacity=3)
    machines = instance(1, power=PowerState.DEALLOCATED), instance(2, power=PowerState.RUNNING, marked=False)
    cloud = Cloud(listings={PIXELS: look}).showing(look, *machines)
    ann = record(1, Status.RESERVED, session_id=SessionId("ann"))
    since = ReservedNote(session=SessionId("ann"), at=ago(seconds=90))
    rows = {vm(1): row(1, ann, notes(reserved=since))}
    return Report(plan=Plan(), cloud=cloud, fleet=Fleet.join(Snapshot(now=NOW, rows=rows), cloud, POLICY))


def facts(evaluations: Evaluations, report: Report, seconds: float) -> Any:
    found = evaluations.row(report, seconds)
    assert found is not None
    return found[1]


def test_it_counts_machines_by_standing_and_power_beside_what_was_wanted() -> None:
    said = facts(Evaluations("starter", POLICY), two_machines(), 0)
    assert said["scale_sets"] == {
        "vmss-pixels": {
            "wanted": 3,
            "because": "3 machines, in use or not",
            "demand": {"mode": "fixed", "in use": 0, "ready": 0, "coming": 0, "lost": 0, "leaving": 0},
            "wanted_warm": 1,
            "capacity": 3,
            "consent": True,
            "pause": "none",
            "offered": 0,
            "longest_wait_s": 90.0,
            "standing": {"reserved": 1, "new": 1},
            "power": {"deallocated": 1, "running": 1},
        }
    }


@pytest.mark.parametrize(
    ("stored", "offered", "waited"),
    [
        (row(1, record(), notes()), 1, None),
        (row(1, record(1, Status.RESERVED), notes()), 0, None),  # reserved, and not noted yet
        (row(1, record(1, Status.RESERVED), notes(reserved=ReservedNote(session=SessionId("bob"), at=NOW))), 0, None),
        (row(1, record(1, Status.UNAVAILABLE), notes(reserved=ReservedNote(session=None, at=NOW))), 0, None),
    ],
)
def test_a_tick_that_has_not_looked_at_azure_knows_what_is_offered_and_who_waits(
    stored: Row, offered: int, waited: float | None
) -> None:
    fleet = Fleet.join(Snapshot(now=NOW, rows={vm(1): stored}), Cloud(), POLICY)
    (said,) = facts(Evaluations("starter", POLICY), Report(plan=Plan(), fleet=fleet), 0)["scale_sets"].values()
    assert (said["offered"], said.get("longest_wait_s")) == (offered, waited)


def test_a_row_tells_the_version() -> None:
    assert facts(Evaluations("starter", POLICY), IDLE, 0)["version"] == VERSION


def test_the_provisioner_has_no_registry_and_counts_marks() -> None:
    said = facts(Evaluations("provisioner", POLICY), replace(two_machines(), fleet=None), 0)
    assert said["scale_sets"]["vmss-pixels"]["standing"] == {"marked": 1, "new": 1}


def test_it_names_the_settings_by_which_that_controller_goes() -> None:
    settings = facts(Evaluations("starter", POLICY.at_speed(2)), IDLE, 0)["settings"]
    assert settings["reservation_timeout_s"] == POLICY.reservation_timeout.total_seconds() / 2
    assert facts(Evaluations("provisioner", POLICY), IDLE, 0)["settings"] == {
        "managed_by": "true",
        "pause": "none",
        "max_surge": 10,
    }


def test_while_nothing_changes_there_is_one_a_minute() -> None:
    evaluations = Evaluations("starter", POLICY)
    rows = [evaluations.row(two_machines(), second / 4) for second in range(4 * 180)]
    assert [number / 4 for number, found in enumerate(rows) if found is not None] == [0, 60, 120]


def test_a_timer_that_is_a_little_early_or_late_gets_its_row_every_minute() -> None:
    evaluations = Evaluations("provisioner", POLICY)
    assert all(evaluations.row(IDLE, seconds) for seconds in (2.0, 62.1, 121.9, 182.0, 241.9))


@pytest.mark.parametrize(
    ("news", "where", "said"),
    [
        (held(Why.BREAKER), "held", {Why.BREAKER: 1}),
        (did(Result.DONE), "done", {"Start": 1}),
        (did(Result.FAILED, OutOfCapacity("sold out")), "not_done", {"Start failed: OutOfCapacity": 1}),
        (Report(plan=Plan(), errors=(OutOfCapacity("sold out"),)), "errors", {"OutOfCapacity": 1}),
    ],
)
def test_what_is_new_is_told_at_once_and_only_the_first_time_in_a_minute(
    news: Report, where: str, said: dict[str, int]
) -> None:
    evaluations = Evaluations("starter", POLICY)
    assert evaluations.row(IDLE, 0) is not None
    assert facts(evaluations, news, 1)[where] == said
    assert [evaluations.row(each, 2) for each in (news, IDLE, news, IDLE) * 10] == [None] * 40
    assert evaluations.row(news, 60) is not None


def test_a_pause_and_a_lost_consent_are_told_at_once() -> None:
    evaluations = Evaluations("reconciler", POLICY)
    for look in (sighting(), sighting(pause=Pause.ORDERS), sighting(consent=False)):
        assert evaluations.row(Report(plan=Plan(), cloud=Cloud(listings={PIXELS: look})), 0) is not None


def test_between_two_rows_what_was_done_adds_up_and_what_is_held_back_again_does_not() -> None:
    evaluations = Evaluations("starter", POLICY)
    evaluations.row(replace(did(Result.DONE), plan=held(Why.BREAKER).plan), 0)
    for report in (did(Result.DONE), did(Result.DONE), held(Why.BREAKER, 2), held(Why.BREAKER, 5)):
        assert evaluations.row(report, 1) is None
    row_of_the_minute = facts(evaluations, IDLE, 61)
    assert (row_of_the_minute["ticks"], row_of_the_minute["done"], row_of_the_minute["held"]) == (
        5,
        {"Start": 2},
        {Why.BREAKER: 5},
    )


def test_the_first_look_of_a_minute_at_a_scale_set_that_is_allowed_is_no_news() -> None:
    evaluations = Evaluations("cleaner", POLICY)
    rows = [evaluations.row(each, 0) for each in (IDLE, two_machines(), IDLE)]
    assert [found is not None for found in rows] == [True, False, False]


def test_a_row_of_many_scale_sets_fits_into_one_trace() -> None:
    names = [ScaleSetName(f"{'x' * 60}{number:03}") for number in range(200)]
    policy = Policy(capacity=dict.fromkeys(names, Capacity(desired=1)))
    said = facts(Evaluations("starter", policy), Report(plan=Plan(), errors=(Throttled("later", NOW - NOW),)), 0)
    assert len(str(said)) < 32_768 / 2
