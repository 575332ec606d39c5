"""Processes of a run end with it, even when it is killed and can do nothing about it."""

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic

import pytest

from simulator.parts import child

ROOT = Path(__file__).parents[2]
ORPHAN_LIVES = 20.0  # seconds, if nobody ends it

_PARENT = """\
import sys
from pathlib import Path
from simulator.parts import child
process = child.start(sys.argv[1:], environment={}, folder=Path("."))
print(process.pid, flush=True)
process.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has died")
def test_a_child_ends_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    pipe = tmp_path / "open as long as the child lives"
    os.mkfifo(pipe)
    command = ["/bin/sh", "-c", f'exec sleep {ORPHAN_LIVES} > "{pipe}"']
    with subprocess.Popen([sys.executable, "-c", _PARENT, *command], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        with pipe.open("rb") as lifeline:  # returns when the child has opened its end
            began = monotonic()
            parent.send_signal(signal.SIGKILL)
            assert lifeline.read() == b""
        assert monotonic() - began < ORPHAN_LIVES / 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has died")
def test_a_child_that_was_stopped_ends_with_its_parent_all_the_same(tmp_path: Path) -> None:
    pipe = tmp_path / "open as long as the child lives"
    os.mkfifo(pipe)
    # as redis-server, it handles SIGTERM, which therefore waits until it is continued: for ever
    handling = "import signal, sys; signal.signal(signal.SIGTERM, print); pipe = open(sys.argv[1], 'w'); signal.pause()"
    command = [sys.executable, "-c", handling, str(pipe)]
    with subprocess.Popen([sys.executable, "-c", _PARENT, *command], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child_id = int(parent.stdout.readline())
        with pipe.open("rb") as lifeline:
            os.kill(child_id, signal.SIGSTOP)
            parent.send_signal(signal.SIGKILL)
            try:
                assert select.select([lifeline], [], [], ORPHAN_LIVES / 4)[0], "it is stopped, and stays so for ever"
            finally:
                with suppress(ProcessLookupError):
                    os.kill(child_id, signal.SIGKILL)


def test_a_child_that_does_not_listen_is_ended_all_the_same() -> None:
    deaf = "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
    process = child.start([sys.executable, "-c", deaf], environment={}, folder=ROOT, outputs=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        child.end(process, within=0.2)
    assert process.returncode == -signal.SIGKILL


def test_a_child_that_has_ended_can_be_ended_again() -> None:
    process = child.start(["/bin/sh", "-c", "exit 3"], environment={}, folder=ROOT)
    process.wait()
    child.end(process, within=1)
    assert process.returncode == 3
