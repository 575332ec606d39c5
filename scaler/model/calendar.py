"""The calendar: periods with other numbers, and announced crowds. Pure; all arithmetic is in UTC."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice, takewhile

from scaler.model.instance import ScaleSetName

WORDS: Mapping[str, str] = {
    "min": "least",
    "max": "most",
    "buffer": "buffer",
    "spare": "spare",
    "warm": "warm",
    "hot": "hot",
}
"""The words of an entry for numbers, and the fields of Capacity; `spare` is none of these."""

_AHEAD = timedelta(days=400)  # every yearly day twice: conflicts are looked for so far ahead
_MOST = 5_000  # occurrences of one window that are compared: of one that begins every two hours, a year


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One period of a window, from beginning to end, in UTC."""

    start: datetime
    end: datetime

    def left(self, at: datetime) -> float:
        """The share of the occurrence that is still to come: 1 before it, 0 after it."""
        return min(max((self.end - at) / (self.end - self.start), 0.0), 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurring:
    """Starts by a cron expression of five fields, on the clocks of a time zone.

    On days of a clock change, `cronsim` does as Debian's cron: a skipped time comes right after the gap, and a repeated
    time counts once.
    """

    cron: str
    zone: tzinfo
    duration: timedelta

    def occurrences(self, after: datetime) -> Iterator[Occurrence]:
        """Every occurrence with an end later than `after`, in order."""
        from cronsim import CronSim  # noqa: PLC0415  (a cold start without a calendar does without)

        for local in CronSim(self.cron, (after - self.duration).astimezone(self.zone)):
            start = local.astimezone(UTC)
            yield Occurrence(start=start, end=start + self.duration)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """An entry of the calendar: other numbers for a period, or announced visitors, or both."""

    name: str
    start: datetime | None = None  # nothing of it before; without a recurrence this is its one beginning
    end: datetime | None = None  # nothing of it afterwards
    recurring: Recurring | None = None
    scale_sets: frozenset[ScaleSetName] = frozenset()  # empty: all
    rank: int = 0  # of two windows that say the same, the one of higher rank wins
    numbers: Mapping[str, int | float] = field(default_factory=dict)  # fields of Capacity, and `spare`
    visitors: int = 0  # who come in each occurrence, beside those who come anyway

    def concerns(self, scale_set: ScaleSetName) -> bool:
        """Whether the window applies to a scale set."""
        return not self.scale_sets or scale_set in self.scale_sets

    def occurrences(self, after: datetime) -> Iterator[Occurrence]:
        """Every occurrence with an end later than `after`, in order; cut to the window's start and end."""
        if self.recurring is None:
            if self.start is not None and self.end is not None and self.end > after:
                yield Occurrence(start=self.start, end=self.end)
            return
        for each in self.recurring.occurrences(max(after, self.start or after)):
            start, end = max(each.start, self.start or each.start), min(each.end, self.end or each.end)
            if self.end is not None and each.start >= self.end:
                return
            if end > after:
                yield Occurrence(start=start, end=end)

    def open_at(self, at: datetime, early: timedelta) -> Iterator[Occurrence]:
        """The occurrences open at a time, counted from `early` before the beginning of each."""
        for each in self.occurrences(at):
            if each.start > at + early:
                return
            yield each


def conflicts(windows: Iterable[Window], after: datetime) -> Iterator[tuple[Window, Window, Occurrence]]:
    """Pairs of windows of equal rank with the same number at the same time, and the first such time.

    Looks 400 days ahead.
    """
    coming = [
        (number, window, each)
        for number, window in enumerate(window for window in windows if window.numbers)
        for each in islice(takewhile(lambda each: each.start - after <= _AHEAD, window.occurrences(after)), _MOST)
    ]
    told = set[tuple[int, int]]()
    latest: list[tuple[int, Window, Occurrence]] = []
    for number, window, each in sorted(coming, key=lambda entry: entry[2].start):
        latest = [entry for entry in latest if entry[2].end > each.start]
        for earlier, other, its in latest:
            pair = min(earlier, number), max(earlier, number)
            if pair not in told and earlier != number and _contradict(window, other):
                told.add(pair)
                both = Occurrence(start=each.start, end=min(each.end, its.end))
                yield (other, window, both) if earlier < number else (window, other, both)
        latest.append((number, window, each))


def _contradict(one: Window, other: Window) -> bool:
    shared = not one.scale_sets or not other.scale_sets or one.scale_sets & other.scale_sets
    return bool(one.rank == other.rank and shared and one.numbers.keys() & other.numbers.keys())
