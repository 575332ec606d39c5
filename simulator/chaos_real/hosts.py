"""Functions hosts, each with all four functions: one, sometimes two at once; stopped, killed, and started again."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from signal import SIGCONT, SIGKILL, SIGSTOP
from threading import Event, Lock

from simulator.chaos_real.nursery import Nursery
from simulator.parts import child
from simulator.parts.functions_host import FunctionsHost, launch
from simulator.telling import Heard


class Hosts:
    """All of them share settings and doors, as instances of one Function App do."""

    def __init__(self, variables: Mapping[str, str], nursery: Nursery, show: Callable[[Heard], None]) -> None:
        self._variables = variables
        self._nursery = nursery
        self._show = show
        self._running: list[tuple[subprocess.Popen[str], FunctionsHost]] = []  # the oldest first
        self._lock = Lock()

    @property
    def failure(self) -> str | None:
        """Why one of them is dead although nobody killed it."""
        with self._lock:
            return next((why for _, host in self._running if (why := host.failure) is not None), None)

    def start(self, over: Event) -> None:
        """One more; returns when its timers fire. Raises SetupFailed when they never will."""
        process = self._nursery.start(lambda: launch(self._variables, tugged_by=SIGKILL))
        host = FunctionsHost(process, self._show)
        with self._lock:
            self._running.append((process, host))
        host.await_ready(over)

    def kill_oldest(self) -> None:
        """SIGKILL, in the middle of whatever it does."""
        with self._lock:
            if self._running:
                process, _ = self._running.pop(0)
                process.kill()
                process.wait()

    @contextmanager
    def oldest_stopped(self) -> Iterator[None]:
        """SIGSTOP, in the middle of whatever it does; it goes on at the end of the block."""
        with self._lock:
            process = self._running[0][0] if self._running else None
        if process is not None:
            process.send_signal(SIGSTOP)
        try:
            yield
        finally:
            if process is not None:
                process.send_signal(SIGCONT)

    def close(self) -> None:
        """All end."""
        with self._lock:
            for process, _ in self._running:
                child.end(process, within=2.0)
            self._running.clear()

    def __len__(self) -> int:
        return len(self._running)
