"""Where the settings come from, who we are to Azure, and what is said where either is missing."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli.console import ROOT, Console
from cli.estate import Estate

EMPTY = Console(environment={})


def write(file: Path, content: object) -> Path:
    """A settings file."""
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return file


def az(folder: Path, *, script: str) -> str:
    """A PATH with an az of our own in front."""
    command = folder / "az"
    command.write_text(f"#!{sys.executable}\n{script}\n", encoding="utf-8")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return f"{folder}:{os.environ['PATH']}"


@pytest.mark.parametrize("command", ["status", "settings"])
def test_every_mistake_is_told_at_once_and_nothing_else(command: str) -> None:
    said = EMPTY.pipe(command)
    assert (said.status, said.out) == (2, "")
    lines = said.err.splitlines()
    assert lines[0] == "settings cannot be used:"
    assert {line.split(":")[0].strip() for line in lines[1:]} >= {
        "AZURE_VMSS_NAME",
        "AZURE_RESOURCE_GROUP",
        "REDIS_URL",
    }


def test_a_settings_file_is_enough_and_the_environment_wins(estate: Estate, tmp_path: Path) -> None:
    file = write(tmp_path / "local.settings.json", {"IsEncrypted": False, "Values": estate.environment})
    said = EMPTY.pipe("--settings", str(file), "status", "--json")
    assert [each["wanted"] for each in said.json["scale_sets"]] == [3]
    said = EMPTY.pipe("--settings", str(file), "status", "--json", SCALER_POOL_CAPACITY="7")
    assert [each["wanted"] for each in said.json["scale_sets"]] == [7]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot be read (No such file or directory)"),
        ("{", "not JSON"),
        ([], 'expected {"Values": {"NAME": "value", …}}'),
        ({"Values": {"SCALER_SPEED": 20}}, "with texts only"),
        ({"IsEncrypted": True, "Values": {}}, "its values are encrypted"),
    ],
)
def test_a_settings_file_that_is_none_is_named(tmp_path: Path, content: object, complaint: str) -> None:
    file = tmp_path / "some.json"
    if content is not None:
        write(file, content)
    said = EMPTY.run("--settings", str(file), "status")
    assert said.status == 2
    assert f"{file}: " in said.err
    assert complaint in said.err


def test_defaults_are_shown_as_other_settings_make_them(console: Console) -> None:
    def shown(**settings: str) -> dict[str, str]:
        lines = console.run("settings", **settings).out.splitlines()
        return {line.split()[0]: " ".join(line.split()[1:3]) for line in lines}

    assert shown(SCALER_POOL_CAPACITY="3")["SCALER_CAPACITY"] == "fixed (default)"
    assert shown(SCALER_POOL_CAPACITY="")["SCALER_CAPACITY"] == "auto (default)"
    preset = shown(SCALER_PRESET="Balanced", SCALER_POOL_CAPACITY="")
    assert preset["SCALER_FOUND_AT_ONCE"] == "99.9% (default)"
    assert preset["SCALER_WARMPOOL_SIZE"] == "auto (default)"


def test_settings_are_shown_as_they_take_effect_and_secrets_are_not(console: Console) -> None:
    said = console.run("settings", REDIS_PASSWORD="hunter2")
    assert said.status == 0
    lines = {line.split()[0]: line for line in said.out.splitlines()}
    assert "3  " in lines["SCALER_POOL_CAPACITY"]
    assert "1h (default)" in lines["SCALER_VM_RUNTIME"]
    assert "(set)" in lines["REDIS_URL"]
    assert "hunter2" not in said.out
    assert "redis://" not in lines["REDIS_URL"].removesuffix(lines["REDIS_URL"].partition("(set)")[2])


class TestCredential:
    """Inside Azure the managed identity, elsewhere whoever is logged in with az."""

    TOKEN = (
        "import json, sys\n"
        "assert sys.argv[1:3] == ['account', 'get-access-token'], sys.argv\n"
        "token = {'accessToken': 'from-az', 'expiresOn': '2099-01-01 00:00:00.000000', 'expires_on': 4070908800}\n"
        "print(json.dumps(token))"
    )
    NOBODY = "import sys\nprint(\"ERROR: Please run 'az login' to setup account.\", file=sys.stderr)\nsys.exit(1)"

    def _outside(self, estate: Estate) -> dict[str, Any]:
        return {name: value for name, value in estate.environment.items() if not name.startswith("IDENTITY_")}

    def test_on_an_operators_machine_it_is_whoever_said_az_login(self, estate: Estate, tmp_path: Path) -> None:
        outside = Console(environment=self._outside(estate))
        said = outside.pipe("plan", "provisioner", PATH=az(tmp_path, script=self.TOKEN))
        assert (said.status, said.err) == (0, "")

    @pytest.mark.parametrize("installed", [True, False])
    def test_nobody_is_logged_in_or_there_is_no_az(self, estate: Estate, tmp_path: Path, *, installed: bool) -> None:
        path = az(tmp_path, script=self.NOBODY) if installed else str(tmp_path)
        said = Console(environment=self._outside(estate)).pipe("plan", "provisioner", PATH=path)
        assert said.status == 1
        assert said.err.startswith("no token for Azure: say `az login`, or --credential managed-identity")
        assert "Traceback" not in said.err

    def test_inside_azure_az_is_asked_only_where_that_is_wanted(self, estate: Estate, tmp_path: Path) -> None:
        inside = estate.console
        path = az(tmp_path, script=self.NOBODY)
        assert inside.pipe("plan", "provisioner", PATH=path).status == 0
        assert inside.pipe("--credential", "az", "plan", "provisioner", PATH=path).status == 1

    def test_an_identity_that_is_not_there_is_named(self, estate: Estate) -> None:
        said = estate.console.run("plan", "provisioner", IDENTITY_HEADER="wrong")
        assert said.status == 1
        assert said.err.startswith("no token for Azure: is a managed identity assigned")


class TestAsAProgram:
    """`python -m scaler` without a command, and its imports."""

    def test_without_a_command_it_explains_itself(self) -> None:
        said = EMPTY.pipe()
        assert "Take over a running installation." in said.out + said.err
        assert said.status == 2

    def test_a_command_that_is_none_is_a_mistake_in_the_command_line(self) -> None:
        said = EMPTY.pipe("statu")
        assert said.status == 2
        assert "status" in said.err

    @pytest.mark.parametrize("missing", ["typer", "rich"])
    def test_without_its_extra_it_says_how_to_get_it(self, missing: str) -> None:
        hidden = (
            f"import runpy, sys; sys.modules['{missing}'] = None; sys.argv = ['scaler'];"
            " runpy.run_module('scaler', run_name='__main__')"
        )
        done = subprocess.run([sys.executable, "-c", hidden], cwd=ROOT, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"{missing} is not installed: pip install '.[cli]'\n"

    @pytest.mark.parametrize("module", ["function_app", "scaler.runtime"])
    def test_nothing_deployed_imports_it(self, module: str) -> None:
        ask = f"import sys, json, {module}; print(json.dumps(sorted(sys.modules)))"
        done = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True)
        loaded = {name.split(".")[0] for name in json.loads(done.stdout)} | set(json.loads(done.stdout))
        assert {"scaler", "scaler.runtime"} <= loaded
        assert not loaded & {"typer", "rich", "pydantic", "scaler.cli"}
