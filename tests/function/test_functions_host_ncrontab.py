"""Schedules are read as the Functions host reads them, and what it would refuse is refused."""

from datetime import UTC, datetime, timedelta

import pytest

from emulator.functions_host.local_settings import CannotStart
from emulator.functions_host.ncrontab import parse

# A Saturday.
NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def following(expression: str, count: int = 1, start: datetime = NOON) -> list[datetime]:
    schedule = parse(expression, setting="SOME_SCHEDULE")
    moments = [start]
    for _ in range(count):
        moments.append(schedule.next_after(moments[-1]))
    return moments[1:]


def test_the_first_of_six_fields_counts_seconds() -> None:
    assert following("*/20 * * * * *", 4) == [NOON + timedelta(seconds=20 * n) for n in (1, 2, 3, 4)]


def test_a_number_with_a_step_begins_at_the_number() -> None:
    assert following("7/15 * * * * *", 5) == [NOON + timedelta(seconds=s) for s in (7, 22, 37, 52, 67)]


def test_five_fields_mean_second_zero() -> None:
    assert following("*/5 * * * *", 2) == [NOON + timedelta(minutes=5), NOON + timedelta(minutes=10)]


def test_a_moment_within_a_second_is_followed_by_the_next_whole_second() -> None:
    assert following("* * * * * *", start=NOON + timedelta(microseconds=1)) == [NOON + timedelta(seconds=1)]


def test_a_named_moment_is_not_its_own_successor() -> None:
    assert following("0 0 12 * * *") == [NOON + timedelta(days=1)]


def test_day_of_month_and_day_of_week_must_both_match() -> None:
    assert following("0 0 0 13 * 5", 2) == [datetime(2027, 8, 13, tzinfo=UTC), datetime(2028, 10, 13, tzinfo=UTC)]


def test_sunday_is_zero() -> None:
    assert following("0 0 0 * * 0") == following("0 0 0 * * SUN") == [datetime(2026, 11, 22, tzinfo=UTC)]


def test_months_and_days_have_names() -> None:
    assert following("0 30 9 * jan MON-FRI") == [datetime(2027, 1, 1, 9, 30, tzinfo=UTC)]


def test_a_time_span_is_a_distance_from_any_moment() -> None:
    odd = NOON + timedelta(seconds=3, microseconds=250_000)
    assert following("00:01:30", 2, start=odd) == [odd + timedelta(seconds=90), odd + timedelta(seconds=180)]


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("", "0 fields"),
        ("* * * *", "4 fields"),
        ("* * * * * * *", "7 fields"),
        ("61 * * * * *", "out of range"),
        ("*/0 * * * * *", "step '0'"),
        ("often * * * * *", "'often' is not understood"),
        ("0 0 0 L * *", "'L' is not understood"),
        ("0 0 0 ? * *", "'?' is not understood"),
        ("0 0 0 * * 7", "Sunday is 0, not 7"),
        ("0 0 0 * * 5-7", "Sunday is 0, not 7"),
        ("0 0 0 30 2 *", "it never comes"),
        ("00:00:00", "longer than nothing"),
        ("24:00:00", "ends at 23:59:59"),
        ("00:60:00", "ends at 23:59:59"),
        ("00:30", "hh:mm:ss"),
        ("1.00:00:00", "hh:mm:ss"),
    ],
)
def test_what_is_no_schedule_is_refused_with_its_setting_and_the_remedy(expression: str, complaint: str) -> None:
    with pytest.raises(CannotStart) as refusal:
        parse(expression, setting="SOME_SCHEDULE")
    message = str(refusal.value)
    assert message.startswith(f"SOME_SCHEDULE: {expression!r} is no schedule: ")
    assert complaint in message
    assert "write six fields" in message
