"""The locked wheels: fetched by pip for Azure's Linux, known by their hashes, and unpacked without running anything."""

import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from zipfile import ZipFile, ZipInfo

from infra.package import lock
from infra.package.errors import CannotPackage, NoIndex

PYTHON = "3.13"
_PLATFORM = "manylinux2014_x86_64"  # glibc 2.17: older than any Linux that Functions run on
_TARGET = ("--platform", _PLATFORM, "--python-version", PYTHON, "--only-binary", ":all:")
_NO_ANSWER = re.compile(r"from versions: none|connection broken|Max retries exceeded")
_INSTALLED_ELSEWHERE = re.compile(r"[^/]+\.data/(?:purelib|platlib)/")  # a wheel's other way to say site-packages
_NOT_INSTALLED = re.compile(r"[^/]+\.data/")  # scripts, headers: nothing imports them


def resolve(chosen: Iterable[str]) -> tuple[lock.Locked, ...]:
    """What the index would install today for these."""
    with tempfile.TemporaryDirectory() as nowhere:  # for another platform pip wants a target, though nothing gets there
        options = ("--quiet", "--dry-run", "--ignore-installed", "--report", "-", "--target", nowhere)
        return lock.from_report(_pip("install", *options, *_TARGET, *chosen))


def fetch(folder: Path, locks: Iterable[Path]) -> tuple[Path, ...]:
    """The locked wheels in that folder, downloaded as far as they are missing."""
    files = tuple(locks)
    wanted = {each.sha256 for file in files for each in lock.read(file)}
    if wanted - _by_hash(folder).keys():
        options = ("--quiet", "--no-deps", "--require-hashes", "--dest", str(folder))
        _pip("download", *options, *_TARGET, *(word for file in files for word in ("-r", str(file))))
    found = _by_hash(folder)
    return tuple(sorted((found[sha256] for sha256 in wanted), key=lambda path: path.name))


def unpack(wheels: Iterable[Path], site: Path) -> None:
    """Into what will be site-packages."""
    taken: dict[str, str] = {}
    for wheel in wheels:
        with ZipFile(wheel) as archive:
            for item in archive.infolist():
                place = _place(item)
                if place is None:
                    continue
                if place in taken:
                    raise CannotPackage(f"{taken[place]} and {wheel.name} both bring {place}")
                taken[place] = wheel.name
                target = site / place
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(item))


def _place(item: ZipInfo) -> str | None:
    """Where it belongs in site-packages; None where it does not."""
    name = _INSTALLED_ELSEWHERE.sub("", item.filename, count=1)
    if item.is_dir() or _NOT_INSTALLED.match(name) or name.endswith(".pyc"):
        return None
    if name.startswith("/") or ".." in PurePosixPath(name).parts:
        raise CannotPackage(f"a wheel that would write outside of site-packages: {name}")
    return name


def _by_hash(folder: Path) -> dict[str, Path]:
    return {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in folder.glob("*.whl")}


def _pip(command: str, *arguments: str) -> str:
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    done = subprocess.run([*pip, command, *arguments], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        said = "\n".join(line for line in done.stderr.splitlines() if line.startswith("ERROR"))
        if _NO_ANSWER.search(done.stderr):
            raise NoIndex(f"the package index does not answer, or lacks a wheel for {_PLATFORM}:\n{said}")
        raise CannotPackage(f"pip {command} failed; if requirements.txt has changed, run --lock:\n{said}")
    return done.stdout
