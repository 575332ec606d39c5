"""The least time between two firings of a schedule, which a watch must fit into; croniter is the witness."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.functions_host.ncrontab import Cron
from scaler.settings.schedule import parse

START = datetime(2026, 11, 21, 23, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [
        ("*/10 * * * * *", 10),
        ("8,23,38,53 * * * * *", 15),
        ("5,35 * * * * *", 30),
        ("2 * * * * *", 60),
        ("*/25 * * * * *", 10),  # 0, 25, 50, and 0 again
        ("58,59 * * * * *", 1),
        ("*/5 * * * *", 300),
        ("0 0 */6 * * *", 6 * 3600),
        ("0 0 12 * * *", 24 * 3600),
        ("00:00:30", 30),
    ],
)
def test_it_is_the_shortest_gap_of_the_day(expression: str, seconds: int) -> None:
    assert parse(expression).shortest == timedelta(seconds=seconds)


@given(
    st.lists(st.integers(0, 59), min_size=1, max_size=4, unique=True),
    st.sampled_from(["*", "*/7", "3", "0-10", "5,58"]),
    st.sampled_from(["*", "*/5", "23", "0,23", "9-17"]),
)
def test_no_two_firings_are_closer_and_some_are_as_close(seconds: list[int], minute: str, hour: str) -> None:
    schedule = parse(f"{','.join(map(str, seconds))} {minute} {hour} * * *")
    cron, moment, gaps = Cron(expression=schedule.cron), START, list[timedelta]()
    while moment < START + timedelta(days=2) and len(gaps) < 400:
        later = cron.next_after(moment)
        gaps.append(later - moment)
        moment = later
    assert min(gaps[1:]) >= schedule.shortest
    assert min(gaps[1:]) == schedule.shortest or len(gaps) == 400
