"""A schedule as the scaler reads it: what the host accepts, and the least and the most time between two firings."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from emulator.functions_host import ncrontab
from emulator.functions_host.local_settings import CannotStart
from emulator.functions_host.ncrontab import Cron, Every
from scaler.settings.schedule import longest_gap, shortest_gap

START = datetime(2026, 11, 21, 23, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "shortest", "longest"),
    [
        ("*/10 * * * * *", 10, 10),
        ("8,23,38,53 * * * * *", 15, 15),
        ("5,35 * * * * *", 30, 30),
        ("2 * * * * *", 60, 60),
        ("*/25 * * * * *", 10, 25),  # 0, 25, 50, and 0 again
        ("58,59 * * * * *", 1, 59),
        ("*/5 * * * *", 300, 300),
        ("30 10,50 * * * *", 20 * 60, 40 * 60),
        ("0 0 */6 * * *", 6 * 3600, 6 * 3600),
        ("5 */5 8-20 * * *", 300, 11 * 3600 + 5 * 60),
        ("0 0 12 * * *", 24 * 3600, 24 * 3600),
        ("00:00:30", 30, 30),
    ],
)
def test_they_are_the_shortest_and_the_longest_gap_of_the_day(expression: str, shortest: int, longest: int) -> None:
    assert shortest_gap(expression) == timedelta(seconds=shortest)
    assert longest_gap(expression) == timedelta(seconds=longest)


@pytest.mark.parametrize("expression", ["0 0 3 * * 1", "0 * * 1 * *", "0 * * * 1-6 *"])
def test_nobody_can_say_when_a_timer_that_rests_for_days_is_late(expression: str) -> None:
    assert longest_gap(expression) is None


@pytest.mark.long
@given(
    st.lists(st.integers(0, 59), min_size=1, max_size=4, unique=True),
    st.sampled_from(["*", "*/7", "3", "0-10", "5,58"]),
    st.sampled_from(["*", "*/5", "23", "0,23", "9-17"]),
)
def test_no_two_firings_are_closer_and_some_are_as_close(seconds: list[int], minute: str, hour: str) -> None:
    expression = f"{','.join(map(str, seconds))} {minute} {hour} * * *"
    cron, moment, gaps = Cron(expression=expression), START, list[timedelta]()
    while moment < START + timedelta(days=2) and len(gaps) < 400:
        later = cron.next_after(moment)
        gaps.append(later - moment)
        moment = later
    longest = longest_gap(expression)
    assert longest is not None
    assert max(gaps[1:]) <= longest
    assert max(gaps[1:]) == longest or len(gaps) == 400
    assert min(gaps[1:]) >= shortest_gap(expression)
    assert min(gaps[1:]) == shortest_gap(expression) or len(gaps) == 400


def of_host(expression: str) -> timedelta | str | None:
    """What the host makes of it: a distance, or some gap; None: refused."""
    try:
        found = ncrontab.parse(expression, setting="X")
    except CannotStart:
        return None
    return found.interval if isinstance(found, Every) else "some gap"


def of_scaler(expression: str) -> timedelta | str | None:
    try:
        gap = shortest_gap(expression)
    except ValueError as mistake:
        assume("before it begins" not in str(mistake))  # readers differ on what FRI-MON is: refused, to be sure
        return None
    return gap if ":" in expression else "some gap"


numbers = st.integers(0, 62).map(str) | st.sampled_from(["*", "jan", "SUN", "fri", "7", "L", "?", "x"])
items = st.builds(
    "{}{}{}".format, numbers, st.sampled_from(["", "", "", "-5", "-59", "-fri"]), st.sampled_from(["", "", "/7", "/0"])
)
fields = st.lists(items, min_size=1, max_size=2).map(",".join)


@given(
    st.lists(fields | st.sampled_from(["*", "0", "5"]), min_size=4, max_size=7).map(" ".join)
    | st.builds("{}:{}:{}".format, *[st.integers(0, 70)] * 3)
)
@settings(max_examples=300)
def test_the_scaler_and_the_host_refuse_the_same(expression: str) -> None:
    assert of_scaler(expression) == of_host(expression)
