"""Becomes another command that ends when its parent does, even by `kill -9`: tether.py PARENT SIGNAL COMMAND…

A script of its own, and not a preexec_fn: that runs between fork and exec, where a process with threads may hang.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1  # survives exec; Linux only: elsewhere a child outlives a parent that was killed


def main() -> None:
    """Never returns."""
    parent, number, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != int(parent):  # it died before we asked
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606  (no shell: that is the point)


if __name__ == "__main__":
    main()
