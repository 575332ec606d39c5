"""Check new settings with the app in a package: check_settings.py PACKAGE.

deploy.yml runs this check before any change, with the future settings in $APP_SETTINGS. Python alone is needed: the
code that reads the settings is in the package.
"""

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

_UNSET = re.compile(r"\$\((\w+)\)")  # Azure Pipelines leaves the name of a variable that nobody defined where it stood


def main(package: str, environ: Mapping[str, str]) -> int:
    """0: they can be used. 1: standard error has a line for each mistake."""
    with TemporaryDirectory() as folder, ZipFile(package) as app:
        app.extractall(folder)  # a calendar's file is opened by its path, and an extra is found by its metadata
        found = mistakes(Path(folder), environ.get("APP_SETTINGS", ""), environ)
    for each in found:
        print(each, file=sys.stderr)  # noqa: T201
    return 1 if found else 0


def mistakes(app: Path, text: str, environ: Mapping[str, str]) -> list[str]:
    """The mistakes in the settings, with remedies."""
    try:
        settings = {row["name"]: row["value"] for row in json.loads(text)}
    except (ValueError, TypeError, KeyError) as mistake:
        remedy = "is there a quote or a backslash in a variable?"
        return [f"APP_SETTINGS is no JSON list of names and values ({mistake!r}); {remedy}"]
    unset = {name: _UNSET.findall(value) for name, value in settings.items()}
    found = [f"{name}: the variable group has no variable {each}" for name, row in unset.items() for each in row]
    return found or [*_refused(app, settings), *_forgotten(settings, environ)]


def _refused(app: Path, settings: Mapping[str, str]) -> list[str]:
    sys.path[:0] = [str(app), str(app / ".python_packages/lib/site-packages")]  # the latter for a calendar
    from scaler.settings import InvalidSettings, load  # noqa: PLC0415 -- the package's own

    try:
        load(settings)
    except InvalidSettings as invalid:
        return list(invalid.mistakes)
    return []


def _forgotten(settings: Mapping[str, str], environ: Mapping[str, str]) -> list[str]:
    """The group's variables are in the environment, and one that no template mentions would have no effect."""
    from scaler.settings import SETTINGS  # noqa: PLC0415

    names = [each.name for each in SETTINGS if each.name in environ and each.name not in settings]
    return [f"{name}: is in the variable group, but not in the list of templates/region.yml" for name in names]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], os.environ))
