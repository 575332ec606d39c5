"""Settings come from a file and the environment; what the host cannot use it names."""

import json
from pathlib import Path

import pytest

from emulator.functions_host import local_settings
from emulator.functions_host.local_settings import CannotStart


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
