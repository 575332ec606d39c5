"""`scaler calendar`: the next days as a table and as JSON, and the events of a calendar file as entries."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cli.console import Console

from scaler.model.policy import Capacity, Mode
from scaler.settings.calendar import calendar

LEAST = {
    "AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000000",
    "AZURE_RESOURCE_GROUP": "rg-pixels",
    "AZURE_VMSS_NAME": "first,second",
    "REDIS_HOST": "redis.example",
}
NOW = datetime.now(UTC)
SOON = (NOW + timedelta(days=2)).replace(hour=19, minute=0, second=0, microsecond=0)
IN_THE_NIGHT = (NOW + timedelta(hours=12)).hour  # so that none is open now
PREMIERE = {"name": "premiere", "at": SOON.isoformat(), "within": "12m", "visitors": 100, "scaleSets": ["First"]}
NIGHTLY = {
    "name": "nightly",
    "activePeriod": {"startCron": f"0 {IN_THE_NIGHT} * * *", "duration": "2h"},
    "min": 5,
    "buffer": "3/20%",
}
ICS = f"""BEGIN:VCALENDAR
VERSION:2.0
PRODID:test
BEGIN:VEVENT
UID:1
SUMMARY:Premiere
DTSTART:{SOON:%Y%m%dT%H%M%SZ}
DTEND:{SOON + timedelta(hours=2):%Y%m%dT%H%M%SZ}
DESCRIPTION:in the large hall\\nVisitors: 250
END:VEVENT
BEGIN:VEVENT
UID:2
SUMMARY:Weekly
DTSTART:{SOON - timedelta(days=7):%Y%m%dT%H%M%SZ}
DTEND:{SOON - timedelta(days=7, hours=-1):%Y%m%dT%H%M%SZ}
RRULE:FREQ=WEEKLY
END:VEVENT
BEGIN:VEVENT
UID:3
SUMMARY:Holiday
DTSTART;VALUE=DATE:{SOON:%Y%m%d}
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")


def console(*entries: object) -> Console:
    return Console(environment=LEAST | ({"SCALER_CALENDAR": json.dumps(entries)} if entries else {}))


def test_the_next_seven_days_are_a_table() -> None:
    said = console(PREMIERE, NIGHTLY).run("calendar", "--timezone", "Europe/Berlin")
    assert said.status == 0
    head, *rows = said.out.splitlines()
    assert head.split() == ["opens", "begins", "ends", "window", "scale", "sets", "rank", "says"]
    assert len([row for row in rows if "nightly" in row]) == 7
    (premiere,) = [row for row in rows if "premiere" in row]
    for word in (f"{SOON.astimezone(ZoneInfo('Europe/Berlin')):%H:%M %Z}", "first", "100 visitors"):
        assert word in premiere
    assert rows[0].endswith("min 5, buffer 3/20%")


def test_the_same_as_json_in_utc() -> None:
    (found,) = console(PREMIERE).run("calendar", "--json").json
    assert found == {
        "opens": (SOON - timedelta(seconds=250 + 60, minutes=15)).isoformat(),
        "begins": SOON.isoformat(),
        "ends": (SOON + timedelta(minutes=12)).isoformat(),
        "window": "premiere",
        "scale_sets": ["first"],
        "rank": 0,
        "says": ["100 visitors"],
    }


def test_what_is_not_set_or_not_near_is_said() -> None:
    assert console().run("calendar").out == "no calendar: SCALER_CALENDAR is not set\n"
    assert console(PREMIERE).run("calendar", "--days", "1").out == "nothing within 1 day\n"


def test_a_crowd_beyond_the_most_machines_is_told_of() -> None:
    assert console(PREMIERE).run("calendar", "--json").err == (
        "premiere: 100 visitors, but first may have 20 machines (SCALER_POOL_MAX)\n"
    )
    assert console({**PREMIERE, "max": 100}).run("calendar").err == ""


def test_events_of_a_calendar_file_become_entries_that_the_setting_takes(tmp_path: Path) -> None:
    file = tmp_path / "events.ics"
    file.write_bytes(ICS.encode())
    said = Console(environment={}).run("calendar", "--ics", str(file), "--visitors", "80/12m")
    assert {each["visitors"]: each["at"] for each in said.json} == {250: SOON.isoformat(), 80: SOON.isoformat()}
    assert "left out: 'Holiday'" in said.err
    mistakes: list[str] = []
    windows = calendar(json.dumps(said.json), dict.fromkeys((), Capacity(mode=Mode.AUTO)), datetime.now(UTC), mistakes)
    assert (len(windows), mistakes) == (2, [])


def test_a_list_on_several_lines_is_taken_as_it_is_printed_and_documented() -> None:
    """App settings keep line breaks, and nobody writes a list of windows in one line."""
    lines = Console(environment=LEAST | {"SCALER_CALENDAR": json.dumps([PREMIERE, NIGHTLY], indent=2)})
    assert lines.run("calendar").out == console(PREMIERE, NIGHTLY).run("calendar").out
    (shown,) = [line for line in lines.run("settings").out.splitlines() if line.startswith("SCALER_CALENDAR ")]
    assert '[ { "name": "premiere",' in shown
    too_long = Console(environment=LEAST | {"SCALER_CALENDAR": json.dumps([PREMIERE] * 40, indent=2)})
    assert "at most 4096 printable characters; a longer list goes into a file" in too_long.run("calendar").err


@pytest.mark.parametrize(
    ("visitors", "says"), [("0", "says nothing: expected `visitors`"), ("123456", "expected a whole number from 0 to")]
)
def test_an_event_that_the_setting_would_not_take_is_left_out_and_named(
    tmp_path: Path, visitors: str, says: str
) -> None:
    file = tmp_path / "events.ics"
    file.write_bytes(ICS.replace("Visitors: 250", f"Visitors: {visitors}").encode())
    said = Console(environment={}).run("calendar", "--ics", str(file), "--visitors", "80/12m")
    assert [each["visitors"] for each in said.json] == [80]
    premiere = next(line for line in said.err.splitlines() if "Premiere" in line)
    assert says in premiere


@pytest.mark.parametrize("rules", ["FREQ=SECONDLY", "freq=minutely;INTERVAL=5", "FREQ=DAILY\r\nRRULE:FREQ=SECONDLY"])
def test_an_event_of_every_second_or_minute_is_refused_by_name(tmp_path: Path, rules: str) -> None:
    """All its times since it began would be gone through first: for minutes or days."""
    file = tmp_path / "events.ics"
    file.write_bytes(ICS.replace("FREQ=WEEKLY", rules).encode())
    said = Console(environment={}).run("calendar", "--ics", str(file), "--visitors", "80")
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith(f"{file}: the event 'Weekly' repeats every few seconds or minutes")
    assert "let the event repeat HOURLY or less often, or take it out of the file" in said.err


def test_an_event_without_a_beginning_is_no_traceback(tmp_path: Path) -> None:
    file = tmp_path / "events.ics"
    file.write_bytes("".join(line for line in ICS.splitlines(keepends=True) if "DTSTART" not in line).encode())
    said = Console(environment={}).run("calendar", "--ics", str(file))
    assert (said.status, said.err) == (2, f"{file}: cannot be read as an iCalendar file: an event has no DTSTART\n")


def test_two_events_of_one_title_and_time_are_two_windows_of_two_names(tmp_path: Path) -> None:
    """As in two halls: the visitors of both come."""
    title = "A premiere with a title that is longer than a window's name may be"
    hall = ICS.split("BEGIN:VEVENT\r\n")[1].split("END:VEVENT")[0].replace("Premiere", title)
    event, end = f"BEGIN:VEVENT\r\n{hall}END:VEVENT\r\n", "END:VCALENDAR\r\n"
    file = tmp_path / "events.ics"
    file.write_bytes((ICS.partition("BEGIN:VEVENT")[0] + event + event.replace("UID:1", "UID:9") + end).encode())
    found = console().run("calendar", "--ics", str(file)).json
    assert [each["visitors"] for each in found] == [250, 250]
    assert found[1]["name"] == f"{found[0]['name']} (2)"
    assert console(*found).run("calendar").status == 0


def test_events_without_a_number_of_visitors_are_left_out_and_named(tmp_path: Path) -> None:
    file = tmp_path / "events.ics"
    file.write_bytes(ICS.encode())
    said = Console(environment={}).run("calendar", "--ics", str(file))
    assert [each["visitors"] for each in said.json] == [250]
    assert "left out: 'Weekly'" in said.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--timezone", "Berlin"), "--timezone: 'Berlin' is no IANA time zone such as Europe/Berlin"),
        (("--ics", "no-such.ics"), "no-such.ics: cannot be read as an iCalendar file: No such file or directory"),
        (("--ics", "no-such.ics", "--visitors", "many"), "--visitors: 'many' is no number of visitors such as 100"),
    ],
)
def test_what_cannot_be_used_is_said(words: tuple[str, ...], says: str) -> None:
    said = console().run("calendar", *words)
    assert (said.status, said.out) == (2, "")
    assert says in said.err
