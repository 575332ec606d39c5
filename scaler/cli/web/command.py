"""`scaler web`: serve the page until Ctrl-C, on a loopback address and on no other."""

import ipaddress
import socket
from typing import Annotated

import typer

from scaler.cli.environment import Exit, Operator
from scaler.cli.screen import Screen
from scaler.registry.rights import READER

PORT = 8765

_Port = Annotated[int, typer.Option("--port", help="The port; 0: any that is free.", min=0, max=65535)]
_Bind = Annotated[
    str, typer.Option("--bind", metavar="ADDRESS", help="A loopback address, 127.0.0.1 or ::1; no other is served.")
]


def web(context: typer.Context, port: _Port = PORT, bind: _Bind = "127.0.0.1") -> None:
    """Serve a read-only page for a browser on this machine, until Ctrl-C.

    Shows whether all is well, waits, machines over time, cost, and what is held back and why. Asks Redis alone; Azure
    only where you say so on the page.
    """
    screen, operator = Screen(), _operator(context)
    with _listening(screen, bind, port) as place:
        try:
            import uvicorn  # noqa: PLC0415  (only this command needs it)

            from scaler.cli.web.figures import Watcher  # noqa: PLC0415
            from scaler.cli.web.site import site  # noqa: PLC0415
        except ImportError as missing:
            screen.complain(f"scaler web needs {missing.name}, which is not installed: pip install '.[cli,web]'")
            raise typer.Exit(Exit.NOT_DONE) from None
        operator.doors.registry.check(READER)
        app = site(Watcher(operator))
        screen.line(f"http://{f'[{bind}]' if ':' in bind else bind}:{place.getsockname()[1]}/ until Ctrl-C")
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, lifespan="off")
        uvicorn.Server(config).run(sockets=[place])


def _operator(context: typer.Context) -> Operator:
    operator: Operator = context.obj
    return operator


def _listening(screen: Screen, bind: str, port: int) -> socket.socket:
    """A listening place on a loopback address; ends the command where there is none."""
    try:
        loopback = ipaddress.ip_address(bind).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise typer.BadParameter(
            f"{bind[:60]!r} is no loopback address, and the page is for this machine alone; use 127.0.0.1, and reach it"
            f" from elsewhere by ssh -L {PORT}:127.0.0.1:{PORT}"
        )
    try:
        return socket.create_server((bind, port), family=socket.AF_INET6 if ":" in bind else socket.AF_INET)
    except OSError as error:
        screen.complain(f"port {port} of {bind} cannot be had ({error.strerror}): name another one with --port")
        raise typer.Exit(Exit.NOT_DONE) from None
