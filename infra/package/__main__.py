"""The command line: python -m infra.package makes dist/scaler-<version>.zip."""

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

from infra.package import app, archive, bytecode, lock, release, wheels
from infra.package.errors import CannotPackage, NoIndex
from scaler import VERSION

_SITE = Path(".python_packages") / "lib" / "site-packages"  # where Functions' Python worker looks
_EPILOG = "exit codes: 0 made · 2 not made: standard error says what to change · 3 the package index does not answer"


def main() -> int:
    options = _options()
    try:
        if options.lock:
            requirements = app.ROOT / "requirements.txt"
            rows = wheels.resolve(lock.chosen(requirements))
            lock.write(rows)
            lock.complete(requirements, rows)
            for name, file in lock.EXTRAS.items():
                _lock_extra(app.ROOT / f"requirements-{name}.txt", file)
            return _say(f"{lock.LOCK.relative_to(app.ROOT)}: {len(lock.read())} dependencies")
        made = make(options.to, options.wheels, options.extra)
        if options.release:
            folder = release.make(made, options.to)
            return _say((folder / release.SUMS).read_text(encoding="utf-8").rstrip() + f"\n{os.path.relpath(folder)}/")
        return _say(_told(made))
    except CannotPackage as mistake:
        print(f"no package was made: {mistake}", file=sys.stderr)  # noqa: T201
        return 3 if isinstance(mistake, NoIndex) else 2


def make(to: Path, kept: Path | None, extras: Collection[str] = ()) -> Path:
    """The zip, in that folder. Wheels are taken from, and kept in, the folder `kept`, if there is one."""
    locks = (lock.LOCK, *(file for name, file in lock.EXTRAS.items() if name in extras))
    _check_python()
    at = archive.moment(os.environ)
    with tempfile.TemporaryDirectory(prefix="scaler-package-") as scratch:
        folder, fetched = Path(scratch) / "app", kept or Path(scratch) / "wheels"
        fetched.mkdir(parents=True, exist_ok=True)
        _copy_app(folder)
        wheels.unpack(wheels.fetch(fetched, locks), folder / _SITE)
        bytecode.compile_all(folder)
        to.mkdir(parents=True, exist_ok=True)
        made = to / f"scaler-{VERSION}.zip"
        archive.write(folder, made, at)
    return made


def _lock_extra(requirements: Path, file: Path) -> None:
    """Lock what an extra needs beyond the package, at the package's own versions of the rest."""
    known = {each.name for each in lock.read()}
    rows = wheels.resolve((*lock.pinned(app.ROOT / "requirements.txt"), *lock.chosen(requirements)))
    lock.write((each for each in rows if each.name not in known), file)


def _copy_app(folder: Path) -> None:
    for path in app.deployed():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(app.ROOT / path, folder / path)


def _check_python() -> None:
    running = "{}.{}".format(*sys.version_info)
    if running != wheels.PYTHON or sys.implementation.name != "cpython":
        raise CannotPackage(
            f"this is Python {running}, and only the bytecode of CPython {wheels.PYTHON} is of use in Azure; "
            f"run it with python{wheels.PYTHON}"
        )


def _told(made: Path) -> str:
    content = made.read_bytes()
    return f"{os.path.relpath(made)}: {len(content) / 1e6:.1f} MB, sha256 {hashlib.sha256(content).hexdigest()}"


def _say(line: str) -> int:
    print(line)  # noqa: T201
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.package", description=__doc__, epilog=_EPILOG)
    parser.add_argument("--to", type=Path, default=app.ROOT / "dist", metavar="DIR", help="where the zip goes (dist/)")
    parser.add_argument(
        "--wheels", type=Path, metavar="DIR", help="keep the downloaded wheels here, and use them again"
    )
    parser.add_argument(
        "--extra",
        action="append",
        default=[],
        choices=tuple(lock.EXTRAS),
        help="with what requirements-NAME.txt asks for; appconfig: for SCALER_APP_CONFIGURATION",
    )
    parser.add_argument(
        "--release", action="store_true", help="make all that a release holds, with checksums: dist/release-<version>/"
    )
    parser.add_argument(
        "--lock", action="store_true", help="choose all versions anew from requirements.txt, and make no zip"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
