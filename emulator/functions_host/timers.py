"""Timers that fire as the Functions host's do: never over themselves, and side by side with each other.

The next firing is reckoned from the start of a run. A run that lasts beyond it is therefore followed by exactly one
more, at once, however many firings it missed. One mistake is graver here than in the real host: a schedule that cannot
be read fails the whole start, where the host would put that function alone "in error" and run the others.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from emulator.functions_host import local_settings, ncrontab
from emulator.functions_host.errors import CannotStart
from emulator.functions_host.worker import Function, Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """A function, and when it is due."""

    function: Function
    schedule: ncrontab.Schedule
    runs_on_startup: bool


def timers_of(functions: Iterable[Function], environ: Mapping[str, str]) -> tuple[Timer, ...]:
    """A timer per function that is not disabled; raises CannotStart with every mistake at once."""
    timers, mistakes = [], []
    for function in functions:
        try:
            if not local_settings.disabled(function.name, environ):
                timers.append(_timer(function, environ))
        except CannotStart as mistake:
            mistakes.append(f"{function.name}: {mistake}")
    if mistakes:
        raise CannotStart("\n".join(mistakes))
    return tuple(timers)


async def keep_firing(timer: Timer, worker: Worker) -> None:
    """Fire a timer whenever it is due, until cancelled. A run that has begun is not cancelled with it."""
    due = _now() if timer.runs_on_startup else timer.schedule.next_after(_now())
    while True:
        await _until(due)
        started = _now()
        await asyncio.shield(worker.fire(timer.function, "timer"))
        due = timer.schedule.next_after(started)


def _timer(function: Function, environ: Mapping[str, str]) -> Timer:
    written = function.timer["schedule"]
    setting = " ".join(local_settings.references(written)) or "schedule"
    return Timer(
        function=function,
        schedule=ncrontab.parse(local_settings.resolve(written, environ), setting=setting),
        runs_on_startup=bool(function.timer.get("runOnStartup")),
    )


async def _until(due: datetime) -> None:
    """Wait in steps of a minute at most: a laptop sleeps and its clock is set, which the loop's timers ignore."""
    while (seconds := (due - _now()).total_seconds()) > 0:  # noqa: ASYNC110 -- what it waits for is the time
        await asyncio.sleep(min(seconds, 60.0))


def _now() -> datetime:
    return datetime.now(UTC)
