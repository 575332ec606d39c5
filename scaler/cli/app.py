"""The commands in one place, what a failure says, and the exit status."""

import logging
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from scaler import VERSION
from scaler.cli import (
    adopting,
    by_hand,
    by_name,
    calendar,
    doctor,
    draining,
    explaining,
    gpu,
    metrics,
    pausing,
    sizing,
    status,
    ticking,
    visits,
)
from scaler.cli.environment import Exit, Operator, Who
from scaler.cli.screen import Screen, age
from scaler.cli.web import command as web
from scaler.errors import ScalerError, Throttled
from scaler.settings import SETTINGS, InvalidSettings
from scaler.settings.table import defaults

_SECRET = {"REDIS_PASSWORD", "REDIS_URL"}
_File = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", help="A local.settings.json; what the environment says wins."),
]
_Who = Annotated[
    Who,
    typer.Option(
        "--credential",
        metavar="WHO",
        help="Who to be in Azure: managed-identity, az, or auto: the identity inside Azure, az elsewhere.",
    ),
]


class Commands(TyperGroup):
    """What a command raises becomes a sentence and an exit status, never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except InvalidSettings as mistakes:
            Screen().complain(str(mistakes))
            raise typer.Exit(Exit.MISUSED) from None
        except Throttled as held:
            Screen().complain(f"{held}: try again in {age(held.retry_after)}")
        except ScalerError as error:
            Screen().complain(str(error))
        raise typer.Exit(Exit.NOT_DONE)


app = typer.Typer(
    name="scaler",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        Screen().line(VERSION)
        raise typer.Exit


_Version = Annotated[
    bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version of the scaler.")
]


@app.callback()
def scaler(context: typer.Context, file: _File = None, credential: _Who = Who.AUTO, version: _Version = False) -> None:
    """Look after the scaler: status, plans, sessions by hand, pause, adoption."""
    context.obj = operator = Operator(file=file, who=credential)
    context.call_on_close(operator.close)


def settings(context: typer.Context) -> None:
    """Show the settings, or all mistakes in the settings.

    Defaults are marked. Secrets are not shown.
    """
    operator: Operator = context.obj
    _ = operator.settings  # the mistakes, if there are any
    said = {setting.name: " ".join(operator.environment.get(setting.name, "").split()) for setting in SETTINGS}
    otherwise = {name: f"{default or '–'} (default)" for name, default in defaults(said).items()}
    rows = [
        (name, "(set)" if said[name] and name in _SECRET else said[name] or otherwise[name], meaning)
        for name, _, meaning in SETTINGS
    ]
    Screen().table(("setting", "value", "meaning"), rows, {"value": 20, "meaning": 20})


for command in (
    status.status,
    metrics.metrics,
    gpu.gpu,
    web.web,
    explaining.explain,
    ticking.plan,
    ticking.tick,
    visits.reserve,
    visits.look,
    visits.release,
    visits.cancel,
    pausing.pause,
    pausing.resume,
    adopting.adopt,
    by_hand.distrust,
    by_name.renew,
    by_name.spend,
    by_name.hold,
    by_name.unhold,
    draining.drain,
    by_hand.forget,
    calendar.calendar,
    sizing.size,
    doctor.doctor,
    settings,
):
    app.command()(command)


def main() -> None:
    """`scaler`, and `python -m scaler`."""
    logging.getLogger().addHandler(logging.NullHandler())  # else the SDK's warnings come between our sentences
    app(prog_name="scaler")
