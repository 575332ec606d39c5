"""`scaler calendar`: the windows of the next days, and the events of a calendar file as entries for SCALER_CALENDAR."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from scaler.cli.environment import AsJson, Exit, Operator
from scaler.cli.screen import Screen
from scaler.model.calendar import WORDS, Occurrence, Window
from scaler.model.capacity import before_listings, lead_time
from scaler.model.in_force import opens_early, says, with_numbers
from scaler.model.plan import counted
from scaler.model.policy import Capacity, Policy
from scaler.settings.calendar import calendar as read_calendar
from scaler.settings.reader import duration_of

_VISITORS = re.compile(r"^\s*visitors\s*[:=]\s*([0-9]{1,9})\s*$", re.IGNORECASE | re.MULTILINE)
_CROWD = re.compile(r"(?:([1-9][0-9]{0,3})(?:/(\S{1,20}))?)?")
_COLUMNS = ("opens", "begins", "ends", "window", "scale sets", "rank", "says")

_Days = Annotated[int, typer.Option("--days", min=1, max=400, help="How far ahead.")]
_Zone = Annotated[str, typer.Option("--timezone", metavar="ZONE", help="Whose clocks, such as Europe/Berlin.")]
_Ics = Annotated[
    Path | None,
    typer.Option(
        "--ics",
        metavar="FILE",
        help="An iCalendar file: print its events as entries for SCALER_CALENDAR, and no table.",
    ),
]
_Visitors = Annotated[
    str | None,
    typer.Option(
        "--visitors",
        metavar="100/12m",
        help="With --ics: how many come to each event, and within what time (else, all along); a line such as"
        " `visitors: 100` in the description of an event wins.",
    ),
]


def calendar(
    context: typer.Context,
    days: _Days = 7,
    timezone: _Zone = "UTC",
    ics: _Ics = None,
    visitors: _Visitors = None,
    as_json: AsJson = False,
) -> None:
    """Show what the calendar says in the next seven days.

    A window opens before its beginning: by the time that a new machine takes, and 15 minutes more where it names
    visitors. With --ics the events of a calendar file, up to --days ahead, become a JSON list for SCALER_CALENDAR.
    """
    screen, now = Screen(), datetime.now(UTC)
    if ics is not None:
        crowd = _CROWD.fullmatch(visitors or "")
        if crowd is None or (crowd[2] is not None and duration_of(crowd[2]) is None):
            screen.complain(f"--visitors: {visitors!r} is no number of visitors such as 100, or 100/12m")
            raise typer.Exit(Exit.MISUSED)
        screen.json(_imported(screen, ics, now, now + timedelta(days=days), crowd))
        return
    try:
        zone = ZoneInfo(timezone)
    except (OSError, ValueError, LookupError):
        screen.complain(f"--timezone: {timezone!r} is no IANA time zone such as Europe/Berlin")
        raise typer.Exit(Exit.MISUSED) from None
    operator: Operator = context.obj
    policy = operator.settings.policy
    found = list(_coming(policy, now, now + timedelta(days=days)))
    if as_json:
        screen.json([_document(window, each, policy) for window, each in found])
    elif not policy.calendar:
        screen.line("no calendar: SCALER_CALENDAR is not set")
    elif not found:
        screen.line(f"nothing within {counted(days, 'day')}")
    else:
        screen.table(_COLUMNS, (_row(window, each, zone, policy) for window, each in found), {"says": 20})
    for remark in _crowds_beyond_the_most(policy):
        screen.remark(remark)


def _crowds_beyond_the_most(policy: Policy) -> Iterator[str]:
    """The windows with more visitors than a scale set may have machines by settings and window."""
    for window in policy.calendar:
        for name, capacity in policy.capacity.items():
            most = with_numbers(capacity, window.numbers).limit
            if window.concerns(name) and window.visitors > most:
                crowd = f"{window.name}: {counted(window.visitors, 'visitor')}"
                yield f"{crowd}, but {name} may have {counted(most, 'machine')} (SCALER_POOL_MAX)"


def _coming(policy: Policy, now: datetime, until: datetime) -> Iterator[tuple[Window, Occurrence]]:
    """Every open or coming occurrence, in the order of the beginnings."""
    found = [
        (window, each)
        for window in policy.calendar
        for each in takewhile(lambda each: each.start < until, window.occurrences(now))
    ]
    yield from sorted(found, key=lambda pair: (pair[1].start, -pair[0].rank, pair[0].name))


def _opens(window: Window, occurrence: Occurrence, policy: Policy) -> datetime:
    """By the lead time of the policy; the running scaler measures its own."""
    return occurrence.start - opens_early(window, lead_time(before_listings(Capacity()), policy), policy)


def _row(window: Window, occurrence: Occurrence, zone: ZoneInfo, policy: Policy) -> tuple[str, ...]:
    times = (_opens(window, occurrence, policy), occurrence.start, occurrence.end)
    scale_sets = ", ".join(sorted(window.scale_sets)) or "all"
    return (
        *(f"{time.astimezone(zone):%a %Y-%m-%d %H:%M %Z}" for time in times),
        window.name,
        scale_sets,
        str(window.rank),
        ", ".join(_said(window)),
    )


def _said(window: Window) -> Iterator[str]:
    numbers = window.numbers
    for word in says(numbers):
        if word == "buffer":
            share = numbers.get("buffer_share", 0)
            parts = [f"{numbers['buffer']}"] if numbers["buffer"] or not share else []
            yield "buffer " + "/".join([*parts, *([f"{share:.0%}"] if share else [])])
        else:
            yield f"{word} {numbers[WORDS[word]]}"
    if window.visitors:
        yield counted(window.visitors, "visitor")


def _document(window: Window, occurrence: Occurrence, policy: Policy) -> Mapping[str, object]:
    return {
        "opens": _opens(window, occurrence, policy).isoformat(timespec="seconds"),
        "begins": occurrence.start.isoformat(timespec="seconds"),
        "ends": occurrence.end.isoformat(timespec="seconds"),
        "window": window.name,
        "scale_sets": sorted(window.scale_sets) or None,
        "rank": window.rank,
        "says": list(_said(window)),
    }


def _imported(
    screen: Screen, file: Path, since: datetime, until: datetime, crowd: re.Match[str]
) -> list[Mapping[str, object]]:
    """The events as entries. An event of whole days, or without a usable number of visitors, is left out and named."""
    import recurring_ical_events  # noqa: PLC0415  (only this option needs these two)
    from icalendar import Calendar  # noqa: PLC0415

    try:
        calendar = Calendar.from_ical(file.read_bytes())
        restless = next(filter(_repeats_restlessly, calendar.walk("VEVENT")), None)
        if restless is not None:
            screen.complain(
                f"{file}: the event {str(restless.get('SUMMARY', 'event'))[:80]!r} repeats every few seconds or minutes"
                " (FREQ=SECONDLY or MINUTELY): let the event repeat HOURLY or less often, or take it out of the file"
            )
            raise typer.Exit(Exit.MISUSED)
        events = recurring_ical_events.of(calendar).between(since, until)
    except (OSError, ValueError) as error:
        screen.complain(f"{file}: cannot be read as an iCalendar file: {getattr(error, 'strerror', None) or error}")
        raise typer.Exit(Exit.MISUSED) from None
    except KeyError as lacking:
        screen.complain(f"{file}: cannot be read as an iCalendar file: an event has no {lacking.args[0]}")
        raise typer.Exit(Exit.MISUSED) from None
    found = [_entry(screen, event, crowd) for event in sorted(events, key=lambda event: str(event.start))]
    times, entries = Counter[object](), list[Mapping[str, object]]()
    for entry in filter(None, found):
        name, number = entry["name"], times[entry["name"]]
        times[name] += 1
        entries.append({**entry, "name": f"{name} ({number + 1})"} if number else entry)
    return entries


def _repeats_restlessly(event: Any) -> bool:
    """Whether a rule of the event has millions of times in a year, which nobody wants to wait for."""
    rules = event.get("RRULE", [])
    return any(
        str(often).upper() in {"SECONDLY", "MINUTELY"}
        for rule in (rules if isinstance(rules, list) else [rules])
        for often in rule.get("FREQ", [])
    )


def _entry(screen: Screen, event: Any, crowd: re.Match[str]) -> Mapping[str, object] | None:
    title, start, end = str(event.get("SUMMARY", "event")).strip() or "event", event.start, event.end
    match = _VISITORS.search(str(event.get("DESCRIPTION", "")))
    number = (match or crowd)[1]
    if not isinstance(start, datetime) or not isinstance(end, datetime) or start.tzinfo is None or end <= start:
        screen.remark(f"left out: {title!r} at {start} has no time of day with a time zone, or no end")
        return None
    if not number:
        screen.remark(f"left out: {title!r} at {start}: no line `visitors: 100` in its description, and no --visitors")
        return None
    begins = start.astimezone(UTC)
    entry: dict[str, object] = {"name": f"{title[:36]} {begins:%Y-%m-%d %H:%M}", "visitors": int(number)}
    if crowd[2] is not None:
        entry |= {"at": begins.isoformat(), "within": crowd[2]}
    else:
        entry |= {"between": {"start": begins.isoformat(), "end": end.astimezone(UTC).isoformat()}}
    mistakes: list[str] = []
    read_calendar(json.dumps([entry]), {}, begins, mistakes)
    for mistake in mistakes:
        screen.remark(f"left out: {title!r} at {start}: {mistake.partition(': ')[2]}")
    return None if mistakes else entry
