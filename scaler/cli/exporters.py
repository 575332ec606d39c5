"""What a GPU exporter says: DCGM exporter, nvidia_gpu_exporter, or the GPU collector of windows_exporter.

An exporter runs on a machine that a visitor has, so nothing in its text is trusted: time, size and lines are bounded,
and a number that no GPU has says nothing. Reading line by line is enough, because no label is looked at.
"""

import re
import socket
import time
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

_PATIENCE = 5.0  # seconds for a whole answer
MOST = 2 * 2**20  # bytes: windows_exporter with every collector has written less than half of it
_LINES, _LINE = 500, 4096  # lines about GPUs, and characters of one
_LARGEST = 2.0**44  # bytes of memory; DCGM writes 2^63 and the like where it knows nothing
_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")


class Figure(StrEnum):
    """What is told of a machine's GPUs."""

    USE = "gpu"  # the share of the time, of the busiest GPU
    ENCODER = "encoder"  # the same of its video encoder
    MEMORY = "memory"  # bytes in use, of all GPUs


_KNOWN: Mapping[str, tuple[Figure, float]] = {
    "DCGM_FI_DEV_GPU_UTIL": (Figure.USE, 0.01),
    "DCGM_FI_DEV_ENC_UTIL": (Figure.ENCODER, 0.01),
    "DCGM_FI_DEV_FB_USED": (Figure.MEMORY, 2.0**20),
    "nvidia_smi_utilization_gpu_ratio": (Figure.USE, 1.0),
    "nvidia_smi_utilization_encoder_ratio": (Figure.ENCODER, 1.0),
    "nvidia_smi_memory_used_bytes": (Figure.MEMORY, 1.0),
    "windows_gpu_adapter_memory_dedicated_bytes": (Figure.MEMORY, 1.0),  # its use is a counter: rules tell it over time
}
"""The metrics of the three exporters, and what one is worth in the unit of the figure."""


class Unread(Exception):
    """An exporter could not be read; the sentence says why, and what to do."""


def read(place: str, patience: float = _PATIENCE) -> Mapping[Figure, float]:
    """The figures of an exporter at an http address, or in a file. Raises Unread."""
    try:
        text = _fetched(place, patience) if place.startswith(("http:", "https:")) else _in_file(place)
    except TimeoutError:
        raise Unread(
            f"{place}: no whole answer within {patience:g} s; check that the exporter runs, and its port is open to you"
        ) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise Unread(f"{place}: cannot be read ({why}); check the address, and that an exporter runs there") from None
    return figures(place, text)


def figures(place: str, text: str) -> Mapping[Figure, float]:
    """The figures in the text of an exporter. Raises Unread where it tells of no GPU."""
    numbers: dict[Figure, list[float]] = {}
    for figure, number in _numbers(place, text):
        numbers.setdefault(figure, []).append(number)
    if not numbers:
        raise Unread(
            f"{place}: tells of no GPU; name a DCGM exporter, an nvidia_gpu_exporter, or a windows_exporter with its"
            " collector gpu"
        )
    return {figure: sum(each) if figure is Figure.MEMORY else max(each) for figure, each in numbers.items()}


def _numbers(place: str, text: str) -> Iterator[tuple[Figure, float]]:
    lines = 0
    for line in text.split("\n"):
        name = _NAME.match(line)
        if name is None or name[0] not in _KNOWN:
            continue
        lines += 1
        if lines > _LINES or len(line) > _LINE:
            raise Unread(f"{place}: more about GPUs than a machine can have; look at the exporter, or name another one")
        figure, unit = _KNOWN[name[0]]
        number = _value(line[name.end() :]) * unit
        if 0 <= number <= (_LARGEST if figure is Figure.MEMORY else 1):  # never of NaN
            yield figure, number


def _value(rest: str) -> float:
    """The value behind the labels, which may hold anything but no line end; NaN where there is none."""
    words = rest.rpartition("}")[2].split()
    try:
        return float(words[0]) if words else float("nan")
    except ValueError:
        return float("nan")


def _in_file(place: str) -> str:
    with Path(place).open("rb") as file:
        return _bounded(file.read(MOST + 1))


def _bounded(content: bytes) -> str:
    if len(content) > MOST:
        raise ValueError(f"more than {MOST // 2**20} MiB")
    return content.decode(errors="replace")


def _fetched(address: str, patience: float) -> str:
    """The body of an answer. By HTTP/1.0 on a socket: one deadline for all of it, however slowly it drips."""
    ends, parts = time.monotonic() + patience, urlsplit(address)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("only http://HOST:PORT/metrics is asked")
    path = f"{parts.path or '/metrics'}{'?' + parts.query if parts.query else ''}"
    content = b""
    with socket.create_connection((parts.hostname, parts.port or 80), timeout=patience) as line:
        line.sendall(f"GET {path} HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n".encode())
        while piece := _received(line, ends):
            content += piece
            _bounded(content)
    head, _, body = content.partition(b"\r\n\r\n")
    status = head.split(b"\r\n", 1)[0].split()
    if status[1:2] != [b"200"]:
        raise ValueError(f"it answers {b' '.join(status)[:80].decode(errors='replace') or 'nothing'}")
    return _bounded(body)


def _received(line: socket.socket, ends: float) -> bytes:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    line.settimeout(left)
    return line.recv(65_536)
