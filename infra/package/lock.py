"""requirements.lock: every deployed dependency and theirs, by version and by the hash of the one wheel that is used.

requirements.txt pins what we chose; what that needs is chosen here, once, and not anew by every build. The versions
stand in requirements.txt too, behind what was chosen: Azure installs that file where it builds the app (remote build).
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.package.errors import CannotPackage

LOCK = Path(__file__).parent / "requirements.lock"
EXTRAS = {"appconfig": LOCK.with_name("requirements-appconfig.lock")}
"""What `--extra` adds to the package, by name: requirements-NAME.txt, locked beside the others."""

_HEADER = """\
# Written by `python -m infra.package --lock` from {requirements}; do not edit by hand.
# The wheels for Azure Functions' Linux (x86-64) and Python 3.13.
"""
_TAIL = "# What these need, as infra/package/requirements.lock has it; written by `python -m infra.package --lock`.\n"
_ROW = re.compile(r"(?P<name>\S+)==(?P<version>\S+) --hash=sha256:(?P<sha256>[0-9a-f]{64})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """One dependency. `name` in the spelling that all spellings are equal to: lower case, with hyphens."""

    name: str
    version: str
    sha256: str


def read(lock: Path = LOCK) -> tuple[Locked, ...]:
    """Raises CannotPackage for a line that is not one of ours: hand-made ones go unnoticed until they hurt."""
    if not lock.exists():
        raise CannotPackage(f"{lock.name} is not there; run `python -m infra.package --lock`")
    rows = []
    for line in lock.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        row = _ROW.fullmatch(line)
        if row is None:
            raise CannotPackage(f"{lock.name}: {line!r} is not name==version --hash=sha256:…; run --lock again")
        rows.append(Locked(**row.groupdict()))
    return tuple(rows)


def write(rows: Iterable[Locked], lock: Path = LOCK) -> None:
    """Sorted by name."""
    lines = (f"{each.name}=={each.version} --hash=sha256:{each.sha256}" for each in rows)
    header = _HEADER.format(requirements=lock.with_suffix(".txt").name)
    lock.write_text(header + "\n".join(sorted(lines)) + "\n", encoding="utf-8")


def chosen(requirements: Path) -> tuple[str, ...]:
    """The chosen requirements: the lines before the part that `complete` writes."""
    ours = requirements.read_text(encoding="utf-8").partition(_TAIL)[0]
    return _with_versions(ours)


def pinned(requirements: Path) -> tuple[str, ...]:
    """All lines with a version, those that `complete` wrote too."""
    return _with_versions(requirements.read_text(encoding="utf-8"))


def _with_versions(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


def complete(requirements: Path, rows: Iterable[Locked]) -> None:
    """Write the versions of all that the chosen ones need behind them, in the place of those before."""
    ours = requirements.read_text(encoding="utf-8").partition(_TAIL)[0]
    names = {canonical(line.partition("==")[0]) for line in chosen(requirements)}
    lines = sorted(f"{each.name}=={each.version}\n" for each in rows if each.name not in names)
    requirements.write_text(ours + _TAIL + "".join(lines), encoding="utf-8")


def from_report(report: str) -> tuple[Locked, ...]:
    """What pip says that it would install (`pip install --dry-run --report`)."""
    return tuple(_from_report(each) for each in json.loads(report)["install"])


def _from_report(item: Mapping[str, Any]) -> Locked:
    name, version = item["metadata"]["name"], item["metadata"]["version"]
    sha256 = item["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256")
    if not sha256:
        raise CannotPackage(f"the package index gives no sha256 of {name} {version}: use one that does")
    return Locked(name=canonical(name), version=version, sha256=sha256)


def canonical(name: str) -> str:
    """The one spelling of a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
