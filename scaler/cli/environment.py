"""The common part of all commands: options and exit statuses, the settings, an identity in Azure, and the doors."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated

import typer
from azure.core.credentials import AccessTokenInfo, TokenRequestOptions
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import AzureCliCredential

from scaler.cli.screen import Screen
from scaler.errors import Refused
from scaler.model.edges import Controller
from scaler.model.instance import Orchestration, ScaleSetName
from scaler.runtime import Doors, open_doors
from scaler.settings import InvalidSettings, Settings, load
from scaler.vmss.credential import managed_identity

_AZ_PATIENCE = 20  # seconds: az is a Python program of its own, and may have to renew its token first

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
    ALARM = 4  # `plan`, `status --check` and `doctor`: an operator should look
    LATE = 5  # `status --check`: a controller has not ticked in time
    INTERRUPTED = 130  # by Ctrl-C: the shell's own status for it


def sure(question: str, *, yes: bool) -> None:
    """Ask, unless told not to. Ends the command where the answer is no, or nobody answers."""
    try:
        agreed = yes or typer.confirm(question, err=True)
    except typer.Abort:
        Screen().complain("\nno answer, so nothing was done; with --yes the command does not ask")  # after the question
        agreed = False
    if not agreed:
        raise typer.Exit(Exit.NOT_DONE)


class Who(StrEnum):
    """The identity towards Azure."""

    AUTO = "auto"  # the managed identity where there is one, else whoever logged in
    MANAGED_IDENTITY = "managed-identity"  # inside Azure
    AZ = "az"  # whoever said `az login` on this machine


@dataclass(frozen=True, kw_only=True)  # no slots: what is opened once is kept
class Operator:
    """A person at a command line. Settings and doors are read when a command asks for them."""

    file: Path | None
    who: Who

    @cached_property
    def settings(self) -> Settings:
        """Raises InvalidSettings with every mistake."""
        os.environ |= self.environment  # azure-identity finds its endpoint there
        return load(self.environment)

    @property
    def environment(self) -> Mapping[str, str]:
        """The file's values, and the environment's, which win."""
        return {**(values_in(self.file) if self.file is not None else {}), **os.environ}

    @cached_property
    def doors(self) -> Doors:
        """Open, but nobody has gone through yet."""
        return self._opened(self.settings)

    def doors_to(self, name: ScaleSetName) -> Doors:
        """The doors with a scale set of the same resource group that is not configured, in place of the configured."""
        return self._opened(replace(self.settings, scale_sets=(name,), orchestration={name: Orchestration.UNIFORM}))

    def _opened(self, settings: Settings) -> Doors:
        return open_doors(settings, managed_identity(settings.client_id) if self.by_identity else _AzLogin())

    @property
    def by_identity(self) -> bool:
        """Whether Azure is asked as the managed identity, and not as a person."""
        inside = "IDENTITY_ENDPOINT" in os.environ  # where Functions and App Service have managed identities
        return self.who is Who.MANAGED_IDENTITY or (self.who is Who.AUTO and inside)

    def close(self) -> None:
        """Hang up, if anybody was called."""
        if "doors" in self.__dict__:  # where cached_property keeps them
            self.doors.close()


def values_in(file: Path) -> dict[str, str]:
    """The Values of a local.settings.json. Raises InvalidSettings for another file."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidSettings((f"{file}: cannot be read ({error.strerror})",)) from None
    except ValueError as error:
        raise InvalidSettings((f"{file}: not JSON ({error})",)) from None
    values = content.get("Values") if isinstance(content, dict) else None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise InvalidSettings((f'{file}: expected {{"Values": {{"NAME": "value", …}}}} with texts only',))
    if content.get("IsEncrypted") is True:
        raise InvalidSettings((f"{file}: its values are encrypted; decrypt them: func settings decrypt",))
    return values


class _AzLogin(AzureCliCredential):
    """The person who logged in with az; a missing login is reported with the remedy."""

    def __init__(self) -> None:
        super().__init__(process_timeout=_AZ_PATIENCE)

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """A token. Raises Refused."""
        try:
            found: AccessTokenInfo = super().get_token_info(*scopes, options=options)
        except ClientAuthenticationError as error:
            remedy = "say `az login`, or --credential managed-identity on a machine that has one"
            raise Refused(f"no token for Azure: {remedy} ({error.message})", type(error).__name__) from error
        return found
