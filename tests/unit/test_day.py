"""`python -m simulator day`: visitors as described, figures beside closed forms, a search that ends."""

import json
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import fmean, pstdev, pvariance

import pytest

from emulator.behaviour import Latencies
from emulator.history import Event, What
from scaler.model.policy import Price
from simulator.day import demand
from simulator.day.command_line import main, read
from simulator.day.demand import DAYS, HOUR, Arrival, arrivals
from simulator.day.figures import DayResult, clairvoyant_hours
from simulator.day.hindsight import came_before, guess_of_buffer, guess_of_fixed, smallest
from simulator.day.machines import Machines, State
from simulator.day.policies import COMPARED, POLICIES
from simulator.day.run import Trial, run

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
STEADY = demand.Day(shape=lambda _: 1.0, noise=replace(DAYS["museum"].noise, piece=1e-9, hour=1e-9, day=0), what="")


def result(found: float, size: int = 0) -> DayResult:
    """A day on which that share of a thousand visitors found a machine."""
    return DayResult(
        policy="buffer",
        settings={"SCALER_POOL_BUFFER": str(size)},
        visitors=1000,
        at_once=round(1000 * found),
        waits=[10.0] * 1000,
        hours=dict.fromkeys(State, 0.0),
        clairvoyant=1.0,
        creates=1000,
        cut=0,
        refused=0,
        arm_calls_per_minute_most=0,
    )


# -- the visitors


@pytest.mark.parametrize("name", DAYS)
def test_the_same_seed_brings_the_same_visitors(name: str) -> None:
    day = arrivals(DAYS[name], 60, 1, 24)
    assert day == arrivals(DAYS[name], 60, 1, 24)
    assert day != arrivals(DAYS[name], 60, 2, 24)
    assert day == sorted(day, key=lambda each: each.at)


@pytest.mark.long
@pytest.mark.parametrize("name", DAYS)
def test_over_many_seeds_each_hour_has_as_many_visitors_as_the_shape_says(name: str) -> None:
    day, seeds = DAYS[name], 150
    came = Counter(int(each.at // HOUR) for seed in range(seeds) for each in arrivals(day, 200, seed, 24))
    for hour in range(24):
        expected = 200 * fmean(day.shape(hour + minute / 60) for minute in range(60))
        assert came[hour] / seeds == pytest.approx(expected, rel=0.12, abs=1)


def test_visitors_stay_twenty_minutes_with_a_deviation_of_as_much() -> None:
    stays = [each.stay for each in arrivals(STEADY, 2000, 1, 24)]
    assert fmean(stays) == pytest.approx(1200, rel=0.03)
    assert pstdev(stays) / fmean(stays) == pytest.approx(1, rel=0.03)


def test_hours_differ_as_much_and_are_as_like_the_hour_before_as_the_day_says() -> None:
    series = demand._gamma(0.09, 0.6, Random("hours"))
    values = [next(series) for _ in range(40_000)]
    assert fmean(values) == pytest.approx(1, rel=0.02)
    assert pvariance(values) == pytest.approx(0.09, rel=0.05)
    covariance = fmean((a - 1) * (b - 1) for a, b in pairwise(values))
    assert covariance / pvariance(values) == pytest.approx(0.6, abs=0.03)


def test_days_have_the_mean_1_whatever_their_deviation() -> None:
    series = demand._lognormal(0.479, 0.76, Random("days"))
    assert fmean(next(series) for _ in range(40_000)) == pytest.approx(1, rel=0.03)


# -- the figures


def lived(*events: tuple[float, What]) -> Machines:
    """One machine's life, by hours."""
    now = [BEGAN]
    machines = Machines(lambda: now[0])
    for hour, what in events:
        now[0] = BEGAN + timedelta(hours=hour)
        machines.hear(Event(at=now[0], what=what, by="scaler", vm_id="vm"))
    now[0] = BEGAN + timedelta(hours=10)
    return machines


def test_machine_hours_are_those_of_the_states() -> None:
    machines = lived(
        (0, What.CREATED),
        (1, What.RUNNING),
        (2, What.STOPPED),
        (4, What.START_ORDERED),
        (4.5, What.RUNNING),
        (7, What.DELETE_ORDERED),
        (7.5, What.DELETED),
    )
    spent = {State.MADE: 2, State.WARM: 2, State.STARTED: 0.5, State.SERVES: 2.5, State.LEAVES: 0.5}
    hours = dict.fromkeys(State, 0) | spent
    assert machines.hours() == hours
    assert machines.made == 1


def test_what_was_before_the_day_is_not_counted() -> None:
    machines = lived((0, What.CREATED), (1, What.DEALLOCATED))
    machines.count_anew()
    assert machines.made == 0
    assert machines.hours()[State.COLD] == 0
    assert machines.counts() == {State.COLD: 1}


def test_a_deallocated_hour_costs_a_twentieth() -> None:
    day = replace(result(1.0), hours=dict.fromkeys(State, 0.0) | {State.COLD: 1000, State.SERVES: 500})
    assert day.members()["cost_per_session"] == pytest.approx(0.05 + 0.5)


def test_each_state_costs_what_the_price_says() -> None:
    price = Price(running=1.2, stopped=1.1, deallocated=0.02)
    hours = dict.fromkeys(State, 0.0) | {State.COLD: 1000.0, State.WARM: 100.0, State.SERVES: 300.0, State.MADE: 50.0}
    day = replace(result(1.0), hours=hours, price=price)
    assert day.cost == pytest.approx(20 + 110 + 420)


@pytest.mark.long
@pytest.mark.parametrize("words", ["--price 2/2/0.5", "--set SCALER_PRICE=2/2/0.5"])
def test_a_day_is_priced_by_the_option_as_by_the_setting(words: str) -> None:
    trial = read(f"--day launch --peak 20/h --hours 1 {words}".split()).trial
    day, plain = run(trial, POLICIES["auto"]), run(replace(trial, settings={}), POLICIES["auto"])
    assert day.price == Price(running=2.0, stopped=2.0, deallocated=0.5)
    assert (day.hours, day.clairvoyant) == (plain.hours, 2 * plain.clairvoyant)
    assert day.cost > plain.cost


def test_a_clairvoyant_pays_creation_stay_and_deletion_within_the_day() -> None:
    latencies = replace(Latencies(), create=(100, 100), delete=(20, 20))
    visits = [Arrival(1000, 1200), Arrival(3500, 600), Arrival(50, 10)]
    assert clairvoyant_hours(visits[:1], latencies, 0, HOUR) * HOUR == 1320
    assert clairvoyant_hours(visits[1:2], latencies, 0, HOUR) * HOUR == 200  # the rest is after the day
    assert clairvoyant_hours(visits[2:], latencies, 0, HOUR) * HOUR == 80  # it was made before


# -- hindsight


def test_a_base_stock_runs_out_as_often_as_poisson_says() -> None:
    before = came_before(arrivals(STEADY, 60, 1, 2000), 180)
    assert fmean(number >= 5 for number in before) == pytest.approx(0.18473676, abs=0.005)


def test_a_guess_grows_with_the_target() -> None:
    visitors = arrivals(STEADY, 200, 1, 24)
    assert guess_of_buffer(visitors, 0.9) < guess_of_buffer(visitors, 0.99)
    assert guess_of_fixed(visitors, 0.9) < guess_of_fixed(visitors, 0.99)


@pytest.mark.parametrize("guess", [0, 3, 16, 17, 18, 40, 900])
def test_hindsight_finds_the_smallest_size_that_reaches_the_target(guess: int) -> None:
    tried: list[int] = []

    def day(size: int) -> DayResult:
        tried.append(size)
        return result(0.99 if size >= 17 else 0.98, size)

    assert smallest(day, 0.985, guess).settings["SCALER_POOL_BUFFER"] == "17"
    assert len(tried) == len(set(tried))
    assert len(tried) <= 2 * 10


def test_a_good_guess_costs_two_days() -> None:
    tried: list[int] = []
    smallest(lambda size: tried.append(size) or result(float(size >= 17)), 0.99, 17)  # type: ignore[func-returns-value]
    assert tried == [17, 16]


def test_where_no_size_reaches_the_target_the_largest_is_told() -> None:
    assert smallest(lambda size: result(0.9, size), 0.99, 600).settings["SCALER_POOL_BUFFER"] == "1000"


# -- the policies


def test_the_policy_with_a_calendar_has_the_days_event_in_it_and_a_warm_share_that_follows_the_visitors() -> None:
    known = POLICIES["auto+calendar+warm"].on(DAYS["event"], 200)
    (capacity,) = known.load({}).policy.capacity.values()
    assert capacity.warm_follows
    assert '"visitors": 100' in known.settings["SCALER_CALENDAR"]
    assert '"visitors": 10}' in POLICIES["auto+calendar+warm"].on(DAYS["event"], 20).settings["SCALER_CALENDAR"]
    assert POLICIES["auto+calendar+warm"].on(DAYS["launch"], 200).settings["SCALER_CALENDAR"] == ""
    assert POLICIES["auto"].on(DAYS["event"], 200) is POLICIES["auto"]


@pytest.mark.long
def test_the_crowd_of_the_event_comes_when_and_as_the_calendar_says() -> None:
    crowds = [
        sum(0 <= each.at - 21 * HOUR < 720 for each in Trial(day="event", seed=seed).arrivals()) for seed in range(400)
    ]
    assert fmean(crowds) == pytest.approx(100, rel=0.05)  # an hour of warm-up, and then twenty


# -- the whole


def test_in_a_short_day_everybody_gets_a_machine_and_few_are_made_in_vain() -> None:
    day = run(Trial(day="museum", peak=60, hours=0.5, settings={"SCALER_POOL_MIN": "3"}), POLICIES["auto"])
    assert day.visitors == 0  # the museum is closed at night
    assert day.members()["ratio_to_clairvoyant"] is None
    day = run(Trial(day="launch", peak=60, hours=1), POLICIES["auto"])
    assert day.visitors > 5
    assert day.cut == day.refused == 0
    assert max(day.waits) < 600
    assert min(day.waits) > 5  # a warm start
    assert day.creates <= day.visitors + 6


@pytest.mark.long
def test_over_a_noisy_day_hardly_more_machines_are_made_than_visitors_use_up() -> None:
    day = run(Trial(day="night", peak=60, seed=3), POLICIES["auto"])
    assert day.visitors > 150
    assert day.cut == 0
    assert day.creates <= 1.05 * day.visitors + 5
    assert day.found_at_once >= 0.95


@pytest.mark.long
def test_a_buffer_runs_out_as_often_as_a_base_stock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(demand.DAYS, "steady", STEADY)
    day = run(Trial(day="steady", peak=60, hours=8), POLICIES["buffer"].of_size(5))
    bounds = [
        fmean(number < 5 for number in came_before(Trial(day="steady", peak=60, hours=8).arrivals(), lead))
        for lead in (230, 150)
    ]
    assert bounds[0] < day.found_at_once < bounds[1]  # from the need to the offer: creation, stop, admission, firing


@pytest.mark.long
def test_hot_machines_that_nobody_wants_are_idle_and_in_no_session() -> None:
    settings = {"SCALER_WARMPOOL_SIZE": "0", "SCALER_HOTPOOL_SIZE": "2"}
    day = run(Trial(day="museum", hours=1, settings=settings), POLICIES["buffer"].of_size(4))
    assert day.visitors == 0, "at night"
    assert day.hours[State.HOT] == pytest.approx(2, abs=0.5)
    assert day.hours[State.SERVES] == 0


def test_words_that_are_repeated_add_up() -> None:
    options = read(["--set", "SCALER_A=1", "--set", "SCALER_B=2", "--policy", "auto", "--policy", "fixed"])
    assert options.trial.settings == {"SCALER_A": "1", "SCALER_B": "2"}
    assert options.policies == ("auto", "fixed")


@pytest.mark.long
def test_the_last_line_is_json_with_a_member_for_each_policy(capsys: pytest.CaptureFixture[str]) -> None:
    words = "--day launch --peak 20/h --hours 1 --buffer 2 --fixed 6 --jobs 1 --json"
    assert main(words.split()) == 0
    printed = capsys.readouterr().out
    assert "launch, 1 hour, 20 sessions an hour at the peak, seed 1" in printed
    policies = json.loads(printed.splitlines()[-1])["policies"]
    assert list(policies) == list(COMPARED)
    for figures in policies.values():
        assert list(figures) == [
            "found_at_once",
            "wait_mean_s",
            "wait_p50_s",
            "wait_p95_s",
            "idle_hours_per_session",
            "cost_per_session",
            "ratio_to_clairvoyant",
            "creates",
            "sessions_cut",
            "arm_calls_per_minute_most",
        ]
        assert figures["sessions_cut"] == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("--peak 0/h", "0/h: sessions an hour are wanted"),
        ("--peak many", "many: sessions an hour are wanted"),
        ("--hours 0", "0: a whole number from 1 to 1000"),
        ("--day sunday", "invalid choice: 'sunday'"),
        ("--policy magic", "invalid choice: 'magic'"),
        ("--found 1", "1: a share is wanted"),
        ("--set POOL=3", "POOL=3: a setting is wanted"),
        ("--price 1.20", "1.20: expected prices per hour"),
        ("--plot day.pdf", "day.pdf: a name that ends in .svg or .png"),
    ],
)
def test_a_bad_option_is_refused_with_what_is_wanted(
    words: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_picture_that_could_not_be_drawn_is_refused_before_the_day(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day takes minutes, and its figures would be lost with the picture."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for picture, complaint in (("day.svg", "`make bench`"), ("nowhere/day.svg", "there is no folder")):
        with pytest.raises(SystemExit) as ended:
            read(["--plot", str(tmp_path / picture)])
        assert ended.value.code == 2
        assert complaint in capsys.readouterr().err


def test_settings_that_the_scaler_refuses_are_refused_before_the_day(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--set", "SCALER_FOUND_AT_ONCE=120%", "SCALER_MAX_SURGE=0"]) == 2
    told = capsys.readouterr().err
    assert "SCALER_FOUND_AT_ONCE" in told
    assert "SCALER_MAX_SURGE" in told
