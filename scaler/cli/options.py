"""What several commands can be told, in the same words."""

from enum import IntEnum
from typing import Annotated

import typer

from scaler.cli.screen import Screen
from scaler.model.edges import Controller

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Session = Annotated[
    str,
    typer.Argument(
        help="The session's id, as the queue manager knows it; of one without an id, its machine's vm id.",
        show_default=False,
    ),
]
Vm = Annotated[
    str | None,
    typer.Option("--vm", help="Its machine's vm id, where the session was not reserved by these scripts, or long ago."),
]
OneController = Annotated[Controller, typer.Argument(help="One of the four.", show_default=False)]


class Exit(IntEnum):
    """How a command ends; docs/cli.md explains it."""

    DONE = 0
    NOT_DONE = 1  # it could not be done, or not all of it; or something is left to do
    MISUSED = 2  # the command line or the settings; the command line's own status for it
    SOMETHING = 3  # `plan --exit-status`: there is something to do
    INTERRUPTED = 130  # by Ctrl-C: the shell's own status for it


def sure(question: str, *, yes: bool) -> None:
    """Ask, unless told not to. Ends the command where the answer is no, or nobody answers."""
    try:
        agreed = yes or typer.confirm(question, err=True)
    except typer.Abort:
        Screen().complain("\nnobody answered; --yes does not ask")  # after the question
        agreed = False
    if not agreed:
        raise typer.Exit(Exit.NOT_DONE)
