"""What the campaigns come to."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

from simulator.chaos.summary import Figures, Result, Summary
from simulator.observer.wrong import Kind, Wrong

_WRONG = Wrong(kind=Kind.LOST, at=datetime(2026, 1, 1, tzinfo=UTC), why="it is nowhere", vm_id="vm", session="ann")


def _result(seed: int, minutes: int, *, wrongs: tuple[Wrong, ...] = (), amiss: tuple[str, ...] = ()) -> Result:
    figures = Figures(
        campaigns=1,
        ticks=100,
        effects=40,
        lived=timedelta(hours=1),
        faults=Counter({"order-late": 2}),
        accidents=Counter({"kills": 1}),
        edges=Counter({"ADMIT": 3}),
        did=Counter({"arrived": 5}),
    )
    return Result(
        weather="fair",
        seed=seed,
        figures=figures,
        settled_after=timedelta(minutes=minutes),
        wrongs=wrongs,
        amiss=amiss,
    )


def _summary(*results: Result) -> Summary:
    summary = Summary(bound=timedelta(hours=2), seconds=10.0)
    for each in results:
        summary.add(each)
    return summary


def test_figures_are_sums() -> None:
    told = json.loads(_summary(_result(1, 5), _result(2, 9)).as_json())
    assert (told["seeds"], told["ticks"], told["effects"], told["virtual_hours"]) == (2, 200, 80, 2.0)
    assert (told["seeds_per_second"], told["ticks_per_second"]) == (0.2, 20)
    assert told["faults"] == {"order-late": 4}
    assert told["edges"] == {"ADMIT": 6}


def test_the_slowest_to_settle_is_named_with_the_bound() -> None:
    lines = "\n".join(_summary(_result(1, 5), _result(2, 9)).as_lines())
    assert "7 min 00 s on average, 9 min 00 s at worst (seed 2, fair); the bound is 120 min 00 s" in lines


def test_wrongs_are_counted_by_kind_and_what_did_not_settle_beside_them() -> None:
    summary = _summary(_result(1, 5, wrongs=(_WRONG,)), _result(2, 120, amiss=("one machine too many",)))
    told = json.loads(summary.as_json())
    assert (told["reservations_lost"], told["machines_leaked"], told["unsettled"]) == (1, 0, 1)
    lines = list(summary.as_lines())
    assert f"{'reservations lost':26} 1" in lines
    assert f"{'not settled':26} 1" in lines


def test_what_failed_is_not_the_slowest_to_settle() -> None:
    summary = _summary(_result(1, 5), _result(2, 120, amiss=("one machine too many",)))
    assert summary.worst is not None
    assert summary.worst.seed == 1


def test_nothing_run_is_no_division_by_nothing() -> None:
    assert "0 seeds in 0.0 s" in "\n".join(Summary(bound=timedelta(hours=2)).as_lines())
