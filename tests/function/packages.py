"""The deployable zip, built once for a test run; and a Python that has nothing but what a package brings."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import pytest
from function.host_process import ROOT

NO_INDEX = 3  # the exit code of infra.package when the package index does not answer
SITE = Path(".python_packages/lib/site-packages")


def build(to: Path, wheels: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """`make package`, with the wheels kept."""
    return subprocess.run(
        [sys.executable, "-m", "infra.package", "--to", to, "--wheels", wheels],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def built_once(shared: Path) -> Path:
    """The zip in that folder, which several processes may ask for at the same time."""
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not list(shared.glob("*.zip")):
            done = build(shared, shared / "wheels")
            if done.returncode == NO_INDEX and not os.environ.get("CI"):
                pytest.skip("the package index does not answer: NO PACKAGE IS BUILT OR TESTED")
            assert done.returncode == 0, done.stderr
    (found,) = shared.glob("*.zip")
    return found


def bare_python(app: Path, program: str, *paths: Path) -> list[str]:
    """A command line: this Python without anything that is installed, with the app's own packages, as in Azure."""
    search = [str(app / SITE), *map(str, paths)]
    python = Path(sys.base_prefix) / "bin" / "python{}.{}".format(*sys.version_info)  # not the virtual environment's
    return [str(python), "-I", "-S", "-c", f"import sys; sys.path[:0] = {search!r}\n{program}"]


def host_beside(folder: Path) -> Path:
    """The stand-in for the host, with what only it needs, away from the repository's scaler."""
    shutil.copytree(ROOT / "emulator" / "functions_host", folder / "emulator" / "functions_host")
    shutil.copyfile(ROOT / "emulator" / "__init__.py", folder / "emulator" / "__init__.py")
    for distribution in ("croniter", "python-dateutil"):
        for path in metadata.files(distribution) or ():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path.locate(), target)
    return folder


def make_read_only(folder: Path) -> None:
    """For everybody but root, whom nothing stops: see `state`."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)


def state(folder: Path) -> Mapping[Path, tuple[int, int]]:
    """Every file and folder, with its size and the time of its last change."""
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in (folder, *folder.rglob("*"))}
