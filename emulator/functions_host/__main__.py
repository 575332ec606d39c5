"""The command line of the stand-in: python -m emulator.functions_host."""

import argparse
import asyncio
import io
import logging
import os
import sys
from pathlib import Path

from emulator.functions_host import local_settings
from emulator.functions_host.host import Host
from emulator.functions_host.local_settings import CannotStart
from emulator.functions_host.worker import Worker, install

_DESCRIPTION = """\
A stand-in for `func start`: runs the timer functions of a function app on this machine.

Settings come from the Values of local.settings.json; a variable of the environment beats them.
Every log record that would arrive in Azure is one JSON object on a line of standard output, with what Microsoft's
worker forwards of it: message, level, logger and invocation. `host started` is the first line of the host's own.
Ends on SIGINT or SIGTERM within a second; a function that is still running by then is cut short.
"""
_EXIT_CODES = """\
exit codes: 0 stopped, or --once succeeded · 1 --once failed · 2 cannot start: standard error says what to change
"""


def main() -> int:
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=True)
    options = _parser().parse_args()
    try:
        return asyncio.run(_run(options))
    except CannotStart as mistake:
        print(f"the functions host cannot start: {mistake}", file=sys.stderr)
        return 2


async def _run(options: argparse.Namespace) -> int:
    local_settings.load(options.app, options.settings, os.environ)
    worker = Worker()
    level = logging.DEBUG if os.environ.get("PYTHON_ENABLE_DEBUG_LOGGING") == "1" else logging.INFO
    install(sys.stdout, level, worker.speaker)
    host = Host(worker)
    await host.load(options.app)
    code = 0
    if options.once is None:
        await host.serve(options.port, options.seconds)
    elif not await host.once(options.once):
        code = 1
    await host.leave(code)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m emulator.functions_host",
        description=_DESCRIPTION,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--app",
        type=_folder,
        default=".",
        metavar="DIR",
        help="the folder of function_app.py and host.json (default: here)",
    )
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help="settings (default: local.settings.json of the app, if there is one)",
    )
    parser.add_argument(
        "--port", type=int, metavar="N", help="answer the admin routes on this port; 0 takes a free one"
    )
    how_long = parser.add_mutually_exclusive_group()
    how_long.add_argument("--once", metavar="NAME", help="run this one function now, and exit")
    how_long.add_argument("--for", type=float, dest="seconds", metavar="SECONDS", help="stop after so many seconds")
    return parser


def _folder(text: str) -> Path:
    return Path(text).resolve()


if __name__ == "__main__":
    sys.exit(main())
