"""A zip of a folder's contents: sorted, with one time stamp and one mode for all, so that nothing tells who made it."""

import stat
import time
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from infra.package.errors import CannotPackage

_EARLIEST = 315_532_800  # 1980-01-01: a zip knows no earlier time
_UNIX = 3
_MODE = (stat.S_IFREG | 0o644) << 16


def moment(environ: Mapping[str, str]) -> time.struct_time:
    """SOURCE_DATE_EPOCH, as distributions set it; else the earliest there is, whenever it is built."""
    text = environ.get("SOURCE_DATE_EPOCH") or "0"
    if not text.isdecimal():
        raise CannotPackage(
            f"SOURCE_DATE_EPOCH: {text!r} is no number of seconds; unset it, or `git log -1 --format=%ct`"
        )
    return time.gmtime(max(int(text), _EARLIEST))


def write(folder: Path, archive: Path, at: time.struct_time) -> None:
    """All files of the folder, below its name. The zip appears when it is complete, or not at all."""
    unfinished = archive.with_suffix(".part")
    with ZipFile(unfinished, "w", ZIP_DEFLATED) as target:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = ZipInfo(path.relative_to(folder).as_posix(), at[:6])
            entry.create_system, entry.external_attr = _UNIX, _MODE
            target.writestr(entry, path.read_bytes(), ZIP_DEFLATED)
    unfinished.replace(archive)
