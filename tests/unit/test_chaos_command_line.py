"""What may be asked of the campaigns, what is answered, and by which exit status."""

import json
import shlex
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from simulator.chaos.breaks import PLANTED
from simulator.chaos.command_line import ALL, MANY, main, read
from simulator.chaos.summary import Figures, Result, Summary
from simulator.chaos.weather import WEATHERS
from simulator.observer.wrong import Kind, Wrong

TODAY = date(2026, 11, 29)
NAMES = tuple(WEATHERS)
USUAL = {"weathers": NAMES, "seeds": MANY, "seconds": None, "first": 20261129000, "planted": None}
ASKED: dict[str, dict[str, object]] = {
    "": {},
    "--for 1.5m": {"seeds": None, "seconds": 90.0},
    "--seeds=20 --for=10s": {"seeds": 20, "seconds": 10.0},
    "--rounds 1": {"seeds": len(NAMES)},
    "--seed 0 --rounds 2": {"seeds": 2 * len(NAMES), "first": 0},
    "--seed 0 --seeds 9": {"seeds": 9, "first": 0},
    "--seed 7 --seeds 3": {"seeds": 3, "first": 7},
    "--seed 1": {"seeds": 1, "first": 1, "weathers": (NAMES[1],)},  # in the weather it had its turn in
    "--weather doubled": {"weathers": ("late and doubled orders",)},
    "--weather doubled --rounds 3": {"weathers": ("late and doubled orders",), "seeds": 3},
    "--weather 'a failover'": {"weathers": ("a failover",)},  # a whole name wins over those that contain it
    "--weather 'Unruly queue managers'": {"weathers": ("unruly queue managers",)},
    "--break blind-writes --rounds 2": {
        "weathers": ("busy hosts", "dying processes"),
        "seeds": 4,
        "first": 0,
        "planted": "blind-writes",
    },
    "--break all --seeds 100": {"seeds": 100, "first": 0, "planted": ALL},
}


@pytest.mark.parametrize("words", ASKED)
def test_what_is_asked_is_done(words: str) -> None:
    options = read(shlex.split(words), TODAY)
    assert {name: getattr(options, name) for name in USUAL} == USUAL | ASKED[words]
    assert options.jobs >= 1


def test_another_day_has_other_campaigns() -> None:
    assert read([], date(2026, 11, 30)).first == 20261130000


def test_every_planted_bug_says_what_it_is_and_prefers_weathers_that_there_are() -> None:
    assert all(planted.what for planted in PLANTED.values())
    assert {each for planted in PLANTED.values() for each in planted.weathers} <= WEATHERS.keys()


@pytest.mark.parametrize(
    ("words", "mistake"),
    [
        ("--sedes 3", "unrecognized arguments: --sedes 3"),
        ("faster", "unrecognized arguments: faster"),
        ("--seeds", "argument --seeds: expected one argument"),
        ("--seeds 0", "argument --seeds: 0: a whole number of at least 1"),
        ("--seeds many", "argument --seeds: many: a whole number"),
        ("--seed -1", "argument --seed: -1: a whole number of at least 0"),
        ("--jobs 0", "argument --jobs: 0: a whole number of at least 1"),
        ("--for soon", "argument --for: soon: a time like 60s"),
        ("--for 0s", "argument --for: 0s: a time like 60s"),
        ("--weather hail", "argument --weather: hail: there is none of that name"),
        ("--weather failover", "argument --weather: failover: which of these?"),
        ("--break everything", "argument --break: everything: there is none of that name"),
    ],
)
def test_a_mistake_is_two_and_is_named(words: str, mistake: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(shlex.split(words))
    told = capsys.readouterr()
    assert told.out == ""
    assert mistake in told.err
    assert "--weather NAME" in told.err


@pytest.mark.long
def test_all_went_well_is_told_by_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "2", "--weather", "fair", "--jobs", "1", "--json"]) == 0
    told = capsys.readouterr().out
    assert "reservations lost          0" in told
    assert told.splitlines()[-1].startswith('{"seeds": 2,')


def test_a_planted_bug_that_is_caught_is_a_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--break", "admit-without-mark", "--seeds", "20", "--jobs", "1"]) == 0
    assert "caught after" in capsys.readouterr().out


@pytest.mark.long
def test_one_that_is_not_caught_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--break", "blind-writes", "--weather", "fair", "--seed", "0", "--seeds", "1", "--jobs", "1"]) == 1
    assert "NOT CAUGHT in 1 seed and" in capsys.readouterr().out


def test_the_list_names_every_weather_and_every_bug(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    told = capsys.readouterr().out
    assert all(f"  {name}\n" in told for name in WEATHERS)
    assert all(f"  {name} " in told for name in PLANTED)


# -- what they come to

_WRONG = Wrong(kind=Kind.LOST, at=datetime(2026, 1, 1, tzinfo=UTC), why="it is nowhere", vm_id="vm", session="ann")


def _result(seed: int, minutes: int, *, wrongs: tuple[Wrong, ...] = (), amiss: tuple[str, ...] = ()) -> Result:
    figures = Figures(
        campaigns=1,
        ticks=100,
        effects=40,
        lived=timedelta(hours=1),
        faults=Counter({"order-late": 2}),
        edges=Counter({"ADMIT": 3}),
    )
    settled = timedelta(minutes=minutes)
    return Result(weather="fair", seed=seed, figures=figures, settled_after=settled, wrongs=wrongs, amiss=amiss)


def _summary(*results: Result) -> Summary:
    summary = Summary(bound=timedelta(hours=2), seconds=10.0)
    for each in results:
        summary.add(each)
    return summary


def test_figures_are_sums_and_the_slowest_to_settle_is_named_with_the_bound() -> None:
    summary = _summary(_result(1, 5), _result(2, 9))
    told = json.loads(summary.as_json())
    assert (told["seeds"], told["ticks"], told["effects"], told["virtual_hours"]) == (2, 200, 80, 2.0)
    assert (told["seeds_per_second"], told["ticks_per_second"]) == (0.2, 20)
    assert (told["faults"], told["edges"]) == ({"order-late": 4}, {"ADMIT": 6})
    lines = "\n".join(summary.as_lines())
    assert "7 min 00 s on average, 9 min 00 s at worst (seed 2, fair); the bound is 120 min 00 s" in lines


def test_wrongs_are_counted_by_kind_and_what_did_not_settle_beside_them() -> None:
    summary = _summary(_result(1, 5, wrongs=(_WRONG,)), _result(2, 120, amiss=("one machine too many",)))
    told = json.loads(summary.as_json())
    assert (told["reservations_lost"], told["machines_leaked"], told["unsettled"]) == (1, 0, 1)
    lines = list(summary.as_lines())
    assert f"{'reservations lost':26} 1" in lines
    assert f"{'not settled':26} 1" in lines
    assert summary.worst is None, "what failed is not the slowest to settle"


def test_nothing_run_is_no_division_by_nothing() -> None:
    assert "0 seeds in 0.0 s" in "\n".join(Summary(bound=timedelta(hours=2)).as_lines())
