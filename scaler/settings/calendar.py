"""SCALER_CALENDAR: a JSON list of windows and events, or the name of a file with such a list (docs/calendar.md)."""

import json
import re
from collections.abc import Mapping, Sequence, Sized
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice
from pathlib import Path
from typing import Any, cast

from scaler.errors import in_one_line
from scaler.model.calendar import WORDS, Recurring, Window, conflicts
from scaler.model.clocks import YEARS
from scaler.model.in_force import says, with_numbers
from scaler.model.instance import ScaleSetName
from scaler.model.policy import Capacity
from scaler.model.tags import buffer_in
from scaler.settings.reader import duration_of, shown
from scaler.settings.table import spelled

NAME = "SCALER_CALENDAR"
_FOLDER = Path(__file__).parents[2]  # of function_app.py
_FILE = re.compile(r"[\w./\\: -]{1,200}\.json")
_LARGEST = 1_000_000  # bytes of a file
_LONGEST = timedelta(days=31)  # of one occurrence of a cron expression
_MOST_OPEN = 24  # occurrences of one window at a time
_LOOKED_AT = 100  # starts of a cron expression: those of one hour, and of the next

_TEXT = (str, 1, 60, "a text of 1 to 60 characters")
_NUMBER = (int, 0, 1000, "a whole number from 0 to 1000")
_KNOWN: Mapping[str, tuple[type, int, int, str]] = {
    "name": _TEXT,
    "between": (dict, 2, 2, "an object with `start` and `end`"),
    "activePeriod": (dict, 2, 3, "an object with `startCron`, `duration` and `timezone`"),
    "at": _TEXT,
    "within": _TEXT,
    "timezone": _TEXT,
    "visitors": (int, 0, 10_000, "a whole number from 0 to 10000"),
    "min": _NUMBER,
    "max": _NUMBER,
    "spare": _NUMBER,
    "warm": _NUMBER,
    "hot": _NUMBER,
    "rank": (int, -1000, 1000, "a whole number from -1000 to 1000"),
    "scaleSets": (list, 0, 100, "a list of names"),
}
"""The fields of an entry: type, least and most (characters, members or the number itself), and what is expected.

Agones' names. `buffer`, a number or a text, is read by itself.
"""
_PERIOD = {"start": _TEXT, "end": _TEXT}
_RECURRENCE = {"startCron": _TEXT, "duration": _TEXT, "timezone": _TEXT}


def calendar(
    text: str, capacities: Mapping[ScaleSetName, Capacity], now: datetime, mistakes: list[str]
) -> tuple[Window, ...]:
    """The windows; none and no mistake for an empty text. `mistakes`, empty before, gets every mistake.

    `capacities`: of the scale sets by the settings, empty after a mistake; the bounds of a window must fit these.
    """
    windows: list[Window] = []
    try:
        entries = _entries(text) if text else ()
    except ValueError as mistake:
        mistakes.append(str(mistake))
        return ()
    for number, raw in enumerate(entries, start=1):
        named = raw.get("name") if isinstance(raw, dict) else None
        title = f"entry {number}" + (f" ({in_one_line(named[:60])})" if isinstance(named, str) else "")
        try:
            window = _window(_checked(raw, {**_KNOWN, "buffer": None}), capacities)
        except ValueError as mistake:
            mistakes.append(f"{title}: {in_one_line(str(mistake))}")
            continue
        if window.name in {each.name for each in windows}:
            mistakes.append(f"{title}: there is another window of this name")
        windows.append(window)
    if not mistakes:
        mistakes += (
            f"{one.name!r} and {other.name!r} are both open at {both.start:%Y-%m-%d %H:%M} UTC and say"
            f" {' and '.join(says(one.numbers.keys() & other.numbers.keys()))}; give one a higher rank"
            for one, other, both in conflicts(windows, now)
        )
    return tuple(windows)


def _entries(text: str) -> Sequence[object]:
    """The list, from the setting or from a file. Raises ValueError with the mistake."""
    content = text.encode() if text.startswith(("[", "{")) else _content(text)
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as mistake:
        raise ValueError(f"no JSON: {in_one_line(str(mistake))}") from None
    if not isinstance(found, list):
        raise ValueError("expected a JSON list of windows: [{…}, {…}]")
    return found


def _content(name: str) -> bytes:
    """What the file has. Raises ValueError."""
    if not _FILE.fullmatch(name):
        raise ValueError(f"{shown(name)} cannot be used; expected a JSON list, or the name of a .json file")
    try:
        with (_FOLDER / name).open("rb") as file:
            content = file.read(_LARGEST + 1)
    except (OSError, ValueError) as missing:
        raise ValueError(f"{shown(name)} cannot be read: {getattr(missing, 'strerror', None) or missing}") from None
    if len(content) > _LARGEST:
        raise ValueError(f"{shown(name)} has more than {_LARGEST:,} bytes")
    return content


def _checked(raw: object, known: Mapping[str, tuple[type, int, int, str] | None]) -> Mapping[str, Any]:
    """An object of known fields, each of its type and size; None is as good as absent. Raises ValueError."""
    if not isinstance(raw, dict):
        raise ValueError(f"{shown(json.dumps(raw))} is no object: {{…}}")
    for name in raw.keys() - known.keys():
        from difflib import get_close_matches  # noqa: PLC0415  (a cold start does without)

        near = get_close_matches(str(name), known, n=1)
        raise ValueError(f"there is no field {shown(str(name))}" + (f"; did you mean `{near[0]}`?" if near else ""))
    found = {name: value for name, value in raw.items() if value is not None}
    for name, value in found.items():
        form = known[name]
        if form is not None and not _fits(value, *form[:3]):
            raise ValueError(f"{name}: {shown(json.dumps(value))} cannot be used; expected {form[3]}")
    return found


def _fits(value: Any, kind: type, least: int, most: int) -> bool:
    if isinstance(value, bool) or not isinstance(value, kind):
        return False
    size = value if isinstance(value, int) else len(cast("Sized", value))
    return least <= size <= most


def _window(entry: Mapping[str, Any], capacities: Mapping[ScaleSetName, Capacity]) -> Window:
    """Raises ValueError with the mistake."""
    start, end, zone = None, None, entry.get("timezone")
    if "name" not in entry:
        raise ValueError("has no `name`")
    if entry.keys() & {"at", "within"}:
        if not {"at", "within"} <= entry.keys() or entry.keys() & {"between", "activePeriod"}:
            raise ValueError("`at` and `within` go together, without `between` and `activePeriod`")
        start = _time("at", entry["at"], zone)
        end = start + _duration("within", entry["within"])
    if "between" in entry:
        period = _checked(entry["between"], _PERIOD)
        start = _time("between.start", period.get("start", ""), zone)
        end = _time("between.end", period.get("end", ""), zone)
        if end <= start:
            raise ValueError("between.end is not later than between.start")
    recurring = _recurring(_checked(entry["activePeriod"], _RECURRENCE)) if "activePeriod" in entry else None
    if start is None and recurring is None:
        raise ValueError("expected a time: `at` and `within`, or `between`, or `activePeriod`")
    window = Window(
        name=entry["name"],
        start=start,
        end=end,
        recurring=recurring,
        scale_sets=_scale_sets(entry.get("scaleSets", ()), capacities),
        rank=entry.get("rank", 0),
        numbers=_numbers(entry),
        visitors=entry.get("visitors", 0),
    )
    if not window.numbers and not window.visitors:
        raise ValueError("says nothing: expected `visitors`, or one of `min`, `max`, `buffer`, `spare`, `warm`, `hot`")
    _check_bounds(window, capacities)
    return window


def _time(name: str, text: str, zone: str | None) -> datetime:
    """`2026-12-24T20:00Z`, or without an offset on the clocks of the entry's time zone; in UTC."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{name}: {shown(text)} is no time such as 2026-12-24T20:00+01:00") from None
    if found.tzinfo is None:
        if zone is None:
            raise ValueError(f"{name}: {shown(text)} has no offset; add one (Z, +01:00), or `timezone` to the entry")
        found = found.replace(tzinfo=_zone(zone))
    if found.year not in YEARS:
        raise ValueError(f"{name}: {shown(text)} is not in the years from {YEARS[0]} to {YEARS[-1]}")
    return found.astimezone(UTC)


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo  # noqa: PLC0415  (a cold start without a calendar does without)

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise ValueError(f"timezone: {shown(name)} is no IANA time zone such as Europe/Berlin") from None


def _duration(name: str, text: str) -> timedelta:
    found = duration_of(text)
    if found is None or not timedelta(minutes=1) <= found <= _LONGEST:
        raise ValueError(f"{name}: {shown(text)} is no duration from 1m to 744h, such as 12m or 4h")
    return found


def _recurring(period: Mapping[str, Any]) -> Recurring:
    try:
        from cronsim import CronSim, CronSimError  # noqa: PLC0415  (a cold start without a calendar does without)
    except ImportError:
        raise ValueError("startCron: cronsim is not installed, which reads it") from None
    zone, duration = _zone(period.get("timezone", "UTC")), _duration("duration", period.get("duration", ""))
    cron = period.get("startCron", "")
    said, fields = f"startCron: {shown(cron)}", len(cron.split())
    if fields != 5:
        raise ValueError(f"{said} has {fields} fields; expected five: minute hour day month weekday")
    try:
        starts = [next(CronSim(cron, datetime.now(zone)))]
        if duration > _MOST_OPEN * timedelta(minutes=1):  # each listing of Azure counts the open ones
            starts += islice(CronSim(cron, starts[0]), _LOOKED_AT)
    except CronSimError as mistake:
        raise ValueError(f"{said} is no cron expression: {mistake}") from None
    except StopIteration:
        raise ValueError(f"{said} never comes") from None
    if any(last - first < duration for first, last in zip(starts, starts[_MOST_OPEN:], strict=False)):
        raise ValueError(
            f"{said} comes more than {_MOST_OPEN} times within {spelled(duration)}; for once a day: `0 20 * * *`"
        )
    return Recurring(cron=cron, zone=zone, duration=duration)


def _scale_sets(names: Sequence[object], capacities: Mapping[ScaleSetName, Capacity]) -> frozenset[ScaleSetName]:
    found = {ScaleSetName(str(name).lower()) for name in names}
    for unknown in sorted(found - capacities.keys() if capacities else ()):
        raise ValueError(f"scaleSets: {shown(unknown)} is not in AZURE_VMSS_NAME")
    return frozenset(found)


def _numbers(entry: Mapping[str, Any]) -> Mapping[str, int | float]:
    found = {field: entry[word] for word, field in WORDS.items() if word in entry and word != "buffer"}
    if "buffer" in entry:
        buffer = buffer_in(str(entry["buffer"]))
        if not buffer:
            raise ValueError(f"buffer: {shown(str(entry['buffer']))} cannot be used; expected `5`, `20%` or `5/20%`")
        found |= buffer
    return found


def _check_bounds(window: Window, capacities: Mapping[ScaleSetName, Capacity]) -> None:
    """Raises ValueError for a minimum or a warm share above the maximum, or a hot share of all spare machines."""
    for name, capacity in capacities.items():
        if not window.concerns(name):
            continue
        found = with_numbers(replace(capacity, most=capacity.limit), window.numbers)
        for word, number in (("min", found.least), ("warm", found.warm)):
            if number > found.most:
                raise ValueError(f"{word} {number} is more than max {found.most} of {name}")
        if found.hot and found.hot >= found.fewest_spare:
            raise ValueError(
                f"hot {found.hot} leaves none at rest of the {found.fewest_spare} spare machines of {name}"
            )
