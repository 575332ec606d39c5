"""`python -m emulator` serves the scale set alone until it is told to stop."""

import signal
import sys
from threading import Event

from emulator.command_line import emulated, parse, site
from emulator.wire.server import RunningServer, serve


def main(arguments: list[str] | None = None) -> int:
    """Serve, and return 0 on SIGINT or SIGTERM."""
    asked = parse(arguments)
    stop = Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stop.set())
    with serve(emulated(asked), asked.host, asked.port, site=site(asked)) as server:
        print(_greeting(server), flush=True)
        stop.wait()
    return 0


def _greeting(server: RunningServer) -> str:
    """One line, whose end can be pasted into a shell."""
    resource = f"{server.url}{server.site.set_id(server.site.scale_sets[0])}"
    listing = f"{resource}/virtualMachines?api-version=2025-04-01&$expand=instanceView"
    return f"emulator: {resource} · try: curl -H 'Authorization: Bearer any' '{listing}'"


if __name__ == "__main__":
    sys.exit(main())
