"""Schedules of timers: NCRONTAB expressions and time spans, read as in the Functions host.

NCRONTAB differs from cron: seconds come first (five fields mean second 0), day of month AND day of week must match,
and Sunday is 0, never 7. Times are UTC, as in Azure.

The scaler checks its schedules by scaler/settings/schedule.py, and tests/unit/test_settings_schedule.py compares the
two: the host imports nothing of an app.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from croniter import CroniterBadDateError, CroniterError, croniter

from emulator.functions_host.local_settings import CannotStart

_ITEM = r"(\*|\d+|[a-z]{3})(-(\d+|[a-z]{3}))?(/\d+)?"
_FIELD = re.compile(rf"{_ITEM}(,{_ITEM})*", re.IGNORECASE)
_SEVEN = re.compile(r"(?<![/\d])7")
_TIME_SPAN = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})")
_REMEDY = (
    "write six fields, {second} {minute} {hour} {day} {month} {day of week}, such as '*/30 * * * * *', "
    "or a time span, such as '00:00:30'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """The moments that an NCRONTAB expression names."""

    expression: str

    def next_after(self, moment: datetime) -> datetime:
        """The first named moment that is later than `moment`."""
        times = croniter(self.expression, moment, datetime, day_or=False, second_at_beginning=True)
        return times.get_next()


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """A constant distance from one start to the next."""

    interval: timedelta

    def next_after(self, moment: datetime) -> datetime:
        return moment + self.interval


type Schedule = Cron | Every


def parse(expression: str, *, setting: str) -> Schedule:
    """The schedule of `setting`; raises CannotStart with the setting and the remedy."""
    try:
        return _every(expression) if ":" in expression else _cron(expression)
    except ValueError as mistake:
        raise CannotStart(f"{setting}: {expression!r} is no schedule: {mistake}; {_REMEDY}") from None


def _every(expression: str) -> Every:
    span = _TIME_SPAN.fullmatch(expression.strip())
    if span is None:
        raise ValueError("a time span has the form hh:mm:ss")
    hours, minutes, seconds = (int(part) for part in span.groups())
    if hours > 23 or minutes > 59 or seconds > 59:
        # .NET reads 24:00:00 as 24 days, which nobody means.
        raise ValueError("a time span ends at 23:59:59")
    interval = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if not interval:
        raise ValueError("a time span is longer than nothing")
    return Every(interval=interval)


def _cron(expression: str) -> Cron:
    fields = expression.split()
    if len(fields) not in {5, 6}:
        raise ValueError(f"{len(fields)} fields")
    for field in fields:
        if not _FIELD.fullmatch(field):
            # croniter knows more than NCRONTAB (L, #, ?, H, full names): accepted here, refused in Azure.
            raise ValueError(f"{field!r} is not understood")
    if _SEVEN.search(fields[-1]):
        raise ValueError("Sunday is 0, not 7")
    cron = Cron(expression=" ".join(fields if len(fields) == 6 else ["0", *fields]))
    _must_come(cron)
    return cron


def _must_come(cron: Cron) -> None:
    try:
        cron.next_after(datetime.now(UTC))
    except CroniterBadDateError:
        raise ValueError("it never comes") from None
    except CroniterError as mistake:
        raise ValueError(str(mistake)) from None
