"""A timer's schedule, read as the Functions host reads it: an NCRONTAB expression, or a time span.

NCRONTAB differs from cron: seconds come first (five fields mean second 0), day of month AND day of week must match, and
Sunday is 0, never 7. Further signs of cron dialects (L, #, ?, full names) are refused by Azure, and here.
"""

import re
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

EXPECTED = (
    "six fields, {second} {minute} {hour} {day} {month} {day of week}, such as '*/30 * * * * *', "
    "or a time span, such as '00:00:30'"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_ITEM = re.compile(r"(\*|\d{1,2}|[a-z]{3})(?:-(\d{1,2}|[a-z]{3}))?(?:/(\d{1,2}))?", re.IGNORECASE | re.ASCII)
_TIME_SPAN = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})", re.ASCII)


type _Field = tuple[range, tuple[str, ...]]  # the values of a field, and names for some values

_FIELDS: tuple[_Field, ...] = (
    (range(60), ()),
    (range(60), ()),
    (range(24), ()),
    (range(1, 32), ()),
    (range(1, 13), _MONTHS),
    (range(7), _DAYS),
)


def shortest_gap(expression: str) -> timedelta:
    """The least time between two firings. Raises ValueError with the mistake."""
    return _time_span(expression.strip()) if ":" in expression else _ncrontab(expression.split())


def longest_gap(expression: str) -> timedelta | None:
    """The most time between two firings; None where days go by without any. Raises ValueError with the mistake."""
    if ":" in expression:
        return _time_span(expression.strip())
    seconds, minutes, hours, days, months, weekdays = _six(expression.split())
    if [len(days), len(months), len(weekdays)] != [len(values) for values, _ in _FIELDS[3:]]:
        return None
    around_minute, around_hour = seconds[0] - seconds[-1], 60 * (minutes[0] - minutes[-1])
    gaps = [later - earlier for earlier, later in pairwise(seconds)]
    gaps += [60 * (later - earlier) + around_minute for earlier, later in pairwise(minutes)]
    each_hour = pairwise((*hours, hours[0] + 24))
    gaps += [3600 * (later - earlier) + around_hour + around_minute for earlier, later in each_hour]
    return timedelta(seconds=max(gaps))


def _time_span(text: str) -> timedelta:
    span = _TIME_SPAN.fullmatch(text)
    if span is None:
        raise ValueError("a time span has the form hh:mm:ss")
    hours, minutes, seconds = (int(part) for part in span.groups())
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError("a time span ends at 23:59:59")  # .NET reads 24:00:00 as 24 days, which nobody means
    interval = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if not interval:
        raise ValueError("a time span is longer than nothing")
    return interval


def _six(fields: Sequence[str]) -> list[list[int]]:
    """Every value of the six fields, in order."""
    if len(fields) not in {5, 6}:
        raise ValueError(f"{len(fields)} fields")
    six = fields if len(fields) == 6 else ("0", *fields)
    return [_values(text, field) for text, field in zip(six, _FIELDS, strict=True)]


def _ncrontab(fields: Sequence[str]) -> timedelta:
    seconds, minutes, hours, days, months, _ = _six(fields)
    if all(day > _LONGEST_MONTH[month - 1] for day in days for month in months):
        raise ValueError("it never comes")
    return timedelta(seconds=_shortest(seconds, 60, _shortest(minutes, 60, _shortest(hours, 24, 1))))


def _values(text: str, field: _Field) -> list[int]:
    """Every value that the field names, in order."""
    found: set[int] = set()
    for item in text.split(","):
        match = _ITEM.fullmatch(item)
        if match is None or (match[1] == "*" and match[2]):
            raise ValueError(f"{text[:60]!r} is not understood")
        first, last, step = match.groups()
        if step is not None and int(step) == 0:
            raise ValueError(f"step {step!r} is none")
        low = field[0][0] if first == "*" else _number(first, field)
        high = _number(last, field) if last else field[0][-1] if first == "*" or step else low
        if low > high:
            raise ValueError(f"{item!r} ends before it begins")
        found.update(range(low, high + 1, int(step or 1)))
    return sorted(found)


def _number(text: str, field: _Field) -> int:
    values, names = field
    if not text.isdigit():
        if text.lower() not in names:
            raise ValueError(f"{text!r} is not understood")
        return values[names.index(text.lower())]
    if names is _DAYS and int(text) == 7:
        raise ValueError("Sunday is 0, not 7")
    if int(text) not in values:
        raise ValueError(f"{text} is out of range, {values[0]} to {values[-1]}")
    return int(text)


def _shortest(values: Sequence[int], cycle: int, carry: int) -> int:
    """The least distance between two values, where the next cycle that counts comes after `carry` cycles."""
    around = carry * cycle - values[-1] + values[0]
    return min([around, *(later - earlier for earlier, later in pairwise(values))])
