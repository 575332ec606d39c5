"""How much memory a piece of work takes at its peak, where the operating system tells."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(slots=True)
class Footprint:
    """In MB, above what the process held before."""

    peak: int = 0


@contextmanager
def footprint() -> Iterator[Footprint]:
    """Of the block. Only Linux tells."""
    found = Footprint()
    try:
        _CLEAR.write_text("5", encoding="ascii")  # the high-water mark falls to what is in use now
    except OSError:
        pytest.skip("the peak of a process's memory is told on Linux only")
    before = _megabytes("VmRSS")
    yield found
    found.peak = _megabytes("VmHWM") - before


def _megabytes(name: str) -> int:
    (line,) = (each for each in _STATUS.read_text(encoding="ascii").splitlines() if each.startswith(f"{name}:"))
    return int(line.split()[1]) // 1024
