"""The calendar: when a window is open, who wins, crowds that are announced, and every mistake in the setting."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time

import pytest
from builders import MIN, POLICY, SCALE_SET, S

from scaler.model.calendar import Window
from scaler.model.capacity import Demand, Use, before_listings, wanted
from scaler.model.in_force import by_calendar
from scaler.model.instance import ScaleSetName
from scaler.model.policy import Capacity, Mode, Policy
from scaler.settings import InvalidSettings, load
from scaler.settings.calendar import calendar

AUTO = Capacity(mode=Mode.AUTO, buffer=2, most=200)
LEAD = POLICY.lead_time + POLICY.provisioner_every
DAY = timedelta(days=1)
EVENING = {"timezone": "Europe/Berlin", "startCron": "0 18 * * 5", "duration": "4h"}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def read(*entries: object, capacity: Capacity = AUTO, now: str = "2026-01-01") -> tuple[Window, ...]:
    mistakes: list[str] = []
    windows = calendar(json.dumps(entries), {SCALE_SET: capacity}, utc(now), mistakes)
    assert not mistakes
    return windows


def refused(*entries: object) -> list[str]:
    mistakes: list[str] = []
    calendar(json.dumps(entries), {SCALE_SET: AUTO}, utc("2026-01-01"), mistakes)
    return mistakes


def at(time: str, *entries: object, capacity: Capacity = AUTO) -> Capacity:
    """The capacity in force at that time (UTC)."""
    policy = Policy(capacity={SCALE_SET: capacity}, calendar=read(*entries, capacity=capacity))
    return by_calendar(SCALE_SET, None, utc(time), policy)


def machines(capacity: Capacity) -> int:
    demand: Demand = before_listings(capacity)
    return wanted(demand, POLICY).machines


# -- when a window is open


@pytest.mark.parametrize(
    ("time", "least"),
    [
        ("2026-12-04T16:54:00", 0),  # a Friday; Berlin is an hour ahead
        ("2026-12-04T16:56:00", 5),  # it opens by what a machine takes before 18:00
        ("2026-12-04T20:59:59", 5),
        ("2026-12-04T21:00:00", 0),
        ("2026-12-05T18:00:00", 0),  # a Saturday
        ("2026-07-03T15:56:00", 5),  # in summer two hours ahead
        ("2026-07-03T20:00:00", 0),
    ],
)
def test_a_window_opens_by_the_clocks_of_its_zone_and_early_enough_for_a_machine(time: str, least: int) -> None:
    assert at(time, {"name": "evening", "activePeriod": EVENING, "min": 5}).least == least


@pytest.mark.parametrize(
    ("cron", "begins", "lasts"),
    [
        ("30 2 * * *", "2026-03-29T01:00:00", 60 * MIN),  # 02:30 does not exist that day: right after the gap, 03:00
        ("0 1 * * *", "2026-03-29T00:00:00", 60 * MIN),  # its hour of UTC is an hour, though clocks move on by two
        ("30 2 * * *", "2026-10-25T00:30:00", 60 * MIN),  # 02:30 comes twice that day: the first counts
        ("0 18 * * *", "2026-10-25T17:00:00", 60 * MIN),  # from that day on an hour later by UTC
    ],
)
def test_days_on_which_the_clocks_change(cron: str, begins: str, lasts: timedelta) -> None:
    period = {"timezone": "Europe/Berlin", "startCron": cron, "duration": "1h"}
    (window,) = read({"name": "w", "activePeriod": period, "min": 5})
    midnight = utc(begins).replace(hour=0, minute=0) - timedelta(hours=1)
    found = [each for each in window.open_at(utc(begins), timedelta(0)) if each.start >= midnight]
    assert [(each.start, each.end - each.start) for each in found] == [(utc(begins), lasts)]


def test_a_recurring_window_ends_with_its_between() -> None:
    entry = {
        "name": "season",
        "between": {"start": "2026-12-04T18:30:00Z", "end": "2026-12-11T18:00:00Z"},
        "activePeriod": EVENING,
        "min": 5,
    }
    times = ("2026-11-27T18:00", "2026-12-04T18:00", "2026-12-04T18:45", "2026-12-11T17:30", "2026-12-11T18:30")
    assert [at(time, entry).least for time in times] == [0, 0, 5, 5, 0]
    (window,) = read(entry)
    assert [str(each.end)[:16] for each in window.occurrences(utc("2026-01-01"))] == [
        "2026-12-04 21:00",
        "2026-12-11 18:00",
    ]


def test_a_window_may_be_about_one_scale_set_alone() -> None:
    entry = {"name": "w", "at": "2026-12-24T20:00Z", "within": "1h", "min": 5, "scaleSets": ["other"]}
    other = ScaleSetName("other")
    mistakes: list[str] = []
    windows = calendar(json.dumps([entry]), {SCALE_SET: AUTO, other: AUTO}, utc("2026-01-01"), mistakes)
    policy = Policy(capacity={SCALE_SET: AUTO, other: AUTO}, calendar=windows)
    found = [by_calendar(name, None, utc("2026-12-24T20:30"), policy).least for name in (SCALE_SET, other)]
    assert (found, mistakes) == ([0, 5], [])


# -- crowds


def test_an_announced_crowd_finds_its_machines_and_is_counted_down() -> None:
    event = {
        "name": "premiere",
        "at": "2026-12-24 20:00",
        "timezone": "Europe/Berlin",
        "within": "12m",
        "visitors": 100,
    }
    early = utc("2026-12-24T19:00") - LEAD - 15 * MIN
    expected = {
        time: at(str(time.replace(tzinfo=None)), event).expected
        for time in (early - S, early, utc("2026-12-24T19:00"), utc("2026-12-24T19:06"), utc("2026-12-24T19:12"))
    }
    assert list(expected.values()) == [0, 100, 100, 50, 0]
    before, during = at("2026-12-24T18:00", event), at("2026-12-24T18:55", event)
    assert machines(before) == 2
    assert 100 <= machines(during) <= 135  # 99 % of a hundred who may also be more
    why = wanted(before_listings(during), POLICY).why
    assert why.startswith(
        f"{machines(during)} spare = 99 % of arrivals within 310 s at 0/h, safety 2.3, at least 2, and"
    )
    assert why.endswith(f" and {machines(during) - 2} for announced visitors; 100 visitors expected (premiere)")


@pytest.mark.parametrize(
    ("capacity", "why"),
    [
        (Capacity(desired=4, most=500), "4 machines, in use or not, and 100 for announced visitors"),
        (Capacity(desired=60, most=50), "60 machines, in use or not"),
        (
            Capacity(mode=Mode.BUFFER, buffer=1, buffer_share=0.5, most=500),
            "105 spare = 50% of 10 in use, and 100 for announced visitors",
        ),
    ],
)
def test_the_reason_tells_the_machines_for_a_crowd_from_the_others(capacity: Capacity, why: str) -> None:
    event = {"name": "premiere", "at": "2026-12-24T19:00Z", "within": "12m", "visitors": 100}
    calm = before_listings(at("2026-12-24T18:55", event, capacity=capacity))
    busy = replace(calm, counts={**calm.counts, Use.IN_USE: 10})
    assert wanted(busy, POLICY).why == f"{why}; 100 visitors expected (premiere)"


@pytest.mark.parametrize(
    ("capacity", "wants"),
    [
        (Capacity(mode=Mode.BUFFER, buffer=3, most=500), 103),
        (Capacity(mode=Mode.BUFFER, buffer=3, most=50), 50),
        (Capacity(desired=4, most=500), 104),
        (Capacity(desired=60, most=50), 60),
    ],
    ids=["buffer", "buffer at most", "fixed", "fixed at most"],
)
def test_announced_visitors_add_machines_in_every_mode_up_to_the_maximum(capacity: Capacity, wants: int) -> None:
    event = {"name": "premiere", "at": "2026-12-24T19:00Z", "within": "12m", "visitors": 100}
    assert machines(at("2026-12-24T18:55", event, capacity=capacity)) == wants


def test_a_crowd_does_not_grow_because_nothing_is_ready_yet() -> None:
    """The stretch is for visitors whom nobody announced: the machines of the others are on their way."""
    capacity = at("2026-12-24T18:50", {"name": "premiere", "at": "2026-12-24T19:00Z", "within": "12m", "visitors": 100})
    calm = before_listings(capacity)
    stretched = Demand(since=calm.since, at=calm.at, capacity=capacity, uses={}, counts=calm.counts, safety=calm.safety)
    assert wanted(stretched, POLICY) == wanted(calm, POLICY)
    more = Demand(
        since=calm.since, at=calm.at, capacity=capacity, uses={}, counts=calm.counts, safety=calm.safety, stretch=3.0
    )
    assert wanted(more, POLICY).machines - wanted(calm, POLICY).machines == 2 * capacity.buffer


# -- who wins


def test_the_higher_rank_wins_number_by_number() -> None:
    everyday = {"name": "daily", "activePeriod": {"startCron": "0 8 * * *", "duration": "10h"}, "min": 3, "warm": 1}
    fair = {"name": "fair", "at": "2026-12-24T10:00Z", "within": "2h", "min": 9, "max": 50, "rank": 1}
    found = at("2026-12-24T11:00", fair, everyday)
    assert (found.least, found.most, found.warm) == (9, 50, 1)
    assert found.because == "min and max of fair, warm of daily"


def test_of_two_open_windows_max_goes_before_min_and_spare_before_buffer_whatever_their_rank() -> None:
    narrow = {"name": "narrow", **ONCE, "max": 3, "spare": 2}
    wide = {"name": "wide", **ONCE, "min": 9, "buffer": 5, "rank": 1}
    found = at("2026-12-24T20:30", narrow, wide)
    assert (found.least, found.most, found.buffer) == (9, 3, 2)
    assert wanted(before_listings(found), Policy()).machines == 3


def test_a_window_makes_machines_hot_and_two_together_leave_one_at_rest() -> None:
    many = {"name": "many", "at": "2026-12-24T10:00Z", "within": "2h", "hot": 3, "buffer": 4}
    few = {"name": "few", "at": "2026-12-24T11:00Z", "within": "2h", "buffer": 2, "rank": 1}
    found = at("2026-12-24T10:30", many)
    assert (found.hot, found.hot_target, found.because) == (3, 3, "buffer and hot of many")
    both = at("2026-12-24T11:30", many, few)
    assert (both.hot, both.buffer, both.hot_target) == (3, 2, 1)


def test_a_window_with_fewer_spare_machines_than_are_hot_by_the_settings_is_refused() -> None:
    hot = Capacity(mode=Mode.BUFFER, buffer=4, hot=2)
    mistakes: list[str] = []
    calendar(json.dumps([{"name": "w", **ONCE, "buffer": 2}]), {SCALE_SET: hot}, utc("2026-01-01"), mistakes)
    assert mistakes == ["entry 1 (w): hot 2 leaves none at rest of the 2 spare machines of vmss-pixels"]


def test_spare_is_a_number_whatever_the_settings_would_keep() -> None:
    found = at("2026-12-24T11:00", {"name": "w", "at": "2026-12-24T11:00Z", "within": "2h", "spare": 7})
    assert (found.mode, found.buffer, found.buffer_share) == (Mode.BUFFER, 7, 0.0)


def test_min_is_the_number_of_a_fixed_capacity() -> None:
    entry = {"name": "w", "at": "2026-12-24T11:00Z", "within": "2h", "min": 7}
    assert machines(at("2026-12-24T11:00", entry, capacity=Capacity(desired=4))) == 7


def test_without_a_window_that_is_open_the_settings_hold_as_they_are() -> None:
    assert at("2026-12-24T15:00", {"name": "w", "at": "2026-12-24T11:00Z", "within": "2h", "min": 7}) == AUTO


# -- mistakes

ONCE = {"at": "2026-12-24T20:00Z", "within": "1h"}


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"name": "w", "min": 1}, "entry 1 (w): expected a time: `at` and `within`, or `between`, or `activePeriod`"),
        ({"name": "w", **ONCE}, "entry 1 (w): says nothing: expected `visitors`, or one of `min`, `max`"),
        ({"name": "w", **ONCE, "mim": 1}, "entry 1 (w): there is no field 'mim'; did you mean `min`?"),
        (
            {"name": "w", **ONCE, "min": -1},
            "entry 1 (w): min: '-1' cannot be used; expected a whole number from 0 to 1000",
        ),
        (
            {"name": "w", "between": {"start": "0001-01-01T00:00Z", "end": "2027-01-01T00:00Z"}, "min": 1},
            "entry 1 (w): between.start: '0001-01-01T00:00Z' is not in the years from 2000 to 2199",
        ),
        (
            {"name": "w", "activePeriod": {"startCron": "* 20 * * *", "duration": "4h"}, "min": 1},
            "entry 1 (w): startCron: '* 20 * * *' comes more than 24 times within 4h; for once a day: `0 20 * * *`",
        ),
        ({"name": "w", **ONCE, "min": 201}, "entry 1 (w): min 201 is more than max 200 of vmss-pixels"),
        ({"name": "w", **ONCE, "warm": 9, "max": 8}, "entry 1 (w): warm 9 is more than max 8 of vmss-pixels"),
        (
            {"name": "w", **ONCE, "hot": 3, "buffer": 3},
            "entry 1 (w): hot 3 leaves none at rest of the 3 spare machines of vmss-pixels",
        ),
        (
            {"name": "w", **ONCE, "hot": 2, "spare": 2},
            "entry 1 (w): hot 2 leaves none at rest of the 2 spare machines of vmss-pixels",
        ),
        ({"name": "w", **ONCE, "hot": "all"}, "entry 1 (w): hot: '\"all\"' cannot be used; expected a whole number"),
        ({"name": "w", **ONCE, "buffer": "20%/5"}, "entry 1 (w): buffer: '20%/5' cannot be used"),
        ({"name": "w", **ONCE, "min": 1, "scaleSets": ["b"]}, "entry 1 (w): scaleSets: 'b' is not in AZURE_VMSS_NAME"),
        (
            {"name": "w", "at": "2026-12-24T20:00", "within": "1h", "min": 1},
            "entry 1 (w): at: '2026-12-24T20:00' has no",
        ),
        ({"name": "w", "at": "tonight", "within": "1h", "min": 1}, "entry 1 (w): at: 'tonight' is no time such as"),
        ({"name": "w", "at": "2026-12-24T20:00Z", "min": 1}, "entry 1 (w): `at` and `within` go together"),
        (
            {"name": "w", "at": "2026-12-24T20:00Z", "within": "0s", "min": 1},
            "entry 1 (w): within: '0s' is no duration",
        ),
        (
            {"name": "w", "at": "2026-12-24T20:00", "within": "1h", "timezone": "Berlin", "min": 1},
            "entry 1 (w): timezone: 'Berlin' is no IANA time zone such as Europe/Berlin",
        ),
        (
            {"name": "w", "between": {"start": "2026-12-25T00:00Z", "end": "2026-12-24T00:00Z"}, "min": 1},
            "entry 1 (w): between.end is not later than between.start",
        ),
        (
            {"name": "w", "activePeriod": EVENING | {"startCron": "0 0 18 * * 5"}, "min": 1},
            "entry 1 (w): startCron: '0 0 18 * * 5' has 6 fields; expected five: minute hour day month weekday",
        ),
        (
            {"name": "w", "activePeriod": EVENING | {"startCron": "0 0 31 2 *"}, "min": 1},
            "entry 1 (w): startCron: '0 0 31 2 *' is no cron expression: Bad day-of-month",
        ),
        (
            {"name": "w", "activePeriod": EVENING | {"startCron": "99 0 * * *"}, "min": 1},
            "entry 1 (w): startCron: '99 0 * * *' is no cron expression: Bad minute",
        ),
        ({"name": "w", **ONCE, "min": True}, "entry 1 (w): min: 'true' cannot be used; expected a whole number"),
        ({"name": "w", **ONCE, "min": 1.5}, "entry 1 (w): min: '1.5' cannot be used; expected a whole number"),
        ({"name": "w" * 61, **ONCE, "min": 1}, f"entry 1 ({'w' * 60}): name: '\"{'w' * 59}…' cannot be used; expected"),
        ({**ONCE, "min": 1}, "entry 1: has no `name`"),
        ({"name": "w", "between": {"start": "2026-12-24T20:00Z"}, "min": 1}, "entry 1 (w): between: "),
        ({"name": "w", "between": {"begin": "x", "end": "y"}, "min": 1}, "entry 1 (w): there is no field 'begin'"),
        ({"name": "w", "activePeriod": EVENING | {"startCron": 5}, "min": 1}, "entry 1 (w): startCron: '5' cannot be"),
        (7, "entry 1: '7' is no object: {…}"),
    ],
)
def test_a_mistake_names_the_entry_and_what_is_expected(entry: object, says: str) -> None:
    (mistake,) = refused(entry)
    assert mistake.startswith(says)


def test_every_mistake_of_a_calendar_is_told_at_once_with_those_of_other_settings() -> None:
    least = {
        "AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000000",
        "AZURE_RESOURCE_GROUP": "rg-pixels",
        "AZURE_VMSS_NAME": "pixels",
    }
    entries = [{"name": "a", **ONCE}, {"name": "b", "min": 1}]
    with pytest.raises(InvalidSettings) as raised:
        load(least | {"SCALER_CALENDAR": json.dumps(entries)})
    assert {mistake.split(":")[0] for mistake in raised.value.mistakes} == {"REDIS_URL", "SCALER_CALENDAR"}
    assert len(raised.value.mistakes) == 3


def test_two_windows_of_equal_rank_must_not_say_the_same_at_the_same_time() -> None:
    late = {"name": "late", "activePeriod": EVENING | {"startCron": "30 21 * * 5"}, "min": 6}
    evening = {"name": "evening", "activePeriod": EVENING, "min": 5}
    (mistake,) = refused(evening, late)
    assert mistake == ("'evening' and 'late' are both open at 2026-01-02 20:30 UTC and say min; give one a higher rank")
    assert not refused(evening, late | {"rank": 1})
    assert not refused(evening, {**late, "min": None, "warm": 1})
    assert not refused(evening, {**late, "activePeriod": EVENING | {"startCron": "0 22 * * 5"}})


def test_a_conflict_in_eleven_months_is_found_as_well() -> None:
    christmas = {
        "name": "christmas",
        "activePeriod": EVENING | {"startCron": "0 0 25 12 *", "duration": "24h"},
        "min": 9,
    }
    assert (
        "'evening' and 'christmas' are both open at 2026-12-25 17:00 UTC"
        in refused({"name": "evening", "activePeriod": EVENING, "min": 5}, christmas)[0]
    )


def test_a_name_is_given_once() -> None:
    assert refused({"name": "w", **ONCE, "min": 1}, {"name": "w", **ONCE, "warm": 1}) == [
        "entry 2 (w): there is another window of this name"
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[{", "no JSON: "),
        ('{"name": "w"}', "expected a JSON list of windows"),
        ("tonight", "'tonight' cannot be used; expected a JSON list, or the name of a .json file"),
        ("missing-calendar.json", "'missing-calendar.json' cannot be read: No such file or directory"),
        ("[" * 4000, "no JSON: "),
    ],
)
def test_what_is_no_list_is_a_mistake(text: str, says: str) -> None:
    mistakes: list[str] = []
    assert calendar(text, {SCALE_SET: AUTO}, utc("2026-01-01"), mistakes) == ()
    assert mistakes[0].startswith(says)


def test_the_calendar_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "calendar.json"
    file.write_text(json.dumps([{"name": "w", **ONCE, "min": 1}]), encoding="utf-8")
    mistakes: list[str] = []
    (window,) = calendar(str(file), {SCALE_SET: AUTO}, utc("2026-01-01"), mistakes)
    assert (window.name, mistakes) == ("w", [])


def test_a_window_may_be_open_since_the_beginning_of_time() -> None:
    start = datetime.min.replace(tzinfo=UTC)
    window = Window(name="w", start=start, end=datetime.max.replace(tzinfo=UTC), numbers={"least": 7})
    policy = Policy(capacity={SCALE_SET: AUTO}, calendar=(window,))
    assert by_calendar(SCALE_SET, None, utc("2026-01-01"), policy).least == 7


def test_twenty_windows_a_day_delay_no_cold_start() -> None:
    """Each is compared with each other: its times are found once, not nineteen times."""
    hours = [{"timezone": "UTC", "startCron": f"0 {hour} * * *", "duration": "1h"} for hour in range(20)]
    began = process_time()
    read(*({"name": f"w{hour}", "activePeriod": period, "min": 3} for hour, period in enumerate(hours)))
    assert process_time() - began < 6  # 0.1 s on a quiet machine; 13 s otherwise


def test_a_window_bounds_a_fixed_number_that_needs_no_maximum_of_its_own() -> None:
    fixed = Capacity(desired=50)
    assert machines(at("2026-12-04T20:00:00", {"name": "w", "activePeriod": EVENING, "max": 5}, capacity=fixed)) == 5
    assert machines(at("2026-12-04T20:00:00", {"name": "w", "activePeriod": EVENING, "min": 45}, capacity=fixed)) == 45
    spare = at("2026-12-04T20:00:00", {"name": "w", "activePeriod": EVENING, "spare": 30}, capacity=fixed)
    assert machines(spare) == 30
