"""`python -m emulator` serves scale sets alone until it is told to stop."""

import signal
import sys
from argparse import Namespace
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from emulator.command_line import emulated, parse, site
from emulator.health.responder import Polling
from emulator.help_text import startup_message
from emulator.refusals import ArmError
from emulator.wire.server import Tls, serve


def main(arguments: list[str] | None = None) -> int:
    """Serve, and return 0 on SIGINT or SIGTERM; 2 if the options ask for something impossible."""
    asked = parse(arguments)
    stop = Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stop.set())
    with ExitStack() as opened:
        ca_file = asked.ca_file or Path(opened.enter_context(TemporaryDirectory(prefix="emulator-")), "ca.pem")
        tls = None if asked.no_https else Tls(ca_file=ca_file.absolute(), port=asked.https_port)
        try:
            server = opened.enter_context(serve(emulated(asked), asked.host, asked.port, site=site(asked), tls=tls))
        except ArmError as error:
            print(f"emulator: --capacity {asked.capacity} cannot be had: {error.message}", file=sys.stderr)
            return 2
        except OSError as error:
            print(_no_way(asked, error), file=sys.stderr)
            return 2
        if asked.responder:
            for scale_set in server.site.scale_sets:
                opened.enter_context(Polling(scale_set, asked.responder))
        print(startup_message(server, ca_file.absolute()), flush=True)
        stop.wait()
    return 0


def _no_way(asked: Namespace, error: OSError) -> str:
    if error.filename is not None:
        return f"emulator: --ca-file {error.filename}: {error.strerror}; name a file in a folder that can be written to"
    ports = f"{asked.port}" if asked.no_https else f"{asked.port} and {asked.https_port}"
    return f"emulator: cannot listen on {asked.host}, ports {ports}: {error}; --port and --https-port 0 take free ones"


if __name__ == "__main__":
    sys.exit(main())
