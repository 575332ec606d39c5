"""Becomes another command that is killed when its parent dies, even by `kill -9`: bound_to_parent.py PARENT COMMAND…

A script of its own, and not a preexec_fn: that runs between fork and exec, where a process with threads may hang.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # survives exec; Linux only: elsewhere a child outlives a parent that was killed


def main() -> None:
    """Never returns."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        # no signal that a process may handle: one that was stopped would handle it when it is continued, which is never
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != int(parent):  # it died before we asked
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606  (no shell: that is the point)


if __name__ == "__main__":
    main()
