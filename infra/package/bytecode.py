"""Bytecode beside each source, valid whatever the source's time stamp: a mounted package changes those.

Compiled in one fresh process, in the order of the names: what is interned before a file is compiled shows in its bytes.
"""

import subprocess
import sys
from pathlib import Path

from infra.package.errors import CannotPackage

MOUNT = "/home/site/wwwroot"  # where Azure mounts the package: the only path that may stand in it


def compile_all(folder: Path) -> None:
    """Raises CannotPackage when a source cannot be compiled."""
    options = ("-q", "-s", str(folder), "-p", MOUNT, "--invalidation-mode", "unchecked-hash")
    command = [sys.executable, "-I", "-m", "compileall", *options, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise CannotPackage(f"not every file can be compiled:\n{done.stdout}{done.stderr}")
