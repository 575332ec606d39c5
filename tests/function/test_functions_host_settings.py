"""Settings come from a file and the environment, schedules are read as in Azure; what the host cannot use it names."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from emulator.functions_host import local_settings
from emulator.functions_host.local_settings import CannotStart
from emulator.functions_host.ncrontab import parse


def settings_file(folder: Path, content: object) -> Path:
    path = folder / "local.settings.json"
    path.write_text(json.dumps(content))
    return path


def test_the_environment_beats_the_file(tmp_path: Path) -> None:
    settings_file(tmp_path, {"Values": {"A": "file", "B": "file"}})
    environ = {"A": "environment"}
    local_settings.load(tmp_path, None, environ)
    assert environ == {"A": "environment", "B": "file"}


def test_a_chosen_settings_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"other\.json does not exist; copy local\.settings\.json\.example"):
        local_settings.load(tmp_path, tmp_path / "other.json", {})


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"IsEncrypted": True, "Values": {}}, 'set "IsEncrypted" to false'),
        ({}, 'there is no "Values" object'),
        ({"Values": {"CAPACITY": 10}}, "CAPACITY is 10; settings are strings"),
        ([], "holds no JSON object"),
    ],
)
def test_an_unusable_settings_file_is_refused(tmp_path: Path, content: object, complaint: str) -> None:
    path = settings_file(tmp_path, content)
    with pytest.raises(CannotStart, match=complaint):
        local_settings.load(tmp_path, path, {})


def test_references_are_replaced_wherever_they_stand() -> None:
    assert local_settings.resolve("%SECOND% * * * * %DAY%", {"SECOND": "*/5", "DAY": "0"}) == "*/5 * * * * 0"
    assert local_settings.resolve("*/5 * * * * *", {}) == "*/5 * * * * *"


@pytest.mark.parametrize("environ", [{}, {"NIGHTLY": ""}])
def test_a_reference_to_a_setting_without_a_value_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(CannotStart, match="%NIGHTLY% does not resolve to a value: set NIGHTLY in"):
        local_settings.resolve("%NIGHTLY%", environ)


@pytest.mark.parametrize("spelling", ["AzureWebJobs.cleaner.Disabled", "AzureWebJobs__cleaner__Disabled"])
def test_a_function_is_disabled_by_either_spelling(spelling: str) -> None:
    assert local_settings.disabled("cleaner", {spelling: "True"})
    assert local_settings.disabled("cleaner", {spelling: "1"})
    assert not local_settings.disabled("cleaner", {spelling: "false"})
    assert not local_settings.disabled("starter", {spelling: "true"})


def test_an_app_has_a_host_json_of_version_two(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"host\.json does not exist"):
        local_settings.check_host_json(tmp_path)
    (tmp_path / "host.json").write_text("{}")
    with pytest.raises(CannotStart, match=r'"version" is null; write "2\.0"'):
        local_settings.check_host_json(tmp_path)
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    local_settings.check_host_json(tmp_path)


# A Saturday.
NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)

at = partial(datetime, tzinfo=UTC)


def following(expression: str, count: int = 1, start: datetime = NOON) -> list[datetime]:
    schedule = parse(expression, setting="SOME_SCHEDULE")
    moments = [start]
    for _ in range(count):
        moments.append(schedule.next_after(moments[-1]))
    return moments[1:]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param("*/20 * * * * *", [NOON + SECOND * n for n in (20, 40, 60, 80)], id="the first of six is seconds"),
        pytest.param("7/15 * * * * *", [NOON + SECOND * n for n in (7, 22, 37, 52, 67)], id="a step from a number"),
        pytest.param("*/5 * * * *", [NOON + SECOND * n for n in (300, 600)], id="five fields mean second zero"),
        pytest.param("0 0 12 * * *", [NOON + timedelta(days=1)], id="a moment is not its own successor"),
        pytest.param("0 0 0 13 * 5", [at(2027, 8, 13), at(2028, 10, 13)], id="day and weekday must both match"),
        pytest.param("0 0 0 * * 0", [at(2026, 11, 22)], id="Sunday is 0"),
        pytest.param("0 0 0 * * SUN", [at(2026, 11, 22)], id="days have names"),
        pytest.param("0 30 9 * jan MON-FRI", [at(2027, 1, 1, 9, 30)], id="months have names"),
    ],
)
def test_a_schedule_fires_as_azures_host_would(expression: str, expected: list[datetime]) -> None:
    assert following(expression, len(expected)) == expected


def test_a_moment_within_a_second_is_followed_by_the_next_whole_second() -> None:
    assert following("* * * * * *", start=NOON + timedelta(microseconds=1)) == [NOON + SECOND]


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
