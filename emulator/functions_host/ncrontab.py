"""When a timer is due: NCRONTAB expressions and time spans, read as the Functions host reads them. Times are UTC."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from croniter import croniter

from emulator.functions_host.errors import CannotStart
from scaler.settings import schedule


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
    """The schedule that is written in `setting`; raises CannotStart, which names the setting and the remedy."""
    try:
        read = schedule.parse(expression)
    except ValueError as mistake:
        raise CannotStart(f"{setting}: {expression!r} is no schedule: {mistake}; write {schedule.EXPECTED}") from None
    return Cron(expression=read.cron) if read.cron else Every(interval=read.shortest)
