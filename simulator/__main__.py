"""The command line: python -m simulator, which is what `make run` calls."""

import os
import signal
import sys
from threading import Event

from simulator.options import HELP, InvalidOptions, read
from simulator.parts.setup_failed import SetupFailed
from simulator.run import run


def main() -> int:
    if len(sys.argv) > 1:
        asked_for_help = set(sys.argv[1:]) <= {"-h", "--help"}
        print(HELP if asked_for_help else f"{sys.argv[1]}: not understood; options are environment variables\n\n{HELP}")
        return 0 if asked_for_help else 2
    try:
        return _run()
    except (InvalidOptions, SetupFailed) as mistake:
        print(mistake, file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter complains at its exit
    return 2


def _run() -> int:
    options = read(os.environ)
    over = Event()
    _obey_signals(over)
    summary = run(options, os.environ, over)
    print("\n" + "\n".join(summary.as_lines()))
    if options.json:
        print(summary.as_json())
    sys.stdout.flush()
    return summary.exit_status


def _obey_signals(over: Event) -> None:
    """The first one ends the run in good order, whatever it is doing; more of them change nothing."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())


if __name__ == "__main__":
    sys.exit(main())
