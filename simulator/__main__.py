"""The command line `python -m simulator`, called by `make run`."""

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from threading import Event

from simulator.chaos.command_line import main as chaos
from simulator.chaos_real.command_line import chaos_real
from simulator.day.command_line import main as day
from simulator.options import HELP, InvalidOptions, read
from simulator.parts.environment import SetupFailed
from simulator.run import run
from simulator.showing import chosen, conclude, picture
from simulator.waiting import main as waiting


def main() -> int:
    asked = sys.argv[1:]
    command = _COMMANDS.get(asked[0]) if asked else None
    if command is not None:
        return _told(lambda: command(asked[1:]))
    if asked and set(asked) <= {"-h", "--help"}:
        print(HELP)
        return 0
    if asked not in ([], ["picture"]):
        print(f"{' '.join(asked)}: not understood; options are environment variables\n\n{HELP}")
        return 2
    return _told(_picture if asked else _run)


def _told(run: Callable[[], int]) -> int:
    """The exit status of the run; a mistake of the user's, or a missing part, is printed."""
    try:
        return run()
    except (InvalidOptions, SetupFailed) as mistake:
        print(mistake, file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter complains at its exit
    return 2


def _chaos_real(arguments: Sequence[str]) -> int:
    over = Event()
    _obey_signals(over)
    return chaos_real(arguments, over)


_COMMANDS: Mapping[str, Callable[[Sequence[str]], int]] = {
    "chaos": chaos,
    "day": day,
    "waiting": waiting,
    "chaos-real": _chaos_real,
}


def _run() -> int:
    options = read(os.environ)
    show = chosen(options.viewing, sys.stdout, os.environ)
    over = Event()
    _obey_signals(over)
    summary = run(options, os.environ, over, show)
    conclude(summary, sys.stdout, os.environ)
    if options.json:
        print(summary.as_json())
    sys.stdout.flush()
    return summary.exit_status


def _picture() -> int:
    over = Event()
    _obey_signals(over)
    options = read({"FOR": "45s", **os.environ})
    print(f"a run of {options.seconds:g} seconds; the picture is of one moment in it", file=sys.stderr)
    return run(options, os.environ, over, picture).exit_status


def _obey_signals(over: Event) -> None:
    """The first SIGINT or SIGTERM ends the run in good order; further signals change nothing."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())


if __name__ == "__main__":
    sys.exit(main())
