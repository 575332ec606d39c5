"""The real `az` understands every command that docs/deploy.md tells to type. It is not signed in, so none acts."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from missing import missing
from wire.terminal import AZ, ROOT

PAGE = ROOT / "docs" / "deploy.md"
NOTE = '#!/bin/bash\nprintf "%s\\0" "$@" >> "$NOTES"; echo >> "$NOTES"\n'
GIVEN = "SUBSCRIPTION=s IMAGE_ID=i MACHINES_SUBNET_ID=m storageAccount=a packagesUrl=u functionAppId=/subscriptions/s/a"
MISUSED = 2  # az's exit status for a command, an option or a value that it does not know
UNDERSTAND = f"""
import io, json, sys
from azure.cli.core import get_default_cli
codes = []
for command in json.load(sys.stdin):
    try:
        codes.append(get_default_cli().invoke(command, out_file=io.StringIO()))
    except SystemExit as ended:
        codes.append(ended.code)
print(json.dumps([code != {MISUSED} for code in codes]))
"""


def typed(page: str, folder: Path) -> list[list[str]]:
    """The arguments of each `az` on the page, as bash passes them on. Nothing else on the page can run."""
    (folder / "az").write_text(NOTE)
    (folder / "az").chmod(0o755)
    notes = folder / "notes"
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    script = re.sub(r"\S+\.bicep", "template.json", "\n".join((GIVEN, *blocks)))
    environ = {"PATH": str(folder), "NOTES": str(notes)}
    subprocess.run(["/bin/bash", "-c", script], env=environ, cwd=folder, capture_output=True, check=False)
    return [line.removesuffix("\0").split("\0") for line in notes.read_text(encoding="utf-8").splitlines()]


def understood(commands: list[list[str]], folder: Path) -> list[bool]:
    """Whether the real az knows command and options."""
    empty = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "resources": [],
    }
    (folder / "infra").mkdir(exist_ok=True)
    for name in ("template.json", "infra/parameters.json"):
        (folder / name).write_text(json.dumps(empty | {"contentVersion": "1.0.0.0"}))
    done = subprocess.run(
        [AZ.with_name("python"), "-c", UNDERSTAND],
        input=json.dumps(commands),
        env={**os.environ, "AZURE_CONFIG_DIR": str(folder / "config"), "AZURE_CORE_COLLECT_TELEMETRY": "no"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    found: list[bool] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.long
def test_az_understands_every_command_of_the_page(tmp_path: Path) -> None:
    if not AZ.exists():
        missing("azure-cli is not installed (make az)", "nobody reads the commands of docs/deploy.md")
    commands = [command for command in typed(PAGE.read_text(encoding="utf-8"), tmp_path) if command != ["login"]]
    assert len(commands) >= 14
    assert ["functionapp", "restart"] in [command[:2] for command in commands]
    misspelt = [["functionapp", "restat", "--name", "a"], ["functionapp", "restart", "--nam"]]
    assert dict(zip(map(tuple, commands + misspelt), understood(commands + misspelt, tmp_path), strict=True)) == {
        **dict.fromkeys(map(tuple, commands), True),
        **dict.fromkeys(map(tuple, misspelt), False),
    }
