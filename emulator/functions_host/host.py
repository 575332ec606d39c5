"""One function app on this machine: loaded, and then fired by its timers, or one function of it run once."""

import asyncio
import contextlib
import os
import signal
import threading
from pathlib import Path

from emulator.functions_host import admin, local_settings
from emulator.functions_host.errors import CannotStart
from emulator.functions_host.timers import Timer, keep_firing, timers_of
from emulator.functions_host.worker import Worker, logger

# Whoever stops a process waits a second before it gets impatient; most ticks end in less.
_GRACE_SECONDS = 0.7
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Host:
    """A worker with an app in it, the timers of that app, and the wish to stop."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._timers: tuple[Timer, ...] = ()
        self._stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(self._stop.set))

    async def load(self, app: Path) -> None:
        """Index an app, given by its absolute path, and read its schedules; raises CannotStart."""
        local_settings.check_host_json(app)
        await self._worker.index(app)
        self._timers = timers_of(self._worker.functions.values(), os.environ)

    async def once(self, name: str) -> bool:
        """Run one function to its end; False if it failed, or if the host was stopped first."""
        function = self._worker.functions.get(name)
        if function is None:
            known = ", ".join(self._worker.functions)
            raise CannotStart(f"there is no function {name!r}; this app has {known}")
        run = self._worker.fire(function, "once")
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait([run, stop], return_when=asyncio.FIRST_COMPLETED)
        return run.done() and run.result()

    async def serve(self, port: int | None, seconds: float | None) -> None:
        """Let the timers fire, and answer the admin routes on `port`, until a signal or for so many seconds."""
        facts: dict[str, object] = {"functions": [timer.function.name for timer in self._timers]}
        if port is not None:
            facts["port"] = admin.serve(self._admin(), port)
        listeners = [asyncio.create_task(keep_firing(timer, self._worker)) for timer in self._timers]
        logger.info("host started", extra={"facts": facts})
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), timeout=seconds)
        for listener in listeners:
            listener.cancel()
        logger.info("host stopping", extra={"facts": {"running": len(self._worker.running)}})

    async def leave(self, code: int) -> None:
        """Wait for what still runs, but not for long: end the process with `code` then, whatever it is doing.

        A synchronous function cannot be interrupted, and the interpreter would join its thread for as long as its watch
        lasts. Nothing is lost by os._exit: both output streams are line buffered, and orders to Azure are idempotent.
        """
        deadline = threading.Timer(_GRACE_SECONDS, os._exit, (code,))
        deadline.daemon = True
        deadline.start()
        for number in _STOP_SIGNALS:
            # A terminal signals the whole group, and who started us signals once more: that must not change the code.
            signal.signal(number, signal.SIG_IGN)
        await asyncio.gather(*self._worker.running)

    def _admin(self) -> admin.Admin:
        timed = frozenset(timer.function.name for timer in self._timers)
        return admin.Admin(self._worker, timed, asyncio.get_running_loop())
