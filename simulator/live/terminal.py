"""The terminal that a screen is drawn on: whether it can be, whose it is just now, and giving it back."""

import os
import signal
from collections.abc import Callable, Mapping
from time import monotonic
from types import FrameType
from typing import TextIO

_ENTER = b"\x1b[?1049h\x1b[?25l"  # the alternate screen, without a cursor
_LEAVE = b"\x1b[2J\x1b[?25h\x1b[?1049l"


def can_be_drawn_on(out: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether it is a terminal, and one whose cursor can be moved."""
    return out.isatty() and environ.get("TERM", "dumb").lower() not in {"dumb", "unknown"}


class Stopping:
    """Gives the terminal back to the shell on Ctrl-Z, and takes it again when the run is in the foreground again.

    It writes past everybody who may be in the midst of writing: a signal does not wait for them.
    """

    def __init__(self, terminal: int, resumed: Callable[[float], None]) -> None:
        self._terminal = terminal
        self._resumed = resumed  # told for how many seconds the process stood still
        self._stopped_at: float | None = None
        self._former: signal._HANDLER = signal.SIG_DFL

    def begin(self) -> None:
        """From now on."""
        self._former = signal.signal(signal.SIGTSTP, self._stop)

    def cease(self) -> None:
        """No more."""
        signal.signal(signal.SIGTSTP, self._former)

    def take(self) -> bool:
        """Whether it may be written on; not while this runs in the background."""
        ours = _in_foreground(self._terminal)
        if ours and self._stopped_at is not None:
            os.write(self._terminal, _ENTER)
            self._resumed(monotonic() - self._stopped_at)
            self._stopped_at = None
        return ours

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stopped_at = monotonic()
        os.write(self._terminal, _LEAVE)
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)  # returns when somebody says SIGCONT
        signal.signal(signal.SIGTSTP, self._stop)


def _in_foreground(terminal: int) -> bool:
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:  # it is not the terminal that controls us: nobody can take it away
        return True
