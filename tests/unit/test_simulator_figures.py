"""What is counted, and how it is told in the end."""

import json
from dataclasses import replace

import pytest
from simulator_builders import azure, second, told

from emulator.history import What
from simulator.figures import Figures, Summary, Tier, percentile
from simulator.happenings import Did, Happening
from simulator.observer.wrong import Kind, Wrong

WRONG = Wrong(kind=Kind.LEAKED, at=second(1), why="it is billed for nothing", vm_id="vm-1", session="ann")


def counted(*happenings: Happening) -> Figures:
    figures = Figures()
    for each in happenings:
        figures.see(each)
    return figures


def summary(*happenings: Happening, **fields: object) -> Summary:
    base = Summary(
        figures=counted(*happenings), wrongs=(), calls={}, redis="redis-server 7.0.15", speed=20.0, seconds=30.0
    )
    return replace(base, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.5, None),
        ([3.0], 0.5, 3.0),
        ([3.0], 0.95, 3.0),
        ([4.0, 1.0, 3.0, 2.0], 0.5, 2.0),
        ([5.0, 1.0, 3.0], 0.5, 3.0),
        ([float(each) for each in range(1, 101)], 0.95, 95.0),
        ([float(each) for each in range(1, 11)], 0.95, 10.0),
        ([1.0, 2.0], 0.0, 1.0),
    ],
)
def test_a_percentile_is_one_of_the_values(values: list[float], share: float, expected: float | None) -> None:
    assert percentile(values, share) == expected


def test_a_wait_is_from_arrival_to_opening_however_often_they_asked() -> None:
    figures = counted(
        told(1, "ann", Did.ARRIVED),
        told(2, "ann", Did.PROMISED),
        told(3, "ann", Did.DISPLACED),
        told(4, "ann", Did.PROMISED),
        told(6.5, "ann", Did.OPENED),
    )
    assert figures.waits == [5.5]
    assert figures.waiting == 0


@pytest.mark.parametrize(("rest", "tier"), [(What.STOPPED, Tier.WARM), (What.DEALLOCATED, Tier.COLD)])
def test_a_wait_counts_for_the_tier_that_its_machine_rested_in(rest: What, tier: Tier) -> None:
    born = (azure(0, What.RUNNING), azure(1, rest), told(2, "ann", Did.ARRIVED), azure(3, What.RUNNING))
    figures = counted(*born, told(4, "ann", Did.OPENED))
    assert figures.waits_on == {each: [2.0] if each is tier else [] for each in Tier}
    assert figures.tiers == {"vm": tier}


def test_every_visitor_is_accounted_for() -> None:
    outcomes = {"ann": Did.OPENED, "bob": Did.REFUSED, "cid": Did.GAVE_UP}
    arrivals = [told(0, who, Did.ARRIVED) for who in (*outcomes, "dan")]
    line = json.loads(summary(*arrivals, *(told(1, who, did) for who, did in outcomes.items())).as_json())
    assert line["visitors"] == 4
    assert [line[each] for each in ("opened", "refused", "abandoned", "waiting")] == [1, 1, 1, 1]


def test_the_json_line_has_what_was_asked_for() -> None:
    happenings = (azure(1, What.CREATED), azure(2, What.CREATED), azure(3, What.DELETED))
    calls = {"provisioner": 10, "starter": 5}
    text = summary(*happenings, calls=calls, wrongs=(WRONG,)).as_json()
    line = json.loads(text)
    assert "\n" not in text
    assert (line["created"], line["deleted"], line["arm_calls"], line["arm_calls_per_minute"]) == (2, 1, 15, 30.0)
    assert line["arm_calls_per_controller"] == {"cleaner": 0, "provisioner": 10, "reconciler": 0, "starter": 5}
    assert (line["redis"], line["speed"], line["seconds"]) == ("redis-server 7.0.15", 20.0, 30.0)
    assert (line["wait_p50_s"], line["wait_p95_s"]) == (None, None)
    wrongs = ("reservations_lost", "used_machines_handed_out", "sessions_cut_short", "machines_leaked")
    assert [line[each] for each in wrongs] == [0, 0, 0, 1]


def test_any_wrong_fails_the_run_and_the_lines_say_whose() -> None:
    assert summary().exit_status == 0
    wronged = summary(wrongs=(WRONG,))
    assert wronged.exit_status == 1
    wrong = [line for line, is_wrong in wronged.verdict() if is_wrong]
    assert wrong[0].split() == ["machines", "leaked", "1"]
    assert all(word in wrong[1] for word in ("vm-1", "ann", WRONG.why))
    assert not any(is_wrong for _, is_wrong in summary().verdict())
