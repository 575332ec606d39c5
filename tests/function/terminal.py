"""A terminal with a process on it, as a user has one: it can be read, typed into and resized."""

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

_ESCAPE = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>])")
_HOME = "\x1b[H"
ENTERED, LEFT = "\x1b[?1049h", "\x1b[?1049l"
"""The alternate screen begins, and gives way to what was there before."""
CURSOR_HIDDEN, CURSOR_SHOWN = "\x1b[?25l", "\x1b[?25h"


# not pty.fork: a process with threads, such as one that runs tests, had better not fork
_TAKE_IT = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"


class Terminal:
    """Use it as a context manager: whatever still runs on it is killed in the end."""

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str], folder: Path) -> None:
        self.output = ""  # everything so far
        self._end, theirs = os.openpty()
        self.resize(100, 30)
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _TAKE_IT, *command],
            env=dict(environment),
            cwd=folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def resize(self, width: int, height: int) -> None:
        """So many columns and lines from now on."""
        fcntl.ioctl(self._end, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def press(self, keys: bytes) -> None:
        """As if somebody typed them."""
        os.write(self._end, keys)

    def read_until(self, text: str, *, within: float, after: int = 0) -> int:
        """Where in the output, after so many characters, the text ends; fails when it does not come in time."""
        until = monotonic() + within
        while text not in self.output[after:]:
            assert monotonic() < until, f"no {text!r} within {within} s, but {self.output[-3000:]!r}"
            assert self._read(until - monotonic()), f"it ended without {text!r}: {self.output[-3000:]!r}"
        return self.output.index(text, after) + len(text)

    def exit_status(self, *, within: float) -> int:
        """Read to the end, and what the process came to."""
        until = monotonic() + within
        while self._read(until - monotonic()):
            assert monotonic() < until, f"it did not end within {within} s: {self.output[-3000:]!r}"
        return self.process.wait(max(until - monotonic(), 0.1))

    def lines(self, begin: int = 0, end: int | None = None) -> list[str]:
        """That part of the output, without its escape sequences; a new screen begins a new line."""
        return _ESCAPE.sub("", self.output[begin:end].replace(_HOME, "\n")).replace("\r", "").split("\n")

    def _read(self, patience: float) -> bool:
        """Some more; False at the end of it all."""
        if not select.select([self._end], [], [], max(patience, 0.0))[0]:
            return True
        try:
            found = os.read(self._end, 65_536)
        except OSError:  # Linux: nobody has the other end open any more
            found = b""
        self.output += found.decode(errors="replace")
        return bool(found)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._end)
        with self.process:
            self.process.kill()
