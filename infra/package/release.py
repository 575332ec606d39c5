"""What a release holds: the package, the command line with the Python client, scripts, deployment, checksums."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from infra.package import app, archive
from infra.package.errors import CannotPackage
from scaler import VERSION
from scaler.registry.keys import ScriptName, script_text

_DEPLOYMENT = (
    *("infra/main.bicep", "infra/modules/*.bicep", "infra/examples/*.bicep", "infra/parameters.example.json"),
    *("infra/deployment/*.py", "docs/azure-role*.json", "docs/deploy.md", "docs/identities.md"),
    *("monitoring/*.json", "monitoring/*.yml", "monitoring/functions/*.kql", "docs/monitoring.md"),
    *("monitoring/kubernetes/*.yaml", "guest/*"),
)
_RUNBOOK = Path("docs/operations.md")  # to which `scaler web` links
_CONTRACT = Path("docs/redis-contract.md")
SUMS = "SHA256SUMS"


def make(package: Path, to: Path) -> Path:
    """A folder with everything that a release holds, beside the package's. Raises CannotPackage."""
    check_changelog((app.ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    folder, at = to / f"release-{VERSION}", archive.moment(os.environ)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copyfile(package, folder / package.name)
    _wheel(folder)
    with tempfile.TemporaryDirectory(prefix="scaler-release-") as scratch:
        _write(Path(scratch) / "scripts", _scripts(), folder / f"scripts-{VERSION}.zip", at)
        _write(Path(scratch) / "deployment", _deployment(), folder / f"deployment-{VERSION}.zip", at)
    sums = (f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {each.name}\n" for each in sorted(folder.iterdir()))
    (folder / SUMS).write_text("".join(list(sums)), encoding="utf-8")
    return folder


def check_changelog(text: str) -> None:
    """Raises CannotPackage where the changelog does not tell what this version brings."""
    if f"\n## [{VERSION}] - " not in text:
        raise CannotPackage(f"CHANGELOG.md has no section of its own for {VERSION}: `## [{VERSION}] - DATE`")


def _scripts() -> Iterable[tuple[str, bytes]]:
    """The queue manager's scripts, each whole, and the contract that says how to call them."""
    for name in ScriptName:
        if name.of_a_session:
            yield f"{name}.lua", script_text(name).encode()
    yield _CONTRACT.name, (app.ROOT / _CONTRACT).read_bytes()


def _deployment() -> Iterable[tuple[str, bytes]]:
    for pattern in _DEPLOYMENT:
        found = sorted(app.ROOT.glob(pattern))
        if not found:
            raise CannotPackage(f"{pattern}: there is no such file, and a release holds it")
        yield from ((str(path.relative_to(app.ROOT)), path.read_bytes()) for path in found)


def _write(folder: Path, files: Iterable[tuple[str, bytes]], to: Path, at: time.struct_time) -> None:
    for name, content in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    archive.write(folder, to, at)


def _wheel(folder: Path) -> None:
    """The command line and the Python client, for pip."""
    with tempfile.TemporaryDirectory(prefix="scaler-wheel-") as scratch:
        source = Path(scratch) / "source"
        source.mkdir()
        for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
            shutil.copyfile(app.ROOT / name, source / name)
        shutil.copytree(app.ROOT / "scaler", source / "scaler", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copyfile(app.ROOT / _RUNBOOK, source / "scaler" / "cli" / "web" / _RUNBOOK.name)
        command = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps", ".")
        done = subprocess.run(  # noqa: S603
            (*command, "--wheel-dir", folder.resolve()),
            cwd=source,
            env={**os.environ, "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", "315532800")},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise CannotPackage(f"pip made no wheel: {done.stderr.strip()[-500:]}")
