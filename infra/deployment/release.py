"""Deploys with the Azure CLI: `release.py infrastructure`, then `release.py package`. Either may be repeated.

Python and a signed-in Azure CLI are needed. Every command is printed before it runs; docs/deploy.md has the same
commands for a deployment by hand.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONTAINER = "packages"
RUN_FROM = "WEBSITE_RUN_FROM_PACKAGE"
_SYNC = "syncfunctiontriggers?api-version=2024-11-01"
_TRIES = 10  # an app that has just been restarted does not answer at once
_EVERY = 15.0  # seconds

type Az = Callable[..., str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The function app, and its resource group."""

    app: str
    group: str

    @property
    def options(self) -> tuple[str, ...]:
        return ("--name", self.app, "--resource-group", self.group)

    @property
    def deployment(self) -> tuple[str, ...]:
        """Options for the deployment of infra/main.bicep."""
        return ("--name", f"scaler-{self.app}", "--resource-group", self.group)


def deploy_infrastructure(az: Az, place: Place, template: str, parameters: Mapping[str, object]) -> None:
    """Deploy the template. The app goes on with the package that it has."""
    values = {**parameters, "name": place.app, "packageUrl": package_url(az, place)}
    document = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {name: {"value": value} for name, value in values.items()},
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "parameters.json"
        file.write_text(json.dumps(document), encoding="utf-8")
        what = ("--template-file", template, "--parameters", f"@{file}")
        az("deployment", "group", "create", *place.deployment, *what, "--output", "none")


def package_url(az: Az, place: Place) -> str:
    """Address of the package that the app runs now; empty: there is no app, or no package yet."""
    apps = az("functionapp", "list", "--resource-group", place.group, "--query", "[].name", "--output", "tsv")
    if place.app.lower() not in apps.lower().split():
        return ""
    query = ("--query", f"[?name=='{RUN_FROM}'].value", "--output", "tsv")
    return az("functionapp", "config", "appsettings", "list", *place.options, *query).strip()


def deploy_package(az: Az, place: Place, package: Path, build: str, pause: Callable[[], None]) -> None:
    """Upload the package under a name of its own, unless an earlier deployment of this build did, and run it."""
    told = az("deployment", "group", "show", *place.deployment, "--query", "properties.outputs", "--output", "json")
    outputs = {name: output["value"] for name, output in json.loads(told).items()}
    blob = f"{package.stem}-{build}{package.suffix}"
    account = ("--auth-mode", "login", "--account-name", outputs["storageAccount"])
    where = (*account, "--container-name", CONTAINER, "--name", blob)
    there = az("storage", "blob", "exists", *where, "--query", "exists", "--output", "tsv")
    if there.strip() != "true":
        az("storage", "blob", "upload", *where, "--file", str(package), "--no-progress", "--output", "none")
    setting = f"{RUN_FROM}={outputs['packagesUrl']}/{blob}"
    az("functionapp", "config", "appsettings", "set", *place.options, "--settings", setting, "--output", "none")
    az("functionapp", "restart", *place.options)
    sync_triggers(az, outputs["functionAppId"], pause)


def sync_triggers(az: Az, app_id: str, pause: Callable[[], None]) -> None:
    """Tell the platform that the functions are others now. Raises CalledProcessError when Azure does not take it."""
    for left in reversed(range(_TRIES)):
        try:
            az("rest", "--method", "post", "--url", f"{app_id}/{_SYNC}")
        except subprocess.CalledProcessError:
            if not left:
                raise
            pause()
        else:
            return


def value_of(text: str) -> object:
    """A parameter as the template wants it: the pipeline knows only texts."""
    try:
        return json.loads(text if text not in {"True", "False"} else text.lower())
    except ValueError:
        return text


def rows(text: str) -> Mapping[str, str]:
    """A list of names and values, as the pipeline's templates write it."""
    return {row["name"]: str(row["value"]) for row in json.loads(text)}


def run_az(*arguments: str) -> str:
    print(f"az {shlex.join(arguments)}", flush=True)  # noqa: T201
    return subprocess.run(["az", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603, S607


def main(environ: Mapping[str, str]) -> int:
    options = _options()
    place = Place(app=options.app, group=options.resource_group)
    try:
        if options.what == "infrastructure":
            wanted: dict[str, Any] = {name: value_of(value) for name, value in rows(environ["PARAMETERS"]).items()}
            wanted["settings"] = rows(environ["APP_SETTINGS"])
            deploy_infrastructure(run_az, place, options.template, wanted)
        else:
            deploy_package(run_az, place, options.package, options.build, lambda: time.sleep(_EVERY))
    except subprocess.CalledProcessError as failed:
        print(f"az ended with {failed.returncode}; it says why above", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--app", required=True, help="name of the function app")
    parser.add_argument("--resource-group", required=True, help="and its resource group")
    what = parser.add_subparsers(dest="what", required=True)
    infrastructure = what.add_parser(
        "infrastructure", help="with $PARAMETERS and $APP_SETTINGS: lists of names, values"
    )
    infrastructure.add_argument("--template", required=True, help="infra/main.bicep, or what it compiles to")
    package = what.add_parser("package", help="upload the package, and run it")
    package.add_argument("--package", required=True, type=Path, help="the zip that `python -m infra.package` made")
    package.add_argument("--build", required=True, help="the build's number: one build, one blob")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main(os.environ))
