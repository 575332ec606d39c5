"""The command line `python -m simulator chaos-real`, called by `make chaos-real`."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from threading import Event

from simulator.chaos_real.campaign import campaign
from simulator.options import Options, read
from simulator.showing import conclude, is_coloured
from simulator.view import Table

_DESCRIPTION = """\
The whole scaler on real parts, while they are broken again and again: functions hosts are killed (SIGKILL) and stopped
(SIGSTOP), and sometimes there are two; a real redis-server with a replica is killed, stopped, failed over (losing what
it had not copied) and cut off; the wire to the emulated Azure is cut, refused, silent, or swallows what is sent.
Visitors come all the time, through atomic queue managers and naive ones, which die between two steps. An observer
watches Azure's truth, Redis and the visitors. Then nothing breaks any more, and all must settle within a bound.
"""
_STATUS = """\
Every option may also be a variable of the environment, in capitals: FOR=30s SEED=7 make chaos-real. Which thing breaks
when, and for how long, comes from the seed alone; what the processes make of it is real, and differs from run to run.

exit status: 0 all was well · 1 one of the four wrongs, or not settled within the bound · 2 a part is missing or died
"""
_VISITORS = 0.8
"""Times the speed: as many as can be served although everything breaks, so that much happens to machines."""
_CHOICES = (
    ("for", "DURATION", "how long things break: 45, 60s, 2m (default: 2m); setting up and settling come on top"),
    ("seed", "N", "a whole number; another one breaks other things (default: 1)"),
    ("speed", "X", "how much faster than real Azure it runs: 5 to 40 suit the local schedules (default: 20)"),
    ("visitors", "N", "how many come per minute of your clock (default: 0.8 times the speed)"),
)


def chaos_real(arguments: Sequence[str], over: Event) -> int:
    """The exit status; raises InvalidOptions and SetupFailed with messages for the user."""
    chosen = options(arguments, os.environ)
    report = campaign(chosen, os.environ, over, Table(sys.stdout, coloured=is_coloured(sys.stdout, os.environ)))
    conclude(report, sys.stdout, os.environ)
    if chosen.json:
        print(report.as_json(), flush=True)
    return report.exit_status


def options(arguments: Sequence[str], environ: Mapping[str, str]) -> Options:
    """Read all options; raises InvalidOptions with every mistake, and SystemExit as argparse does."""
    given = vars(_parser().parse_args(arguments))
    chosen = {name.upper(): value for name, value in given.items() if value is not None}
    wanted = {"FOR": "2m", **{name: value for name, value in environ.items() if value}, **chosen}
    found = read(wanted)
    return found if "VISITORS" in wanted else replace(found, visitors_per_minute=_VISITORS * found.speed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator chaos-real",
        description=_DESCRIPTION,
        epilog=_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for name, unit, meaning in _CHOICES:
        parser.add_argument(f"--{name}", metavar=unit, help=meaning)
    parser.add_argument("--json", action="store_const", const="1", help="the last line of output is one JSON object")
    return parser
