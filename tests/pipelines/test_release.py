"""release.py: which commands of the Azure CLI it runs, in which order, and what it does when one fails."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.deployment.release import (
    Place,
    deploy_infrastructure,
    deploy_package,
    package_url,
    rows,
    sync_triggers,
    value_of,
)

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "infra" / "deployment" / "release.py"
PLACE = Place(app="pixels-scaler", group="rg-pixels")
APP_ID = "/subscriptions/s/resourceGroups/rg-pixels/providers/Microsoft.Web/sites/pixels-scaler"
OLD = "https://pixels.blob.core.windows.net/packages/scaler-0.1.0-20261129.1.zip"
OUTPUTS = {
    "functionAppId": {"type": "String", "value": APP_ID},
    "storageAccount": {"type": "String", "value": "pixels"},
    "packagesUrl": {"type": "String", "value": "https://pixels.blob.core.windows.net/packages"},
}


class Cli:
    """The Azure CLI with scripted answers, by the beginning of the command. What it was told is kept."""

    def __init__(self, answers: Mapping[str, str] | None = None, *, sync_fails: int = 0) -> None:
        self.ran: list[str] = []
        self.parameters: dict[str, Any] = {}
        self._sync_fails = sync_fails
        self._answers = {"deployment group show": json.dumps(OUTPUTS), **(answers or {})}

    def __call__(self, *arguments: str) -> str:
        command = " ".join(arguments)
        self.ran.append(command)
        for argument in arguments:
            if argument.startswith("@"):
                self.parameters = json.loads(Path(argument[1:]).read_text(encoding="utf-8"))["parameters"]
        if arguments[0] == "rest" and self._sync_fails:
            self._sync_fails -= 1
            raise subprocess.CalledProcessError(1, "az")
        return next((answer for begin, answer in self._answers.items() if command.startswith(begin)), "")

    def verbs(self) -> list[str]:
        return [command.partition(" --")[0] for command in self.ran]


def deployed(cli: Cli, build: str = "20261130.4") -> Cli:
    deploy_package(cli, PLACE, Path("scaler-0.1.0.zip"), build, lambda: None)
    return cli


def test_new_infrastructure_leaves_the_package_that_the_app_runs() -> None:
    cli = Cli({"functionapp list": "other\nPixels-Scaler\n", "functionapp config appsettings list": f"{OLD}\n"})
    deploy_infrastructure(cli, PLACE, "infra.json", {"settings": {"REDIS_AUTH": "entra"}, "assignRoles": False})
    assert cli.parameters == {
        "name": {"value": "pixels-scaler"},
        "packageUrl": {"value": OLD},
        "settings": {"value": {"REDIS_AUTH": "entra"}},
        "assignRoles": {"value": False},
    }
    assert cli.verbs()[-1] == "deployment group create"
    assert "--name scaler-pixels-scaler --resource-group rg-pixels --template-file infra.json" in cli.ran[-1]


def test_an_app_that_is_not_there_yet_has_no_package() -> None:
    cli = Cli({"functionapp list": "pixels-scaler-2\n"})
    assert package_url(cli, PLACE) == ""
    assert cli.verbs() == ["functionapp list"]


def test_a_package_is_uploaded_under_the_builds_name_then_run_and_then_the_triggers_are_synced() -> None:
    cli = deployed(Cli({"storage blob exists": "false\n"}))
    assert cli.verbs() == [
        "deployment group show",
        "storage blob exists",
        "storage blob upload",
        "functionapp config appsettings set",
        "functionapp restart",
        "rest",
    ]
    assert "--name scaler-0.1.0-20261130.4.zip --file scaler-0.1.0.zip" in cli.ran[2]
    url = "https://pixels.blob.core.windows.net/packages/scaler-0.1.0-20261130.4.zip"
    assert f"--settings WEBSITE_RUN_FROM_PACKAGE={url} " in cli.ran[3]
    assert cli.ran[5] == f"rest --method post --url {APP_ID}/syncfunctiontriggers?api-version=2024-11-01"


def test_no_blob_is_ever_overwritten() -> None:
    cli = deployed(Cli({"storage blob exists": "true\n"}))
    assert cli.verbs() == [
        "deployment group show",
        "storage blob exists",
        "functionapp config appsettings set",
        "functionapp restart",
        "rest",
    ]
    assert not [command for command in [*cli.ran, *deployed(Cli()).ran] if "--overwrite" in command]


def test_no_command_asks_for_a_key_of_the_storage_account() -> None:
    blobs = [command for command in deployed(Cli()).ran if command.startswith("storage")]
    assert len(blobs) == 2
    assert all("--auth-mode login --account-name pixels" in command for command in blobs)


def test_the_sync_is_repeated_until_the_app_has_restarted() -> None:
    pauses: list[int] = []
    cli = Cli(sync_fails=9)
    sync_triggers(cli, APP_ID, lambda: pauses.append(1))
    assert (len(cli.ran), len(pauses)) == (10, 9)


def test_a_sync_that_never_succeeds_is_a_failure() -> None:
    cli = Cli(sync_fails=10)
    with pytest.raises(subprocess.CalledProcessError):
        sync_triggers(cli, APP_ID, lambda: None)
    assert len(cli.ran) == 10


@pytest.mark.parametrize(
    ("text", "value"),
    [("false", False), ("False", False), ("90", 90), ('["/a"]', ["/a"]), ("EP1", "EP1"), ("", ""), ("a,b", "a,b")],
)
def test_a_parameter_has_the_type_that_it_is_spelled_as(text: str, value: object) -> None:
    assert value_of(text) == value


def test_rows_are_texts_whatever_yaml_made_of_them() -> None:
    assert rows('[{"name": "REDIS_SSL", "value": true}]') == {"REDIS_SSL": "True"}


def run_script(
    folder: Path, *options: str, status: int = 0, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """release.py as the agent runs it, with an Azure CLI that writes its arguments down."""
    az = folder / "az"
    az.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {folder}/ran\nexit {status}\n')
    az.chmod(0o755)
    place = ("--app", "pixels-scaler", "--resource-group", "rg-pixels")
    return subprocess.run(
        [sys.executable, "-I", "-S", SCRIPT, *place, *options],
        env={"PATH": f"{folder}:/usr/bin:/bin", **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_command_is_printed_as_it_could_be_typed(tmp_path: Path) -> None:
    environ = {"PARAMETERS": "[]", "APP_SETTINGS": '[{"name": "REDIS_AUTH", "value": "entra"}]'}
    done = run_script(tmp_path, "infrastructure", "--template", "infra.json", environ=environ)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert first == "az functionapp list --resource-group rg-pixels --query '[].name' --output tsv"
    assert second.startswith("az deployment group create --name scaler-pixels-scaler ")


def test_a_command_that_fails_ends_the_deployment(tmp_path: Path) -> None:
    done = run_script(tmp_path, "package", "--package", "scaler.zip", "--build", "1", status=3)
    assert (done.returncode, done.stderr) == (1, "az ended with 3; it says why above\n")
    assert len((tmp_path / "ran").read_text().splitlines()) == 1


def test_the_page_tells_to_type_the_same_commands() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    section = page.partition("### 3. The package")[2].partition("\n### ")[0]
    typed = [line.partition(" --")[0] for line in section.splitlines() if line.startswith("az ")]
    ran = deployed(Cli()).verbs()
    assert typed == [f"az {verb}" for verb in ran if verb not in {"deployment group show", "storage blob exists"}]
