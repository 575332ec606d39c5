"""The command line: python -m simulator chaos-real, which is what `make chaos-real` calls."""

import os
import sys
from collections.abc import Sequence
from threading import Event

from simulator.chaos_real.campaign import campaign
from simulator.chaos_real.options import options
from simulator.showing import is_coloured
from simulator.table import Colour, Table


def chaos_real(arguments: Sequence[str], over: Event) -> int:
    """Its exit status; raises InvalidOptions and SetupFailed, whose messages are for the user."""
    chosen = options(arguments, os.environ)
    table = Table(sys.stdout, coloured=is_coloured(sys.stdout, os.environ))
    reckoning = campaign(chosen, os.environ, over, table)
    table.free("")
    for line, is_wrong in reckoning.as_lines():
        table.free(line, Colour.RED if is_wrong else Colour.PLAIN)
    if chosen.json:
        print(reckoning.as_json(), flush=True)
    return reckoning.exit_status
