"""Settings of the host: host.json, local.settings.json, and the environment, which wins."""

import json
import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any


class CannotStart(Exception):
    """The app, the settings or the command line need the change that the message names."""


_REFERENCE = re.compile(r"%([^%]+)%")


def check_host_json(app: Path) -> None:
    """Refuse an app that the real host would refuse at once."""
    version = _json_object(app / "host.json", remedy="every function app has one").get("version")
    if version != "2.0":
        raise CannotStart(f'host.json: "version" is {json.dumps(version)}; write "2.0"')


def load(app: Path, chosen: Path | None, environ: MutableMapping[str, str]) -> None:
    """Put the `Values` of the chosen file, or of the app's local.settings.json if present, into the environment."""
    path = chosen or app / "local.settings.json"
    if chosen is None and not path.exists():
        return
    for name, value in _values(path).items():
        environ.setdefault(name, value)


def resolve(text: str, environ: Mapping[str, str]) -> str:
    """The text with every %NAME% replaced by the setting NAME."""

    def value(reference: re.Match[str]) -> str:
        name = reference[1]
        if not environ.get(name):
            raise CannotStart(
                f"%{name}% does not resolve to a value: set {name} in local.settings.json or the environment"
            )
        return environ[name]

    return _REFERENCE.sub(value, text)


def references(text: str) -> tuple[str, ...]:
    """The names of the settings that a text refers to."""
    return tuple(_REFERENCE.findall(text))


def disabled(function: str, environ: Mapping[str, str]) -> bool:
    """Whether the operator switched a function's trigger off; the second spelling is for shells that know no dots."""
    spellings = (f"AzureWebJobs.{function}.Disabled", f"AzureWebJobs__{function}__Disabled")
    return any(environ.get(spelling, "").lower() in {"true", "1"} for spelling in spellings)


def _values(path: Path) -> dict[str, str]:
    settings = _json_object(path, remedy="copy local.settings.json.example")
    if settings.get("IsEncrypted"):
        raise CannotStart(f'{path}: encrypted settings are not understood; set "IsEncrypted" to false')
    values = settings.get("Values")
    if not isinstance(values, dict):
        raise CannotStart(f'{path}: there is no "Values" object, which holds the settings')
    for name, value in values.items():
        if not isinstance(value, str):
            raise CannotStart(f"{path}: {name} is {json.dumps(value)}; settings are strings, put it in quotes")
    return values


def _json_object(path: Path, *, remedy: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise CannotStart(f"{path} does not exist; {remedy}") from None
    except ValueError as mistake:
        raise CannotStart(f"{path} is not JSON: {mistake}") from None
    if not isinstance(content, dict):
        raise CannotStart(f"{path} holds no JSON object")
    return content
