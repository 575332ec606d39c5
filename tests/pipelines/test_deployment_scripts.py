"""The scripts that a deployment runs: before anything is changed, to change it, and after."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

import pytest
from clock import ManualClock
from unit.test_settings import LEAST as GOOD

from infra.deployment.await_functions import FUNCTIONS, Runs, query, read, verdict, watch

ROOT = Path(__file__).parents[2]


type Checked = Callable[..., tuple[int, list[str]]]
CALENDAR = [{"name": "premiere", "at": "2026-12-24T20:00Z", "within": "12m", "visitors": 100}]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources as a package, with a calendar, and with the metadata of the extra appconfig."""
    path = tmp_path_factory.mktemp("dist") / "scaler-0.zip"
    with ZipFile(path, "w") as app:
        for each in (ROOT / "scaler").rglob("*.*"):
            if each.suffix in {".py", ".lua"}:
                app.write(each, each.relative_to(ROOT))
        app.writestr("calendar.json", json.dumps(CALENDAR))
        metadata = ".python_packages/lib/site-packages/azure_appconfiguration-1.7.0.dist-info/METADATA"
        app.writestr(metadata, "Metadata-Version: 2.1\nName: azure-appconfiguration\nVersion: 1.7.0\n")
    return path


def rows_of(settings: Mapping[str, str]) -> list[dict[str, str]]:
    """The settings in the form of the pipeline."""
    return [{"name": name, "value": value} for name, value in settings.items()]


@pytest.fixture
def checked(package: Path) -> Checked:
    """check_settings.py as the agent runs the script, on a Python that has nothing installed."""

    def check(settings: Mapping[str, str] | str, **environ: str) -> tuple[int, list[str]]:
        text = settings if isinstance(settings, str) else json.dumps(rows_of(settings))
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(ROOT / "infra" / "deployment" / "check_settings.py"), str(package)],
            env={"APP_SETTINGS": text, **environ},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stderr.splitlines()

    return check


def test_settings_that_can_be_used_are_let_through(checked: Checked) -> None:
    assert checked(GOOD) == (0, [])


def test_all_mistakes_are_told_at_once_in_the_scalers_words(checked: Checked) -> None:
    code, said = checked({**GOOD, "AZURE_SUBSCRIPTION_ID": "mine", "SCALER_POOL_CAPACITY": "many"})
    assert code == 1
    assert [line.partition(":")[0] for line in said] == ["AZURE_SUBSCRIPTION_ID", "SCALER_POOL_CAPACITY"]


def test_a_schedule_that_the_host_cannot_read_is_found_before_anything_is_changed(checked: Checked) -> None:
    code, said = checked({**GOOD, "STARTER_SCHEDULE": "every minute", "RECONCILER_SCHEDULE": "*/10 * * * * *"})
    assert (code, [line.partition(":")[0] for line in said]) == (1, ["SCALER_RECONCILER_WATCH", "STARTER_SCHEDULE"])


def test_a_calendar_is_checked_too(checked: Checked) -> None:
    event = {"name": "premiere", "at": "2026-12-24T20:00Z", "within": "12m"}
    assert checked({**GOOD, "SCALER_CALENDAR": json.dumps([event | {"visitors": 100}])}) == (0, [])
    code, said = checked({**GOOD, "SCALER_CALENDAR": json.dumps([event])})
    assert (code, [line.partition(":")[0] for line in said]) == (1, ["SCALER_CALENDAR"])


def test_a_calendar_that_comes_in_a_file_of_the_package_is_read(checked: Checked) -> None:
    assert checked({**GOOD, "SCALER_CALENDAR": "calendar.json"}) == (0, [])
    code, said = checked({**GOOD, "SCALER_CALENDAR": "calendars.json"})
    assert (code, [line.partition(":")[0] for line in said]) == (1, ["SCALER_CALENDAR"])


def test_an_extra_that_the_package_has_is_found(checked: Checked) -> None:
    assert checked({**GOOD, "SCALER_APP_CONFIGURATION": "https://pixels.azconfig.io"}) == (0, [])


def test_a_variable_that_nobody_defined_is_named(checked: Checked) -> None:
    code, said = checked({**GOOD, "REDIS_HOST": "$(REDIS_HOST)"})
    assert (code, said) == (1, ["REDIS_HOST: the variable group has no variable REDIS_HOST"])


def test_a_variable_that_would_have_no_effect_is_named(checked: Checked) -> None:
    code, said = checked(GOOD, SCALER_MAX_SURGE="3", SCALER_NAME_OF_NOTHING="x", REDIS_HOST="pixels")
    assert (code, len(said)) == (1, 1)
    assert said[0].startswith("SCALER_MAX_SURGE: is in the variable group, but not in the list of ")


@pytest.mark.parametrize("text", ["", '[{"name": "A", "value": "say "no""}]', '{"name": "A"}', "[1]", "7"])
def test_a_text_that_is_no_list_of_settings_is_refused(text: str, checked: Checked) -> None:
    code, said = checked(text)
    assert (code, len(said)) == (1, 1)
    assert said[0].startswith("APP_SETTINGS is no JSON list of names and values")


ALL_WELL = {name: Runs(successes=1, failures=0) for name in FUNCTIONS}


class Insights:
    """Application Insights with scripted answers: one after the other, then the last again and again."""

    def __init__(self, *answers: Mapping[str, Runs]) -> None:
        self.asked = 0
        self._answers: Sequence[Mapping[str, Runs]] = answers

    def __call__(self) -> Mapping[str, Runs]:
        self.asked += 1
        return self._answers[min(self.asked, len(self._answers)) - 1]


def watched(insights: Insights) -> tuple[str, float]:
    """What it says in the end, and after how many seconds."""
    clock = ManualClock()
    return watch(insights, clock.monotonic, clock.sleep), clock.monotonic()


def test_a_deployment_is_good_when_every_function_has_succeeded() -> None:
    assert watched(Insights({}, {"starter": ALL_WELL["starter"]}, ALL_WELL)) == ("", 40.0)


def test_one_failure_beside_a_success_is_no_bad_deployment() -> None:
    assert watched(Insights({**ALL_WELL, "cleaner": Runs(successes=1, failures=5)}))[0] == ""


@pytest.mark.parametrize(("failures", "patient"), [(2, True), (3, False)])
def test_a_function_that_only_fails_is_given_up(failures: int, *, patient: bool) -> None:
    said = verdict({**ALL_WELL, "cleaner": Runs(successes=0, failures=failures)})
    assert (said is None) == patient
    assert patient or (said or "").startswith("cleaner: every tick had errors")


def test_functions_that_nothing_is_heard_of_are_named_after_a_while() -> None:
    found, waited = watched(Insights({"starter": ALL_WELL["starter"]}))
    assert found.startswith("nothing good of provisioner, reconciler, cleaner in 0:12:00")
    assert 720 <= waited <= 740


def test_the_question_names_the_app_and_the_time_and_asks_for_evaluation_rows() -> None:
    asked = query("pixels-scaler", datetime(2026, 11, 21, 7, 5, tzinfo=UTC))
    assert "cloud_RoleName =~ 'pixels-scaler' and timestamp > datetime(2026-11-21T07:05:00Z)" in asked
    assert """message contains '"event": "evaluation"' | extend row = parse_json(""" in asked
    assert "indexof(message, '{')" in asked


def test_an_answer_is_read_by_the_names_of_its_columns() -> None:
    columns = [{"name": each, "type": "x"} for each in ("failures", "name", "successes")]
    answer = {"tables": [{"name": "PrimaryResult", "columns": columns, "rows": [[1, "starter", 2]]}]}
    assert read(json.dumps(answer)) == {"starter": Runs(successes=2, failures=1)}


def test_the_azure_cli_is_asked_until_all_is_well(tmp_path: Path) -> None:
    rows = [[name, 1, 0] for name in FUNCTIONS]
    columns = [{"name": each} for each in ("name", "successes", "failures")]
    (tmp_path / "answer").write_text(json.dumps({"tables": [{"columns": columns, "rows": rows}]}))
    az = tmp_path / "az"
    az.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/asked\ncat {tmp_path}/answer\n')
    az.chmod(0o755)
    script = ROOT / "infra" / "deployment" / "await_functions.py"
    options = ("--app", "pixels-scaler", "--resource-group", "rg")
    done = subprocess.run(
        [sys.executable, "-I", "-S", script, *options],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "every controller has ticked without an error since the deployment\n"
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[:7] == ["monitor", "app-insights", "query", "--app", "pixels-scaler", "--resource-group", "rg"]
